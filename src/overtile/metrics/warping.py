"""Warping error: topological mistakes that remain when borders may move freely (Jain et al. 2010)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray

from overtile.metrics.objects import THRESHOLDS, check_plane, check_same_shape, exceeds
from overtile.metrics.simple_points import NEIGHBOURS, simple_point_table
from overtile.metrics.sums import Number, add, largest, ratio, stack

WINDOW_RADIUS_PX = 20
"""A mismatch joins or parts what is not connected within this distance (chessboard)."""

_OFFSETS = np.array(NEIGHBOURS)


@dataclass(frozen=True)
class Warped:
    """Truth warped towards a proposal.

    Attributes:
        mask: (y, x) the warped truth.
        mismatches: (y, x) where it still differs from the proposal.
        splits_and_merges: (y, x) those mismatches that part or join objects.
    """

    mask: NDArray[np.bool_]
    mismatches: NDArray[np.bool_]
    splits_and_merges: NDArray[np.bool_]


@dataclass(frozen=True)
class WarpingCounts:
    """Mismatches that warping leaves, per threshold. Adds up over the slices of a stack of equal slices."""

    mismatches: Number
    splits_and_merges: Number
    pixels: Number

    __add__ = add


def warp(
    truth: NDArray[Any],
    proposal: NDArray[Any],
    *,
    threshold: float = 0.5,
    valid: NDArray[np.bool_] | None = None,
) -> Warped:
    """Flip simple points of the truth wherever that brings it closer to a proposal.

    Mismatching pixels are visited by falling |proposal - threshold|, ties by column, then row; a simple one is flipped
    at once; passes repeat until one changes nothing. The foreground is 4-connected, the background 8-connected and
    goes on beyond the image edge. As Fiji does it. Of the pixels left over, one that joins two or more pieces of
    foreground within WINDOW_RADIUS_PX is a merge, one whose removal leaves two or more is a split; the rest add or
    delete objects or holes.

    Args:
        truth: (y, x) mask; anything but 0 is inside.
        proposal: (y, x) mask, or probabilities in [0, 1] of being inside.
        threshold: proposal > threshold is inside.
        valid: pixels to compare; all where None. The others are background in both.

    Raises:
        ShapeError: not planes of one size.

    >>> warp(np.array([[1, 1, 0, 1]]), np.array([[1, 1, 1, 1]])).splits_and_merges.astype(int).tolist()
    [[0, 0, 1, 0]]
    """
    check_plane("truth", truth)
    check_same_shape(truth, proposal, valid)
    inside = exceeds(proposal, threshold)
    start = truth != 0
    if valid is not None:
        inside, start = inside & valid, start & valid
    x, y = np.nonzero((start != inside).T)
    margin = np.abs(proposal[y, x].astype(np.float32).astype(np.float64) - threshold)
    order = np.argsort(-margin, kind="stable")
    mask = np.pad(start.astype(np.uint8), 1)
    at = (y[order] + 1) * mask.shape[1] + x[order] + 1
    remaining = _flip(mask, at, simple_point_table(), _OFFSETS)
    mismatches = np.zeros(mask.shape, np.bool_)
    mismatches.flat[remaining] = True
    topological = np.zeros(mask.shape, np.bool_)
    topological.flat[remaining[_joins(mask, remaining, WINDOW_RADIUS_PX)]] = True
    return Warped(mask[1:-1, 1:-1] != 0, mismatches[1:-1, 1:-1], topological[1:-1, 1:-1])


def warping_counts(
    truth: NDArray[Any],
    proposal: NDArray[Any],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    valid: NDArray[np.bool_] | None = None,
) -> WarpingCounts:
    """Count what warping leaves at every threshold; fields have shape (thresholds,). Arguments as in `warp`.

    >>> warping_counts(np.array([[1, 1, 0, 1]]), np.array([[1, 1, 1, 1]]), thresholds=(0.5,)).splits_and_merges
    array([1.])
    """
    pixels = float(truth.size if valid is None else np.count_nonzero(valid))
    steps = []
    for threshold in thresholds:
        warped = warp(truth, proposal, threshold=threshold, valid=valid)
        mismatches = float(np.count_nonzero(warped.mismatches))
        topological = float(np.count_nonzero(warped.splits_and_merges))
        steps.append(WarpingCounts(mismatches, topological, pixels))
    return stack(steps)


def warping_error(counts: WarpingCounts) -> Number:
    """Classic warping error (Jain et al. 2010, eq. 2), least over the thresholds, the last axis of the counts.

    e = min_threshold mismatches / pixels, in [0, 1], lower is better. Not symmetric: the truth is warped. Two empty
    masks: 0; one empty: the share of the other, as no first pixel of an object is simple. NaN if no pixel is valid.

    >>> warping_error(WarpingCounts(np.array([3.0, 2.0]), np.array([0.0, 1.0]), np.array([100.0, 100.0])))
    np.float64(0.02)
    """
    return -largest(-ratio(counts.mismatches, counts.pixels))


def warping_error_challenge(counts: WarpingCounts) -> Number:
    """Minimum splits and mergers warping error, the ranking of the ISBI 2012 challenge (Arganda-Carreras et al. 2015).

    e = min_threshold (mismatches that split or merge) / pixels, in [0, 1], lower is better. Missing and invented
    objects and holes do not count, so a truth or a proposal without objects gives 0. NaN if no pixel is valid.

    >>> warping_error_challenge(WarpingCounts(np.array([3.0, 2.0]), np.array([0.0, 1.0]), np.array([100.0, 100.0])))
    np.float64(0.0)
    """
    return -largest(-ratio(counts.splits_and_merges, counts.pixels))


@njit(cache=True)
@no_type_check
def _flip(mask, mismatches, simple, offsets):
    """Flip simple mismatches of a padded mask in place, pass after pass; return those left, in order."""
    width = mask.shape[1]
    left = mismatches.copy()
    count = len(left)
    while True:
        kept = 0
        for i in range(count):
            y, x = left[i] // width, left[i] % width
            code = 0
            for bit in range(8):
                code |= mask[y + offsets[bit, 0], x + offsets[bit, 1]] << bit
            if simple[code]:
                mask[y, x] = 1 - mask[y, x]
            else:
                left[kept] = left[i]
                kept += 1
        if kept == count:
            return left[:kept].copy()
        count = kept


@njit(cache=True)
@no_type_check
def _joins(mask, pixels, radius):
    """Whether each pixel, as foreground, has two or more pieces of foreground beside it within its window."""
    width = mask.shape[1]
    joins = np.zeros(len(pixels), np.bool_)
    seen = np.zeros(mask.shape, np.int32)
    todo = np.empty((2 * radius + 1) ** 2, np.int64)
    for i in range(len(pixels)):
        y, x = pixels[i] // width, pixels[i] % width
        window = (y - radius, y + radius, x - radius, x + radius)
        seen[y, x] = i + 1
        if mask[y - 1, x] + mask[y, x - 1] + mask[y, x + 1] + mask[y + 1, x] < 2:
            continue
        pieces = 0
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if mask[v, u] and seen[v, u] != i + 1:
                pieces += 1
                _visit(mask, seen, v * width + u, i + 1, window, todo)
        joins[i] = pieces > 1
    return joins


@njit(cache=True)
@no_type_check
def _visit(mask, seen, start, mark, window, todo):
    """Mark the piece of foreground around `start` inside a window."""
    top, bottom, left, right = window
    width = mask.shape[1]
    todo[0], waiting = start, 1
    seen[start // width, start % width] = mark
    while waiting > 0:
        waiting -= 1
        y, x = todo[waiting] // width, todo[waiting] % width
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            inside = top <= v <= bottom and left <= u <= right
            if inside and mask[v, u] and seen[v, u] != mark:
                seen[v, u] = mark
                todo[waiting] = v * width + u
                waiting += 1
