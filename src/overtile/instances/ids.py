"""Object ids: how wide they must be stored, and their numbering without gaps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError


@dataclass(frozen=True)
class Numbered:
    """Object ids and the pixels as indices into them.

    Attributes:
        ids: (n + 1,), the ids that occur, ascending, after a leading 0 for no object.
        index: (*S), 0 where there is no object, else which of `ids` it is.
    """

    ids: NDArray[np.int64]
    index: NDArray[np.intp]


def numbered(instances: NDArray[Any]) -> Numbered:
    """Number the ids that occur 1, 2, 3, ... in ascending order; 0 and negative values are no objects.

    Takes time in proportion to the pixels unless ids are larger than twice their number.

    Raises:
        DataError: the array does not hold integers.

    >>> numbered(np.array([[0, 70_000, 12, -1]])).index
    array([[0, 2, 1, 0]])
    """
    if instances.dtype.kind not in "iub":
        raise DataError(f"expected whole numbers as object ids, got {instances.dtype}: convert with .astype(int) first")
    if instances.dtype.kind == "i":
        instances = np.maximum(instances, 0)
    if int(instances.max(initial=0)) <= 2 * instances.size:
        occurs = np.zeros(int(instances.max(initial=0)) + 1, np.bool_)
        occurs[instances.astype(np.intp, copy=False)] = True
        occurs[0] = True
        return Numbered(np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[instances.astype(np.intp, copy=False)])
    ids, index = np.unique(instances, return_inverse=True)
    shift = int(ids[0] != 0)
    ids = np.concatenate(([0], ids)) if shift else ids
    return Numbered(ids.astype(np.int64), index.reshape(instances.shape) + shift)


def id_dtype(largest: int) -> np.dtype[Any]:
    """Smallest unsigned type for ids, from 16 bits on: what Fiji, QuPath and the Cell Tracking Challenge read.

    >>> id_dtype(65_535), id_dtype(65_536)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.promote_types(np.uint16, np.min_scalar_type(largest))


def relabel_sequential(instances: NDArray[Any]) -> NDArray[Any]:
    """Number the objects 1, 2, 3, ... in the order of their ids, in the smallest unsigned type from 16 bits on.

    Args:
        instances: (*S), integer; 0 and negative values are no objects.

    Raises:
        DataError: the array does not hold integers.

    >>> relabel_sequential(np.array([[0, 70_000, 12, -1]]))
    array([[0, 2, 1, 0]], dtype=uint16)
    """
    found = numbered(instances)
    return found.index.astype(id_dtype(found.ids.size - 1))


def remove_small(instances: NDArray[Any], min_size_px: int) -> NDArray[Any]:
    """Set objects of fewer pixels to 0; an object in several pieces counts as one.

    Raises:
        DataError: the array does not hold integers.

    >>> remove_small(np.array([[4, 4, 0, 9]]), 2)
    array([[4, 4, 0, 0]])
    """
    found = numbered(instances)
    sizes = np.bincount(found.index.ravel(), minlength=found.ids.size)
    return np.where((sizes >= min_size_px)[found.index], instances, 0).astype(instances.dtype)
