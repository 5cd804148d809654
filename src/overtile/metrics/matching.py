"""Instance matching: AP, F1, precision, recall and panoptic quality from one sparse contingency table.

At an IoU of 0.5 or more the optimal matching needs no search. If object t overlaps p and q with IoU >= 1/2 each, then
|t and p| >= |t or p| / 2 >= |t| / 2 and the same for q; p and q are disjoint, so both are equalities: p and q are two
halves of t and overlap nothing else. One of the two pairs, whichever, is therefore an optimal choice, and keeping
the first candidate of every row and column is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.metrics.contingency import Contingency
from overtile.metrics.sums import Number, add, map_fields, mean_known, ratio

IOU_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""0.5, 0.55, ..., 0.95."""


@dataclass(frozen=True)
class Pairs:
    """Matched objects: rows and columns (from 1) of the contingency table, and their IoU of 0.5 or more."""

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    iou: NDArray[np.float64]


@dataclass(frozen=True)
class MatchCounts:
    """Objects and matches, the last axis being IoU thresholds. Adds up over images.

    Attributes:
        truths: objects in the truth.
        predictions: objects in the prediction.
        tp: matches with an IoU of the threshold or more.
        iou: sum of their IoU.
    """

    truths: Number
    predictions: Number
    tp: Number
    iou: Number

    __add__ = add


def match(table: Contingency) -> Pairs:
    """Pair every truth object with the predicted object that overlaps it with an IoU of at least 0.5, if any.

    >>> from overtile.metrics.contingency import contingency
    >>> match(contingency(np.array([1, 1, 1, 2]), np.array([5, 5, 0, 6]))).iou.round(3).tolist()
    [0.667, 1.0]
    """
    objects = (table.row > 0) & (table.col > 0)
    row, col, shared = table.row[objects], table.col[objects], table.count[objects]
    overlap = shared / (table.truth_sizes[row] + table.prediction_sizes[col] - shared)
    close = overlap >= 0.5
    row, col, overlap = row[close], col[close], overlap[close]
    for side in ("row", "col"):
        first = np.unique(row if side == "row" else col, return_index=True)[1]
        row, col, overlap = row[first], col[first], overlap[first]
    return Pairs(row, col, overlap)


def match_counts(table: Contingency, *, thresholds: tuple[float, ...] = IOU_THRESHOLDS) -> MatchCounts:
    """Count matches at several IoU thresholds; fields have shape (thresholds,).

    Raises:
        DataError: a threshold is below 0.5, where a matching is no longer unique.

    >>> from overtile.metrics.contingency import contingency
    >>> table = contingency(np.array([1, 1, 1, 2]), np.array([5, 5, 0, 0]))
    >>> match_counts(table, thresholds=(0.5, 0.7)).tp.tolist()  # IoU 2/3
    [1.0, 0.0]
    """
    return map_fields(match_by_object(table, thresholds=thresholds), lambda field: field.sum(axis=0))


def match_by_object(table: Contingency, *, thresholds: tuple[float, ...] = IOU_THRESHOLDS) -> MatchCounts:
    """What every object adds: truth objects with their matches, then predicted objects without one."""
    if min(thresholds) < 0.5:
        raise DataError(f"expected IoU thresholds of 0.5 or more, got {min(thresholds)}; raise the threshold")
    pairs = match(table)
    objects = table.truths + table.predictions - len(pairs.iou)
    truths = np.arange(objects) < table.truths
    predictions = ~truths
    predictions[pairs.row - 1] = True
    overlap = np.zeros(objects)
    overlap[pairs.row - 1] = pairs.iou
    tp = overlap[:, np.newaxis] >= np.asarray(thresholds)

    def per_threshold(value: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.repeat(value[:, np.newaxis], len(thresholds), axis=1).astype(np.float64)

    return MatchCounts(
        per_threshold(truths), per_threshold(predictions), tp.astype(np.float64), tp * overlap[:, np.newaxis]
    )


def average_precision(counts: MatchCounts) -> Number:
    """AP of StarDist, Cellpose and the Data Science Bowl 2018 at each IoU threshold; not COCO's area under a curve.

    AP = TP / (TP + FP + FN), in [0, 1], higher is better; IoU >= threshold (Kaggle writes >). One side empty: 0;
    both: 1.

    >>> average_precision(MatchCounts(truths=3.0, predictions=2.0, tp=1.0, iou=0.8))
    np.float64(0.25)
    """
    return ratio(counts.tp, np.add(counts.truths, counts.predictions) - counts.tp, empty=1.0)


def mean_average_precision(counts: MatchCounts) -> Number:
    """Mean of AP over the thresholds, .5 to .95 in steps of .05 by default; in [0, 1], higher is better.

    >>> two = MatchCounts(*(np.array(n, float) for n in ([1, 1], [1, 1], [1, 0], [0.6, 0])))
    >>> mean_average_precision(two)
    np.float64(0.5)
    """
    return mean_known(average_precision(counts), axis=-1)


def precision(counts: MatchCounts) -> Number:
    """P = TP / (TP + FP), in [0, 1], higher is better. No prediction: 1 if there is no truth either, else 0.

    >>> precision(MatchCounts(truths=3.0, predictions=2.0, tp=1.0, iou=0.8))
    np.float64(0.5)
    """
    return ratio(counts.tp, counts.predictions, empty=np.where(np.equal(counts.truths, 0), 1.0, 0.0))


def recall(counts: MatchCounts) -> Number:
    """R = TP / (TP + FN), in [0, 1], higher is better. No truth: 1 if there is no prediction either, else 0.

    >>> recall(MatchCounts(truths=4.0, predictions=2.0, tp=1.0, iou=0.8))
    np.float64(0.25)
    """
    return ratio(counts.tp, counts.truths, empty=np.where(np.equal(counts.predictions, 0), 1.0, 0.0))


def f1(counts: MatchCounts) -> Number:
    """F1 = 2 TP / (2 TP + FP + FN), in [0, 1], higher is better. One side empty: 0; both: 1.

    >>> f1(MatchCounts(truths=3.0, predictions=1.0, tp=1.0, iou=0.8))
    np.float64(0.5)
    """
    return ratio(2 * np.asarray(counts.tp), np.add(counts.truths, counts.predictions), empty=1.0)


def panoptic_quality(counts: MatchCounts) -> Number:
    """PQ = (sum of IoU over TP) / (TP + FP / 2 + FN / 2) (Kirillov et al. 2019, eq. 1).

    In [0, 1], higher is better. One side empty: 0; both: 1. Kirillov et al. ask for IoU > .5, here it is >=.

    >>> panoptic_quality(MatchCounts(truths=3.0, predictions=1.0, tp=1.0, iou=0.8))
    np.float64(0.4)
    """
    return ratio(2 * np.asarray(counts.iou), np.add(counts.truths, counts.predictions), empty=1.0)
