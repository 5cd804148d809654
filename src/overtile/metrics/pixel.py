"""Pixel error: the plain fraction of wrong pixels, and the EM challenge's form, 1 - F1 of the inside pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.metrics.objects import check_same_shape
from overtile.metrics.sums import Number, add, harmonic_mean, largest, ratio


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a mask found (tp), invented (fp), missed (fn) and rightly left out (tn). Adds up over images."""

    tp: Number
    fp: Number
    fn: Number
    tn: Number

    __add__ = add

    @property
    def precision(self) -> Number:
        """P = tp / (tp + fp), in [0, 1], higher is better; 1 where nothing was there and nothing found."""
        return ratio(self.tp, np.add(self.tp, self.fp), empty=np.where(np.equal(self.fn, 0), 1.0, 0.0))

    @property
    def recall(self) -> Number:
        """R = tp / (tp + fn), in [0, 1], higher is better; 1 where nothing was there and nothing found."""
        return ratio(self.tp, np.add(self.tp, self.fn), empty=np.where(np.equal(self.fp, 0), 1.0, 0.0))

    @property
    def f_score(self) -> Number:
        """F1 = 2 tp / (2 tp + fp + fn), in [0, 1], higher is better; 1 if truth and prediction are empty."""
        return harmonic_mean(self.precision, self.recall, empty=0.0)


def pixel_counts(
    truth: NDArray[Any], prediction: NDArray[Any], *, valid: NDArray[np.bool_] | None = None
) -> PixelCounts:
    """Compare two masks pixel by pixel; anything but 0 is inside.

    Args:
        truth: mask, any shape.
        prediction: mask of the same shape.
        valid: pixels to count; all where None.

    Raises:
        ShapeError: the shapes differ.

    >>> pixel_counts(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 1]))
    PixelCounts(tp=1.0, fp=1.0, fn=1.0, tn=1.0)
    """
    check_same_shape(truth, prediction, valid)
    t, p = truth != 0, prediction != 0
    if valid is not None:
        t, p = t[valid], p[valid]
    tp = float(np.count_nonzero(t & p))
    in_truth, in_prediction = float(np.count_nonzero(t)), float(np.count_nonzero(p))
    return PixelCounts(tp, in_prediction - tp, in_truth - tp, t.size - in_truth - in_prediction + tp)


def pixel_error(counts: PixelCounts) -> Number:
    """Fraction of wrong pixels.

    e = (fp + fn) / (tp + fp + fn + tn), in [0, 1], lower is better. NaN if no pixel is valid; empty masks are no
    special case.

    >>> pixel_error(PixelCounts(tp=3.0, fp=1.0, fn=0.0, tn=4.0))
    np.float64(0.125)
    """
    wrong = np.add(counts.fp, counts.fn)
    return ratio(wrong, wrong + np.add(counts.tp, counts.tn))


def pixel_error_f(counts: PixelCounts) -> Number:
    """Pixel error of the ISBI 2012 EM challenge (Arganda-Carreras et al. 2015).

    e = 1 - max_threshold F1 of the pixels inside cells, the last axis of the counts being the thresholds (one
    value without such an axis). In [0, 1], lower is better. Both empty: 0; one of them empty: 1.

    >>> swept = PixelCounts(*(np.array(n, float) for n in ([3, 2], [2, 0], [0, 1], [1, 3])))
    >>> print(round(float(pixel_error_f(swept)), 3))  # F1 is 6/8 and 4/5
    0.2
    """
    return 1 - largest(counts.f_score)
