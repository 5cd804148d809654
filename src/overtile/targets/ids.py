"""Object ids in a form that tables can be indexed with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError


def compact_ids(instances: NDArray[Any]) -> NDArray[np.int32]:
    """Object ids as int32 that are no larger than twice the number of pixels; 0 is no object.

    Ids that are small enough are kept as they are; others are numbered 1, 2, 3, ... in their order. Ids may be
    non-contiguous, 64 bits wide and in several pieces. Negative values are pixels that carry no object.

    Args:
        instances: (y, x), integer or boolean.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers.

    >>> compact_ids(np.array([[0, 7_000_000_000, -1, 7_000_000_000, 12]]))
    array([[0, 2, 0, 2, 1]], dtype=int32)
    """
    if instances.ndim != 2:
        raise ShapeError(f"expected object ids of shape (y, x), got shape {instances.shape}: pass one image at a time")
    if instances.dtype.kind not in "iub":
        raise DataError(f"expected whole numbers as object ids, got {instances.dtype}: convert with .astype(int) first")
    if instances.size == 0:
        return instances.astype(np.int32)
    if instances.dtype.kind == "i" and instances.min() < 0:
        instances = np.maximum(instances, 0)
    if int(instances.max()) <= 2 * instances.size < 2**31:
        return instances.astype(np.int32)
    values, index = np.unique(instances, return_inverse=True)
    compact: NDArray[np.int32] = index.reshape(instances.shape).astype(np.int32)
    return compact + np.int32(values[0] > 0)
