"""The few thresholds of post-processing, chosen on validation images instead of typed in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.instances.watershed import METHODS, PostProcessing, segment

Score = Callable[[list[NDArray[Any]], list[NDArray[Any]]], float]
"""How good predicted instances are for true ones, over all images together; larger is better."""

Grid = Mapping[str, Sequence[Any]]
"""Values to try for fields of PostProcessing."""

THRESHOLDS: dict[str, Grid] = {
    "foreground": {"foreground_threshold": (0.3, 0.4, 0.5, 0.6), "seed_threshold": (0.0, 0.7, 0.8, 0.9)},
    "boundary": {"foreground_threshold": (0.3, 0.4, 0.5, 0.6), "seed_threshold": (0.3, 0.4, 0.5, 0.6, 0.7)},
    "distance": {"foreground_threshold": (0.3, 0.4, 0.5, 0.6), "seed_threshold": (0.3, 0.4, 0.5, 0.6, 0.7)},
}
"""Thresholds worth trying, by method."""


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        post: the best.
        score: its score.
        trials: everything that was tried, with its score, in order.
    """

    post: PostProcessing
    score: float
    trials: tuple[tuple[PostProcessing, float], ...]


def default_grids(method: str, truths: Sequence[NDArray[Any]]) -> tuple[Grid, ...]:
    """Thresholds first, then sizes up to half of what the smallest true objects have (their first percentile).

    Raises:
        UnknownNameError: there is no such method.

    >>> default_grids("boundary", [np.ones((10, 10), int)])[1]
    {'min_size_px': (1, 12, 25, 50), 'min_seed_px': (1, 3)}
    """
    if method not in METHODS:
        raise UnknownNameError("method of post-processing", method, METHODS)
    areas = [np.unique(truth[truth > 0], return_counts=True)[1] for truth in truths]
    pooled = np.concatenate([*areas, np.empty(0, np.int64)])
    smallest = float(np.percentile(pooled, 1)) if pooled.size else 1.0
    sizes = sorted({max(1, int(smallest * part)) for part in (0, 1 / 8, 1 / 4, 1 / 2)})
    return THRESHOLDS[method], {"min_size_px": tuple(sizes), "min_seed_px": (1, 3)}


def tune(
    maps: Sequence[NDArray[Any]],
    truths: Sequence[NDArray[Any]],
    score: Score,
    *,
    start: PostProcessing,
    grids: Sequence[Grid] | None = None,
) -> Tuned:
    """Choose the parameters of post-processing that score best on validation images.

    The grids are searched one after the other, each around the best so far. Of equal ones the first stays, so the
    result never scores below `start`. A score that is not a number counts as the worst.

    Args:
        maps: predicted maps (K, *S) per image.
        truths: true ids (*S) per image.
        score: how good instances are; see `Score`.
        start: where to start, with the method.
        grids: values to try; None takes `default_grids`.

    Raises:
        DataError: there are no images, or not one truth for each.
        UnknownNameError: a grid names no field of PostProcessing.

    >>> inside = np.array([[0.1, 0.45, 0.0]])
    >>> equal = lambda found, true: float(np.array_equal(found[0] > 0, true[0] > 0))
    >>> grid = {"foreground_threshold": (0.4,), "seed_threshold": (0.4,)}
    >>> tune([np.stack([1 - inside, inside])], [np.array([[0, 1, 0]])], equal, start=PostProcessing(), grids=[grid]).score
    1.0
    """
    if not maps or len(maps) != len(truths):
        raise DataError(f"expected one truth for each of one or more images, got {len(maps)} and {len(truths)}")
    known = start.to_dict()
    grids = default_grids(start.method, truths) if grids is None else grids
    for name in (name for grid in grids for name in grid if name not in known):
        raise UnknownNameError("parameter of post-processing", name, known)

    def tried(post: PostProcessing) -> tuple[PostProcessing, float]:
        value = score([segment(m, post) for m in maps], list(truths))
        return post, -np.inf if np.isnan(value) else float(value)

    trials = [tried(start)]
    best = trials[0]
    for grid in grids:
        origin = best[0]
        for values in product(*grid.values()):
            trials.append(tried(replace(origin, **dict(zip(grid, values, strict=True)))))
            best = max(best, trials[-1], key=lambda trial: trial[1])
    return Tuned(*best, tuple(trials))
