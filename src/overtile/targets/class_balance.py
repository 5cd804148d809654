"""Class weights that balance how often the classes occur, over a whole training set."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError


def class_counts(labels: Iterable[NDArray[Any]], n_classes: int) -> tuple[int, ...]:
    """Number of pixels of each class in all label images together; ignored pixels, below 0, are not counted.

    Raises:
        DataError: a label is not below the number of classes.

    >>> class_counts([np.array([[0, 1, 1]]), np.array([[-1, 0, 1]])], 3)
    (2, 3, 0)
    """
    counts = np.zeros(n_classes, np.int64)
    for image in labels:
        found = np.bincount(image[image >= 0].ravel(), minlength=n_classes)
        if found.size > n_classes:
            raise DataError(f"expected labels below {n_classes}, found {found.size - 1}: pass the number of classes")
        counts += found
    return tuple(int(n) for n in counts)


def class_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """Weight of each class, w_c = N / (K N_c).

    The paper says only that w_c balances the class frequencies (Ronneberger et al. 2015, Eq. 2); this is the usual
    reading, in which every class has the same total weight and the mean weight of a pixel is 1. A class without
    pixels gets 0: nothing can be learned about it.

    Args:
        counts: pixels N_c of each of the K classes over the whole training set, not per image.

    Raises:
        DataError: no class has pixels, or a count is negative.

    >>> class_weights((30, 10))
    (0.6666666666666666, 2.0)
    """
    total = sum(counts)
    if min(counts, default=0) < 0 or total == 0:
        raise DataError(f"expected at least one annotated pixel to balance the classes, got counts {tuple(counts)}")
    return tuple(total / (len(counts) * n) if n else 0.0 for n in counts)


def balance(labels: NDArray[Any], weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Class weight of every pixel; 0 where labels are below 0 (ignored). Without weights every class has weight 1.

    Raises:
        ShapeError: there are fewer weights than classes.

    >>> balance(np.array([[0, 1, -1]]), (0.5, 2.0))
    array([[0.5, 2. , 0. ]])
    """
    valid = labels >= 0
    if weights is None:
        return valid.astype(np.float64)
    if labels.size and int(labels.max()) >= len(weights):
        raise ShapeError(
            f"expected a weight for each class up to {labels.max()}, got {len(weights)}: pass one per class"
        )
    table = np.asarray(weights, np.float64)
    return np.where(valid, table[np.where(valid, labels, 0)], 0.0)
