"""Connected components of an image that does not fit in memory: one id per object, whatever the tiles.

Two passes. The first numbers the pieces of every tile, keeps their number and the planes of pixels at the seams, and
joins pieces that touch across a seam. The second numbers every tile again, the same way, and translates. The result
equals the components of the whole image up to the numbering, exactly, for any tile size and objects of any size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as graph_components
from skimage.measure import label

from overtile.core.errors import ShapeError
from overtile.instances.components import Surroundings, check_connectivity
from overtile.instances.grid import SeamPlanes, Window, windows

ReadMask = Callable[[Window], NDArray[np.bool_]]
"""Reads a window of a mask, (*W)."""


@dataclass(frozen=True)
class TiledComponents:
    """Components of a tiled mask, numbered 1 .. count over the whole image.

    Memory: two planes per seam and some bytes per piece; of the image, one tile at a time.

    Attributes:
        shape: (*S), size of the image.
        tile: (*T), size of a tile.
        connectivity: 1 joins pixels that share a face, up to the number of axes, which joins corners too.
        count: number of components.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    connectivity: int
    count: int
    _read: ReadMask
    _offsets: dict[tuple[int, ...], int]
    _ids: NDArray[np.int64]

    def ids(self, window: Window) -> NDArray[np.int64]:
        """Component ids of one tile, whose window is one of `windows(shape, tile)`; 0 outside the mask.

        Raises:
            ShapeError: the window is no tile of this image.
        """
        return self.number(self._read(window), window)

    def number(self, mask: NDArray[np.bool_], window: Window) -> NDArray[np.int64]:
        """Component ids of one tile whose mask was read already.

        Raises:
            ShapeError: the window is no tile of this image.
        """
        start = tuple(part.start for part in window)
        if start not in self._offsets:
            raise ShapeError(
                f"expected the window of a tile of {self.tile} in {self.shape}, got one that starts at {start}"
            )
        pieces = _pieces(mask, self.connectivity)
        return self._ids[np.where(pieces > 0, pieces + self._offsets[start], 0)]

    def write(self, target: Any) -> None:
        """Write the ids to an array, tile by tile; anything that takes slices will do (NumPy, memory map, Zarr)."""
        for window in windows(self.shape, self.tile):
            target[window] = self.ids(window)


def scan_components(
    read: ReadMask, shape: Sequence[int], tile: Sequence[int], *, connectivity: int = 1, min_size_px: int = 0
) -> TiledComponents:
    """Find the connected components of a mask that is read tile by tile.

    Args:
        read: gives the mask of a window; called twice for every tile, and must answer the same.
        shape: (*S), size of the image.
        tile: (*T), size of a tile.
        connectivity: 1 (pixels share a face) to the number of axes (they share a corner).
        min_size_px: components with fewer pixels in the whole image are left out.

    Raises:
        ShapeError: the tile does not fit the axes.
        DataError: the connectivity does not exist for this number of axes.

    >>> mask = np.array([[1, 1, 1, 0, 1]], bool)
    >>> found, ids = scan_components(mask.__getitem__, (1, 5), (1, 2)), np.zeros((1, 5), int)
    >>> found.write(ids)
    >>> ids
    array([[1, 1, 1, 0, 2]])
    """
    check_connectivity(connectivity, len(shape))
    planes = SeamPlanes(shape, tile, np.int64)
    offsets, sizes, total = {}, [np.zeros(1, np.int64)], 0
    for window in windows(shape, tile):
        pieces = _pieces(read(window), connectivity)
        offsets[tuple(part.start for part in window)] = total
        planes.put(window, np.where(pieces > 0, pieces + total, 0))
        sizes.append(np.bincount(pieces.ravel())[1:])
        total += sizes[-1].size
    group = _joined(total, planes, connectivity)
    keep = np.bincount(group, weights=np.concatenate(sizes)) >= max(min_size_px, 1)
    ids = np.where(keep, np.cumsum(keep), 0)[group]
    return TiledComponents(tuple(shape), tuple(tile), connectivity, int(keep.sum()), read, offsets, ids)


def fill_holes_tiled(instances: Any, shape: Sequence[int], tile: Sequence[int], *, connectivity: int = 1) -> None:
    """Fill holes in place, as `fill_holes` does for an image in memory, tile by tile and exactly.

    Args:
        instances: anything of integers that gives and takes slices (NumPy, memory map, Zarr), 0 where no object is.
        shape: (*S), size of the image.
        tile: (*T), size of a tile.
        connectivity: that of the objects.

    Raises:
        ShapeError: the tile does not fit the axes.
        DataError: the connectivity does not exist for this number of axes.
    """
    check_connectivity(connectivity, len(shape))
    reach = len(shape) if connectivity == 1 else 1
    background = scan_components(lambda window: instances[window] == 0, shape, tile, connectivity=reach)
    around = Surroundings(background.count)
    planes, objects = SeamPlanes(shape, tile, np.int64), SeamPlanes(shape, tile, np.int64)
    for window in windows(shape, tile):
        pieces, here = background.ids(window), np.asarray(instances[window]).astype(np.int64)
        around.add(pieces, here)
        around.add_edge(pieces, [(part.start == 0, part.stop == n) for part, n in zip(window, shape, strict=True)])
        planes.put(window, pieces)
        objects.put(window, here)
    for (_, *pieces_at_seam), (_, *objects_at_seam) in zip(planes.faces(), objects.faces(), strict=True):
        around.add(np.stack(pieces_at_seam), np.stack(objects_at_seam))
    _write_fillers(instances, background, around.only_object())


def _write_fillers(instances: Any, background: TiledComponents, filler: NDArray[np.int64]) -> None:
    """Fill the holes of each tile; the pieces are read anew before each is changed, so the order does not matter."""
    for window in windows(background.shape, background.tile):
        here, fill = np.asarray(instances[window]), filler[background.ids(window)]
        if fill.any():
            instances[window] = np.where(here == 0, fill, here).astype(here.dtype)


def _pieces(mask: NDArray[np.bool_], connectivity: int) -> NDArray[np.int64]:
    """Number the connected pieces of one tile."""
    pieces: NDArray[Any] = label(mask, connectivity=connectivity)
    return pieces.astype(np.int64)


def _joined(total: int, planes: SeamPlanes, connectivity: int) -> NDArray[np.int64]:
    """Group the pieces 0 (background), 1 .. total that touch across a seam; the number of each one's group."""
    touching = [_touching(before, after, connectivity) for _, before, after in planes.faces()]
    pairs = np.concatenate([*touching, np.empty((0, 2), np.int64)])
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(total + 1, total + 1))
    group: NDArray[Any] = graph_components(graph, directed=False)[1]
    return group.astype(np.int64)


def _touching(before: NDArray[np.int64], after: NDArray[np.int64], connectivity: int) -> NDArray[np.int64]:
    """Pairs of pieces, (n, 2), that touch between the two planes of a seam."""
    pairs = []
    for steps in _steps(before.ndim, connectivity - 1):
        first = before[tuple(slice(max(-s, 0), min(-s, 0) or None) for s in steps)]
        second = after[tuple(slice(max(s, 0), min(s, 0) or None) for s in steps)]
        both = (first > 0) & (second > 0)
        pairs.append(np.unique(np.stack([first[both], second[both]], axis=1), axis=0))
    return np.concatenate(pairs)


def _steps(ndim: int, reach: int) -> Iterator[tuple[int, ...]]:
    """Steps within a seam that a neighbour across it may be away."""
    return (steps for steps in product((-1, 0, 1), repeat=ndim) if sum(map(abs, steps)) <= reach)
