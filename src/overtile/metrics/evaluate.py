"""Pool the scores of images into totals with confidence intervals, in the form that `overtile evaluate` writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.metrics import ctc, matching, overlap
from overtile.metrics.bootstrap import RESAMPLES, draw_weights, percentile_interval, resample, weigh
from overtile.metrics.boundary import boundary_iou
from overtile.metrics.pixel import pixel_error_f
from overtile.metrics.rand import rand_error, v_rand
from overtile.metrics.score import ImageScore
from overtile.metrics.sums import ByObject, Number, largest, mean_known, ratio, stack

FEW_IMAGES = 5
"""With fewer images than this, objects are resampled instead of images."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """How a number comes from the statistics of one family.

    Attributes:
        family: key of ImageScore.statistics.
        value: metric of sums; of the sums over all images where `best` is None, else of each image's, per threshold.
        better: direction.
        best: choice among thresholds, applied to the mean over the images (V^Info and warping, as in Fiji).
        per_class: whether the last axis of the value is classes, to be listed and averaged.
    """

    family: str
    value: Callable[[Any], Number]
    better: Literal["lower", "higher"]
    best: Callable[[Number], Number] | None = None
    per_class: bool = False


METRICS: dict[str, Metric] = {
    "pixel_error": Metric("confusion", lambda c: 1 - overlap.pixel_accuracy(c), "lower"),
    "pixel_error_f": Metric("pixels", pixel_error_f, "lower"),
    "rand_error": Metric("rand", rand_error, "lower"),
    "warping_error": Metric("warping", lambda c: ratio(c.mismatches, c.pixels), "lower", best=lambda v: -largest(-v)),
    "warping_error_challenge": Metric(
        "warping", lambda c: ratio(c.splits_and_merges, c.pixels), "lower", best=lambda v: -largest(-v)
    ),
    "v_rand": Metric("thinned_rand", v_rand, "higher"),
    "v_info": Metric("information", lambda s: s.f_score, "higher", best=largest),
    "pixel_accuracy": Metric("confusion", overlap.pixel_accuracy, "higher"),
    "iou": Metric("confusion", overlap.iou, "higher", per_class=True),
    "dice": Metric("confusion", overlap.dice, "higher", per_class=True),
    "boundary_iou": Metric("boundary", boundary_iou, "higher", per_class=True),
    "hausdorff_95": Metric("distance", lambda d: d.per_class, "lower", best=lambda v: v, per_class=True),
    "seg": Metric("tracking", ctc.seg, "higher"),
    "det": Metric("tracking", ctc.det, "higher"),
    "op_csb": Metric("tracking", ctc.op_csb, "higher"),
    "ap_50": Metric("matching", lambda c: np.asarray(matching.average_precision(c))[..., 0], "higher"),
    "ap_75": Metric("matching", lambda c: np.asarray(matching.average_precision(c))[..., 5], "higher"),
    "ap_mean": Metric("matching", matching.mean_average_precision, "higher"),
    "f1_50": Metric("matching", lambda c: np.asarray(matching.f1(c))[..., 0], "higher"),
    "precision_50": Metric("matching", lambda c: np.asarray(matching.precision(c))[..., 0], "higher"),
    "recall_50": Metric("matching", lambda c: np.asarray(matching.recall(c))[..., 0], "higher"),
    "pq_50": Metric("matching", lambda c: np.asarray(matching.panoptic_quality(c))[..., 0], "higher"),
}


def aggregate(
    scores: Mapping[str, ImageScore], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, dict[str, Any]]:
    """Totals over all images and values of each image, every one with its 95 % bootstrap interval.

    Totals are those of pooled counts, so that large images and images with many objects weigh more; V^Info, the warping
    errors and the Hausdorff distance are means over the images that define them. From FEW_IMAGES images on, the
    interval is over images; below, and for a single image, it is over objects within each image.

    Args:
        scores: one score per image, by name; all of one task.
        rng: source of the resamples; the same state gives the same intervals.
        resamples: number of resamples.

    Returns:
        {"total": {metric: entry}, "images": {name: {metric: entry}}}, an entry being {"value", "low", "high"}. That of
        a metric with classes holds their mean, and "per_class": {"0": entry, ...}. None stands for what is not
        defined: a value that nothing measures, an interval from fewer than two images or objects. Ready for JSON.

    Raises:
        DataError: there is no score, or the scores are of several tasks.

    >>> from overtile.metrics.score import score_image
    >>> one = score_image(np.array([[1, 1, 0, 0]]), np.array([[1, 1, 0, 1]]), task="semantic")
    >>> aggregate({"a": one}, rng=np.random.default_rng(0))["total"]["pixel_error"]["value"]
    0.25
    """
    tasks = sorted({score.task for score in scores.values()})
    if len(tasks) != 1:
        raise DataError(f"expected scores of one task, got {tasks or 'no score'}; score all images with one task")
    families = {family for score in scores.values() for family in score.statistics}
    names = [name for name, metric in METRICS.items() if metric.family in families]
    return {
        "total": _entries(list(scores.values()), names, rng, resamples),
        "images": {stem: _entries([score], names, rng, resamples) for stem, score in scores.items()},
    }


def _entries(
    scores: Sequence[ImageScore], names: Sequence[str], rng: np.random.Generator, resamples: int
) -> dict[str, Entry]:
    """Value and interval of every named metric over some images."""
    entries: dict[str, Entry] = {}
    draws: dict[str, _Draw | None] = {}
    for name in names:
        metric = METRICS[name]
        parts = [score.statistics[metric.family] for score in scores if metric.family in score.statistics]
        if metric.family not in draws:
            draws[metric.family] = _draw(parts, rng, resamples)
        entries[name] = _entry(metric, parts, draws[metric.family])
    return entries


@dataclass(frozen=True)
class _Draw:
    """Sums per image, drawn anew (images, resamples, ...) or as they are (images, ...), and weights of the images."""

    sums: Any
    weights: NDArray[np.float64]


def _draw(parts: Sequence[ByObject[Any]], rng: np.random.Generator, resamples: int) -> _Draw | None:
    """Resample images, or the objects of few images; None where there are too few of both."""
    if len(parts) >= FEW_IMAGES:
        weights = draw_weights(len(parts), resamples=resamples, rng=rng)
        return _Draw(stack([part.whole for part in parts]), weights)
    if sum(part.count for part in parts) < 2:
        return None
    drawn = stack([resample(part, resamples=resamples, rng=rng) for part in parts])
    return _Draw(drawn, np.ones((1, len(parts))))


def _entry(metric: Metric, parts: Sequence[ByObject[Any]], draw: _Draw | None) -> Entry:
    if not parts:
        return _numbers(*np.full(3, np.nan))
    once = np.ones((1, len(parts)))
    point = _estimate(metric, _Draw(stack([part.whole for part in parts]), once))[0]
    samples = np.full((1, *point.shape), np.nan) if draw is None else _estimate(metric, draw)
    samples = samples.reshape(-1, *point.shape)
    interval = percentile_interval(samples)
    if not metric.per_class:
        return _numbers(point, interval.low, interval.high)
    mean = percentile_interval(np.asarray(mean_known(samples, axis=-1)))
    columns = zip(point, np.atleast_1d(interval.low), np.atleast_1d(interval.high), strict=True)
    per_class = {str(c): _numbers(*column) for c, column in enumerate(columns)}
    return {**_numbers(mean_known(point, axis=-1), mean.low, mean.high), "per_class": per_class}


def _estimate(metric: Metric, draw: _Draw) -> NDArray[np.float64]:
    """Metric of every weighting of the images, (weightings, ...)."""
    if metric.best is None:
        return np.asarray(metric.value(weigh(draw.sums, draw.weights)))
    values = np.asarray(metric.value(draw.sums))
    known = ~np.isnan(values)
    total = np.tensordot(draw.weights, np.where(known, values, 0), axes=1)
    return np.asarray(metric.best(ratio(total, np.tensordot(draw.weights, known, axes=1))))


def _numbers(value: Number, low: Number, high: Number) -> Entry:
    named = {"value": float(value), "low": float(low), "high": float(high)}
    return {name: None if np.isnan(number) else number for name, number in named.items()}
