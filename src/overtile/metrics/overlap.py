"""Overlap of classes: confusion matrix, pixel accuracy, IoU and Dice per class and their mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.metrics.contingency import contingency
from overtile.metrics.sums import Number, add, mean_known, ratio


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix; adds up over images.

    Attributes:
        matrix: (..., K, K) pixels of true class (row) predicted as class (column).
    """

    matrix: Number

    __add__ = add

    @property
    def hits(self) -> Number:
        """Pixels of each class found, (..., K)."""
        on_diagonal: Number = np.diagonal(self.matrix, axis1=-2, axis2=-1)
        return on_diagonal

    @property
    def sizes(self) -> Number:
        """Pixels of each class in the truth plus those in the prediction, (..., K)."""
        both: Number = np.sum(self.matrix, axis=-1) + np.sum(self.matrix, axis=-2)
        return both


def confusion_matrix(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    *,
    classes: int,
    valid: NDArray[np.bool_] | None = None,
) -> Confusion:
    """Count the pixels of every pair of classes.

    Args:
        truth: class indices 0 to K - 1, any shape.
        prediction: class indices of the same shape.
        classes: K.
        valid: pixels to count; all where None.

    Raises:
        ShapeError: the shapes differ.
        DataError: a label is no integer or negative.
        IndexError: a label is K or more.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2).matrix.tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    table = contingency(truth, prediction, valid=valid)
    matrix = np.zeros((classes, classes))
    matrix[table.truth_ids[table.row], table.prediction_ids[table.col]] = table.count
    return Confusion(matrix)


def pixel_accuracy(confusion: Confusion) -> Number:
    """Fraction of right pixels: sum_c M_cc / sum M, in [0, 1], higher is better. NaN if no pixel is valid.

    >>> pixel_accuracy(Confusion(np.array([[3.0, 1.0], [0.0, 4.0]])))
    np.float64(0.875)
    """
    return ratio(np.sum(confusion.hits, axis=-1), np.sum(confusion.matrix, axis=(-2, -1)))


def iou(confusion: Confusion) -> Number:
    """Intersection over union of each class (Jaccard 1912), (..., K).

    IoU_c = |T_c and P_c| / |T_c or P_c|, in [0, 1], higher is better. A class that is in the truth only, or in the
    prediction only, has 0; one that is in neither has NaN, and the mean leaves it out.

    >>> iou(Confusion(np.array([[3.0, 1.0], [0.0, 4.0]]))).tolist()
    [0.75, 0.8]
    """
    return ratio(confusion.hits, confusion.sizes - confusion.hits)


def dice(confusion: Confusion) -> Number:
    """Dice coefficient of each class (Dice 1945), (..., K).

    D_c = 2 |T_c and P_c| / (|T_c| + |P_c|), in [0, 1], higher is better. Empty cases as in `iou`.

    >>> dice(Confusion(np.array([[3.0, 1.0], [0.0, 4.0]]))).round(3).tolist()
    [0.857, 0.889]
    """
    return ratio(2 * np.asarray(confusion.hits), confusion.sizes)


def mean_iou(confusion: Confusion) -> Number:
    """Mean IoU over the classes, background included, that the truth or the prediction contains."""
    return mean_known(iou(confusion), axis=-1)


def mean_dice(confusion: Confusion) -> Number:
    """Mean Dice over the classes, background included, that the truth or the prediction contains."""
    return mean_known(dice(confusion), axis=-1)
