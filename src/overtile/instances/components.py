"""Connected components as instances, and the holes in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from overtile.core.errors import DataError
from overtile.instances.ids import relabel_sequential, remove_small


def check_connectivity(connectivity: int, ndim: int) -> None:
    """Refuse a connectivity that an array of `ndim` axes does not have.

    Raises:
        DataError: it is not between 1 and ndim.
    """
    if not 1 <= connectivity <= ndim:
        raise DataError(
            f"expected a connectivity from 1 (pixels share a face) to {ndim} (they share a corner), got {connectivity}"
        )


def connected_components(
    foreground: NDArray[Any], *, connectivity: int = 1, min_size_px: int = 0, fill: bool = False
) -> NDArray[Any]:
    """Number the connected pieces of a mask 1, 2, 3, ... in reading order.

    Args:
        foreground: (*S), true or non-zero inside objects.
        connectivity: 1 joins pixels that share a face (4-connected in 2-D), 2 also those that share a corner.
        min_size_px: pieces with fewer pixels become background.
        fill: whether holes inside a piece become part of it.

    Returns:
        (*S), unsigned, of the smallest type from 16 bits on; all 0 where there is no foreground.

    Raises:
        DataError: the connectivity does not exist for this number of axes.

    >>> connected_components(np.array([[1, 0, 1], [1, 0, 0]]))
    array([[1, 0, 2],
           [1, 0, 0]], dtype=uint16)
    """
    check_connectivity(connectivity, foreground.ndim)
    pieces = label(foreground != 0, connectivity=connectivity)
    pieces = remove_small(pieces, min_size_px)
    if fill:
        pieces = fill_holes(pieces, connectivity=connectivity)
    return relabel_sequential(pieces)


def fill_holes(instances: NDArray[Any], *, connectivity: int = 1) -> NDArray[Any]:
    """Give every hole to the object around it.

    A hole is a connected piece of background that touches one object only, and not the edge of the image. It is
    connected the other way round than objects are: holes of 4-connected objects are 8-connected.

    Args:
        instances: (*S), 0 where there is no object.
        connectivity: that of the objects, 1 to the number of axes.

    >>> fill_holes(np.array([[3, 3, 3], [3, 0, 3], [3, 3, 3]]))[1]
    array([3, 3, 3])
    """
    check_connectivity(connectivity, instances.ndim)
    reach = instances.ndim if connectivity == 1 else 1
    pieces = label(instances == 0, connectivity=reach)
    around = Surroundings(int(pieces.max(initial=0)))
    around.add(pieces, instances)
    around.add_edge(pieces, [(True, True)] * instances.ndim)
    filler = around.only_object()[pieces]
    return np.where(instances == 0, filler, instances).astype(instances.dtype)


class Surroundings:
    """Which objects border each numbered piece of background; pieces may be added tile by tile."""

    def __init__(self, n_pieces: int) -> None:
        self._lowest = np.full(n_pieces + 1, np.iinfo(np.int64).max)
        self._highest = np.zeros(n_pieces + 1, np.int64)
        self._open = np.zeros(n_pieces + 1, np.bool_)

    def add(self, pieces: NDArray[Any], instances: NDArray[Any]) -> None:
        """Look at all pairs of face neighbours of an array, (*S)."""
        for axis in range(pieces.ndim):
            first, second = _pairs(pieces, axis), _pairs(instances, axis)
            for piece, other in ((first[0], second[1]), (first[1], second[0])):
                meet = (piece > 0) & (other > 0)
                np.minimum.at(self._lowest, piece[meet], other[meet])
                np.maximum.at(self._highest, piece[meet], other[meet])

    def add_edge(self, pieces: NDArray[Any], at_edge: list[tuple[bool, bool]]) -> None:
        """Mark the pieces that touch the edge of the image, given which ends of each axis are at that edge."""
        for axis, ends in enumerate(at_edge):
            for index, is_edge in zip((0, -1), ends, strict=True):
                if is_edge and pieces.shape[axis]:
                    self._open[pieces.take(index, axis)] = True

    def only_object(self) -> NDArray[Any]:
        """For each piece the object that encloses it, 0 where there is none or more than one."""
        enclosed = (self._lowest == self._highest) & ~self._open
        enclosed[0] = False
        return np.where(enclosed, self._highest, 0)


def _pairs(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """All neighbours along an axis."""
    along = np.moveaxis(array, axis, 0)
    return along[:-1], along[1:]
