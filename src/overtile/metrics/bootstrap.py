"""Percentile bootstrap confidence intervals (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.metrics.sums import ByObject, Number, add, map_fields

RESAMPLES = 1000
LEVEL = 0.95
_CHUNK = 4_000_000  # weights held at once

S = TypeVar("S")


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval; NaN where none can be given."""

    low: Number
    high: Number


def draw_weights(units: int, *, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each unit is drawn when as many units as there are, are drawn with replacement; (resamples, units).

    >>> draw_weights(4, resamples=3, rng=np.random.default_rng(0)).sum(axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    drawn = rng.integers(units, size=(resamples, units)) + units * np.arange(resamples)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def resample(sums: ByObject[S], *, resamples: int, rng: np.random.Generator) -> S:
    """Sums of an image whose objects are drawn anew; fields of shape (resamples, ...)."""
    if sums.count == 0:
        return map_fields(sums.rest, lambda field: np.repeat(field[np.newaxis], resamples, axis=0))
    step = max(1, _CHUNK // sums.count)
    chunks = []
    for start in range(0, resamples, step):
        weights = draw_weights(sums.count, resamples=min(step, resamples - start), rng=rng)
        chunks.append(weigh(sums.objects, weights))
    drawn = type(sums.rest)(*(np.concatenate([getattr(c, n) for c in chunks]) for n in vars(chunks[0])))
    return add(drawn, map_fields(sums.rest, lambda field: np.repeat(field[np.newaxis], resamples, axis=0)))


def weigh(sums: S, weights: NDArray[np.float64]) -> S:
    """Weighted sums over the first axis: fields (units, ...) and weights (resamples, units) to (resamples, ...)."""
    return map_fields(sums, lambda field: np.tensordot(weights, field, axes=1))


def percentile_interval(values: NDArray[np.float64], *, level: float = LEVEL) -> Interval:
    """Interval that holds the middle `level` of the resampled values, along the first axis; NaN left out.

    >>> interval = percentile_interval(np.arange(101.0), level=0.9)
    >>> round(float(interval.low)), round(float(interval.high))
    (5, 95)
    """
    columns = values.reshape(len(values), -1)
    bounds = np.full((2, columns.shape[1]), np.nan)
    for i, column in enumerate(columns.T):
        known = column[~np.isnan(column)]
        if known.size:
            bounds[:, i] = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    low, high = bounds.reshape(2, *values.shape[1:])
    return Interval(low[()], high[()])


def bootstrap_interval(
    sums: S,
    metric: Callable[[S], Number],
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Confidence interval of a metric of summed statistics over images or objects drawn with replacement.

    Args:
        sums: statistics with one unit (an image or an object) per entry of the first axis.
        metric: function of the sums over all units.
        rng: source of the resamples; the same state gives the same interval.
        resamples: number of resamples.
        level: share of them inside the interval.

    Raises:
        DataError: fewer than two units, which tell nothing about spread.

    >>> from overtile.metrics.pixel import PixelCounts, pixel_error
    >>> even = PixelCounts(*(np.full(5, n) for n in (3.0, 1.0, 0.0, 4.0)))  # five images, all alike
    >>> bootstrap_interval(even, pixel_error, rng=np.random.default_rng(0))
    Interval(low=np.float64(0.125), high=np.float64(0.125))
    """
    units = ByObject(sums, sums).count
    if units < 2:
        raise DataError(f"expected at least 2 images or objects for an interval, got {units}; score more of them")
    weights = draw_weights(units, resamples=resamples, rng=rng)
    return percentile_interval(np.asarray(metric(weigh(sums, weights))), level=level)
