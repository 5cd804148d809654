"""Whole-image statistics split by truth object, so that an interval can be had from one image.

Pixels inside a truth object belong to it. Those of a predicted object outside the truth are shared among the truth
objects that it overlaps, in proportion to the overlap. What overlaps no truth object belongs to none.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from overtile.metrics.contingency import Contingency
from overtile.metrics.overlap import Confusion
from overtile.metrics.pixel import PixelCounts
from overtile.metrics.sums import ByObject, map_fields
from overtile.metrics.warping import WarpingCounts, warp

S = TypeVar("S")


def only_objects(objects: S) -> ByObject[S]:
    """Sums that belong to objects alone."""
    return ByObject(objects, map_fields(objects, lambda field: np.zeros(field.shape[1:])))


def sweep(steps: Sequence[ByObject[S]]) -> ByObject[S]:
    """Join the sums at several thresholds; the thresholds become the last axis."""
    return ByObject(_last_axis([step.objects for step in steps]), _last_axis([step.rest for step in steps]))


def pixels_by_object(table: Contingency) -> ByObject[PixelCounts]:
    """Pixels found, invented, missed and rightly left out, as masks.

    >>> from overtile.metrics.contingency import contingency
    >>> by_object = pixels_by_object(contingency(np.array([1, 1, 2, 0, 0]), np.array([1, 0, 1, 1, 0])))
    >>> by_object.objects.tp.tolist(), by_object.objects.fp.tolist(), float(by_object.rest.tn)
    ([1.0, 1.0], [0.5, 0.5], 1.0)
    """
    confusion = _confusion(table, np.sign(table.truth_ids), np.sign(table.prediction_ids), classes=2)

    def counts(matrix: NDArray[np.float64]) -> PixelCounts:
        return PixelCounts(matrix[..., 1, 1], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 0, 0])

    return ByObject(counts(confusion[1:]), counts(confusion[0]))


def confusion_by_object(
    table: Contingency, truth_class: NDArray[np.int64], prediction_class: NDArray[np.int64], *, classes: int
) -> ByObject[Confusion]:
    """Confusion of classes; `truth_class` and `prediction_class` give the class of every row and column."""
    matrix = _confusion(table, truth_class, prediction_class, classes=classes)
    return ByObject(Confusion(matrix[1:]), Confusion(matrix[0]))


def warping_by_object(
    truth: NDArray[Any],
    objects: NDArray[Any],
    proposal: NDArray[Any],
    *,
    thresholds: Sequence[float],
    valid: NDArray[np.bool_],
) -> ByObject[WarpingCounts]:
    """Mismatches that warping leaves, each with the nearest truth object; the pixel count belongs to none.

    Args:
        truth: (y, x) mask to warp.
        objects: (y, x) ids of the truth's objects, 0 outside `valid`.
        proposal: (y, x) mask or probabilities.
        thresholds: levels of the proposal.
        valid: (y, x) pixels to count.
    """
    ids = np.unique(objects[objects != 0])
    steps = []
    for threshold in thresholds:
        warped = warp(truth, proposal, threshold=threshold, valid=valid)
        owner = _nearest(objects, ids, warped.mismatches)
        topological = warped.splits_and_merges[warped.mismatches]
        counts = WarpingCounts(
            np.bincount(owner, minlength=len(ids) + 1).astype(np.float64),
            np.bincount(owner, weights=topological, minlength=len(ids) + 1).astype(np.float64),
            np.append(np.zeros(len(ids)), float(np.count_nonzero(valid))),
        )
        steps.append(ByObject(map_fields(counts, lambda f: f[:-1]), map_fields(counts, lambda f: f[-1])))
    return sweep(steps)


def _confusion(
    table: Contingency, truth_class: NDArray[np.int64], prediction_class: NDArray[np.int64], *, classes: int
) -> NDArray[np.float64]:
    """(1 + objects, K, K) matrices; the first is that of the pixels of no object."""
    matrix = np.zeros((len(table.truth_ids), classes, classes))
    overlap = (table.row > 0) & (table.col > 0)
    row, col, shared = table.row[overlap], table.col[overlap], table.count[overlap]
    inside = np.bincount(col, weights=shared, minlength=len(table.prediction_ids))
    own = (table.row > 0) | (inside[table.col] == 0)
    at = table.row[own], truth_class[table.row[own]], prediction_class[table.col[own]]
    np.add.at(matrix, at, table.count[own])
    outside = np.zeros(len(table.prediction_ids))
    outside[table.col[~own]] = table.count[~own]
    np.add.at(matrix, (row, truth_class[0], prediction_class[col]), outside[col] * shared / inside[col])
    return matrix


def _nearest(objects: NDArray[Any], ids: NDArray[Any], pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index into `ids` of the object nearest to each marked pixel; 0, past the last, without objects."""
    owner = objects[pixels]
    outside = np.argwhere(pixels & (objects == 0))
    if len(ids) and len(outside):
        outline = np.argwhere((objects != 0) & ndimage.binary_dilation(objects == 0))
        owner[owner == 0] = objects[tuple(outline[cKDTree(outline).query(outside)[1]].T)]
    return np.searchsorted(ids, owner).astype(np.int64)


def _last_axis(steps: Sequence[S]) -> S:
    names = list(vars(steps[0]))
    return type(steps[0])(*(np.stack([getattr(s, name) for s in steps], axis=-1) for name in names))
