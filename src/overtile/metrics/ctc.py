"""Cell Tracking Challenge: SEG, DET and OP_CSB (Ulman et al. 2017; Matula et al. 2015)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtile.metrics.contingency import Contingency
from overtile.metrics.sums import Number, add, map_fields, ratio


@dataclass(frozen=True)
class TrackingCounts:
    """Detections of reference objects. Adds up over the frames of a sequence.

    A result S detects a reference R if |R and S| > |R| / 2; one S may detect several R, an R has one S at most.

    Attributes:
        objects: V, reference objects.
        jaccard: sum over them of |R and S| / |R or S|, 0 for one that is not detected.
        splits: NS, splits needed: for each S that detects m > 1 references, m - 1.
        misses: FN, references that nothing detects.
        extra: FP, results that detect nothing.
    """

    objects: Number
    jaccard: Number
    splits: Number
    misses: Number
    extra: Number

    __add__ = add


def tracking_counts(table: Contingency) -> TrackingCounts:
    """Count the detections of one image.

    >>> from overtile.metrics.contingency import contingency
    >>> tracking_counts(contingency(np.array([1, 1, 2, 3]), np.array([4, 4, 4, 0]))).splits
    np.float64(1.0)
    """
    return map_fields(tracking_by_object(table), np.sum)


def tracking_by_object(table: Contingency) -> TrackingCounts:
    """What every object adds: reference objects, then results that detect nothing."""
    detects = (table.row > 0) & (table.col > 0) & (2 * table.count > table.truth_sizes[table.row])
    row, col, shared = table.row[detects], table.col[detects], table.count[detects]
    detections = np.bincount(col, minlength=len(table.prediction_ids))
    extra = int(np.count_nonzero(detections[1:] == 0))
    union = table.truth_sizes[row] + table.prediction_sizes[col] - shared

    def per_object(reference: float, at: NDArray[np.float64] | float, result: float) -> NDArray[np.float64]:
        values = np.repeat([reference, result], [table.truths, extra]).astype(np.float64)
        values[row - 1] = at
        return values

    return TrackingCounts(
        objects=per_object(1.0, 1.0, 0.0),
        jaccard=per_object(0.0, shared / union, 0.0),
        splits=per_object(0.0, (detections[col] - 1) / detections[col], 0.0),
        misses=per_object(1.0, 0.0, 0.0),
        extra=per_object(0.0, 0.0, 1.0),
    )


def seg(counts: TrackingCounts) -> Number:
    """SEG, the mean Jaccard index of the reference objects; the "IOU" of Ronneberger et al. (2015), Table 2.

    SEG = sum_R J(R) / V, in [0, 1], higher is better; results that detect nothing do not lower it. No reference: NaN.

    >>> seg(TrackingCounts(objects=2.0, jaccard=1.5, splits=0.0, misses=0.0, extra=1.0))
    np.float64(0.75)
    """
    return ratio(counts.jaccard, counts.objects)


def det(counts: TrackingCounts) -> Number:
    """DET, the normalised cost of mending the detections (Matula et al. 2015, AOGM-D with weights 5, 10, 1).

    DET = 1 - min(5 NS + 10 FN + FP, 10 V) / (10 V), in [0, 1], higher is better. No reference: 1 if there is no
    result either, else 0.

    >>> det(TrackingCounts(objects=2.0, jaccard=1.5, splits=0.0, misses=0.0, extra=1.0))
    np.float64(0.95)
    """
    worst = 10 * np.asarray(counts.objects)
    cost = 5 * np.asarray(counts.splits) + 10 * np.asarray(counts.misses) + counts.extra
    return 1 - ratio(np.minimum(cost, worst), worst, empty=np.where(np.equal(counts.extra, 0), 0.0, 1.0))


def op_csb(counts: TrackingCounts) -> Number:
    """OP_CSB = (SEG + DET) / 2, the ranking of the Cell Segmentation Benchmark; NaN without reference.

    >>> op_csb(TrackingCounts(objects=2.0, jaccard=1.5, splits=0.0, misses=0.0, extra=1.0))
    np.float64(0.85)
    """
    return (seg(counts) + det(counts)) / 2
