"""Contingency table: how many pixels each object of the truth shares with each object of the prediction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.metrics.objects import check_labels, check_same_shape


@dataclass(frozen=True)
class Contingency:
    """Sparse table of pixel counts; entry e says that `count[e]` pixels lie in truth row[e] and prediction col[e].

    Attributes:
        truth_ids: (rows,) sorted ids; the first is the background, 0, present or not.
        prediction_ids: (columns,) the same for the prediction.
        row: (entries,) index into truth_ids.
        col: (entries,) index into prediction_ids.
        count: (entries,) pixels, 1 or more.
    """

    truth_ids: NDArray[np.int64]
    prediction_ids: NDArray[np.int64]
    row: NDArray[np.int64]
    col: NDArray[np.int64]
    count: NDArray[np.int64]

    @property
    def truth_sizes(self) -> NDArray[np.int64]:
        """Pixels per row."""
        return _sizes(self.row, self.count, len(self.truth_ids))

    @property
    def prediction_sizes(self) -> NDArray[np.int64]:
        """Pixels per column."""
        return _sizes(self.col, self.count, len(self.prediction_ids))

    @property
    def truths(self) -> int:
        """Number of objects in the truth."""
        return len(self.truth_ids) - 1

    @property
    def predictions(self) -> int:
        """Number of objects in the prediction."""
        return len(self.prediction_ids) - 1


def contingency(
    truth: NDArray[Any], prediction: NDArray[Any], *, valid: NDArray[np.bool_] | None = None
) -> Contingency:
    """Count shared pixels of two label images of any dimension, in int64.

    Pixels are first gathered into runs of equal pairs along the last axis, so that sorting sees runs, not pixels:
    time and memory grow with the outlines.

    Args:
        truth: ids, 0 = background; ids may be any non-negative integers.
        prediction: ids of the same shape.
        valid: pixels to count; all where None.

    Raises:
        ShapeError: the shapes differ.
        DataError: labels are not integers or are negative.

    >>> table = contingency(np.array([[7, 7, 0]]), np.array([[2, 0, 0]]))
    >>> [(int(table.truth_ids[i]), int(table.prediction_ids[j]), int(n))
    ...  for i, j, n in zip(table.row, table.col, table.count)]
    [(0, 0, 1), (7, 0, 1), (7, 2, 1)]
    """
    check_same_shape(truth, prediction, valid)
    check_labels("truth", truth)
    check_labels("prediction", prediction)
    a, b = (truth.ravel(), prediction.ravel()) if valid is None else (truth[valid], prediction[valid])
    changed = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    starts = np.concatenate([[0], np.flatnonzero(changed) + 1]) if a.size else np.empty(0, np.int64)
    lengths = np.diff(starts, append=a.size)
    truth_ids, rows = _index(a[starts])
    prediction_ids, cols = _index(b[starts])
    pairs, entry = np.unique(rows * len(prediction_ids) + cols, return_inverse=True)
    return Contingency(
        truth_ids,
        prediction_ids,
        pairs // len(prediction_ids),
        pairs % len(prediction_ids),
        _sizes(entry, lengths, len(pairs)),
    )


def _index(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted ids, with 0 in front, and the position of each label among them."""
    ids, index = np.unique(np.concatenate([[0], labels.astype(np.int64)]), return_inverse=True)
    return ids, index[1:].astype(np.int64)


def _sizes(index: NDArray[np.int64], count: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    # bincount sums in float64, which is exact below 2**53 pixels
    return np.bincount(index, weights=count, minlength=length).astype(np.int64)
