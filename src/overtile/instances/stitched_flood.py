"""Watershed from seeds over an image that does not fit in memory, equal to that of the whole image.

Guaranteed, for any tile size, without a halo, and for objects of any size: pixel for pixel the partition that `flood`
gives in memory, because both are the one minimum spanning forest of a strict order of edges (see `flood`). Not
guaranteed: equality with a priority-queue watershed such as scikit-image's where pixels tie, since there the order of
the queue over the whole image decides; the two agree but for pixels on ridges and plateaus.

First pass: every tile is reduced to nodes and candidate edges; those and the edges across the seams are sorted, and
Kruskal's algorithm decides them. Second pass: every tile is reduced again, the same way, and translated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray

from overtile.core.errors import ShapeError
from overtile.instances.flood import Forest, spanning_forest
from overtile.instances.grid import Seam, SeamPlanes, Window, seam_faces, windows


@dataclass(frozen=True)
class Basin:
    """What is flooded: three arrays of one shape (*S), as in `flood`; seed ids hold over the whole image."""

    landscape: NDArray[Any]
    foreground: NDArray[np.bool_]
    seeds: NDArray[Any]


ReadBasin = Callable[[Window], Basin]


@dataclass(frozen=True)
class TiledFlood:
    """Objects of a tiled watershed, numbered 1 .. count over the whole image.

    Memory: two planes per seam, and some bytes per seam pixel and seed; of the image, one tile at a time.

    Attributes:
        shape: (*S), size of the image.
        tile: (*T), size of a tile.
        count: number of objects.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    count: int
    _read: ReadBasin
    _offsets: dict[tuple[int, ...], int]
    _ids: NDArray[np.int64]

    def ids(self, window: Window) -> NDArray[np.int64]:
        """Object ids of one tile, whose window is one of `windows(shape, tile)`; 0 outside objects.

        Raises:
            ShapeError: the window is no tile of this image.
        """
        start = tuple(part.start for part in window)
        if start not in self._offsets:
            raise ShapeError(f"expected the window of a tile of {self.tile} in {self.shape}, got one from {start}")
        return self._ids[_shifted(_reduce(self._read(window), window, self.shape), self._offsets[start])]

    def write(self, target: Any) -> None:
        """Write the ids to an array, tile by tile; anything that takes slices will do (NumPy, memory map, Zarr)."""
        for window in windows(self.shape, self.tile):
            target[window] = self.ids(window)


@dataclass(frozen=True)
class _Edges:
    """Edges (E, 2) between nodes of all tiles, with the heights and positions that order them, the higher first."""

    nodes: NDArray[np.int64]
    height: NDArray[np.float64]
    pixel: NDArray[np.int64]


def scan_flood(read: ReadBasin, shape: Sequence[int], tile: Sequence[int], *, min_size_px: int = 0) -> TiledFlood:
    """Find the watershed of an image that is read tile by tile.

    Args:
        read: gives the basin of a window; called twice for every tile, and must answer the same.
        shape: (*S), size of the image.
        tile: (*T), size of a tile.
        min_size_px: objects with fewer pixels in the whole image are left out.

    Raises:
        ShapeError: the tile does not fit the axes, or the arrays of a basin differ in shape.

    >>> depth, seeds = np.array([[0, 1, 9, 1, 0]]), np.array([[4, 0, 0, 0, 7]])
    >>> read = lambda window: Basin(depth[window], depth[window] < 5, seeds[window])
    >>> found, ids = scan_flood(read, (1, 5), (1, 2)), np.zeros((1, 5), int)
    >>> found.write(ids)
    >>> ids
    array([[1, 1, 0, 2, 2]])
    """
    shape, tile = tuple(shape), tuple(tile)
    nodes_at_seam, height_at_seam = SeamPlanes(shape, tile, np.int64), SeamPlanes(shape, tile, np.float64)
    offsets, seeds, sizes, edges, total = {}, [np.zeros(1, np.int64)], [np.zeros(1, np.int64)], [], 0
    for window in windows(shape, tile):
        basin = read(window)
        forest = _reduce(basin, window, shape)
        offsets[tuple(part.start for part in window)] = total
        nodes_at_seam.put(window, _shifted(forest, total))
        height_at_seam.put(window, basin.landscape)
        edges.append(_edges_inside(basin, forest, window, shape, total))
        seeds.append(forest.seed_of_node[1:])
        sizes.append(np.bincount(forest.nodes.ravel(), minlength=forest.seed_of_node.size)[1:])
        total += forest.seed_of_node.size - 1
    pairs = zip(nodes_at_seam.faces(), height_at_seam.faces(), strict=True)
    edges += [_edges_across(seam, [n1, n2], [h1, h2], shape) for (seam, n1, n2), (_, h1, h2) in pairs]
    ids = _decide(edges, np.concatenate(seeds), np.concatenate(sizes), min_size_px)
    return TiledFlood(shape, tile, int(ids.max()), read, offsets, ids)


def _reduce(basin: Basin, window: Window, shape: tuple[int, ...]) -> Forest:
    """The forest of one tile; pixels without a neighbour in another tile are settled as far as possible."""
    return spanning_forest(basin.landscape, basin.foreground, basin.seeds, seam_faces(window, shape))


def _shifted(forest: Forest, offset: int) -> NDArray[np.int64]:
    """Number of each pixel's node over all tiles, 0 where there is none."""
    return np.where(forest.nodes > 0, forest.nodes.astype(np.int64) + offset, 0)


def _edges_inside(basin: Basin, forest: Forest, window: Window, shape: tuple[int, ...], offset: int) -> _Edges:
    """Candidate edges of one tile."""
    here = np.unravel_index(forest.candidates, forest.nodes.shape)
    pixels = np.ravel_multi_index(tuple(i + part.start for i, part in zip(here, window, strict=True)), shape)
    nodes = forest.nodes.ravel()[forest.candidates].astype(np.int64) + offset
    return _Edges(nodes, basin.landscape.ravel()[forest.candidates].astype(np.float64), pixels.astype(np.int64))


def _edges_across(seam: Seam, nodes: list[NDArray[Any]], heights: list[NDArray[Any]], shape: tuple[int, ...]) -> _Edges:
    """Edges between the foreground pixels on either side of a seam; of two of one height the later one is higher."""
    axis, position = seam
    both = (nodes[0] > 0) & (nodes[1] > 0)
    place = [np.insert(np.argwhere(both), axis, position - before, axis=1).T for before in (0, 1)]
    pixels = np.stack([np.ravel_multi_index(tuple(p), shape) for p in place], axis=1).astype(np.int64)
    height = np.stack([heights[1][both], heights[0][both]], axis=1)
    higher_first = np.where(height[:, :1] >= height[:, 1:], [[0, 1]], [[1, 0]])
    pairs = np.stack([nodes[1][both], nodes[0][both]], axis=1)
    return _Edges(*(np.take_along_axis(a, higher_first, axis=1) for a in (pairs, height, pixels)))


def _decide(edges: list[_Edges], seeds: NDArray[Any], sizes: NDArray[Any], min_size_px: int) -> NDArray[np.int64]:
    """Object number of each node; objects are numbered in the order of their seed ids."""
    height, pixel = np.concatenate([e.height for e in edges]), np.concatenate([e.pixel for e in edges])
    order = np.lexsort((pixel[:, 1], height[:, 1], pixel[:, 0], height[:, 0]))
    seed_of_node = _kruskal(np.concatenate([e.nodes for e in edges])[order], seeds)
    ids, index = np.unique(np.append(seed_of_node, 0), return_inverse=True)
    pixels = np.bincount(index[:-1], weights=sizes, minlength=ids.size)
    keep = (ids > 0) & (pixels >= max(min_size_px, 1))
    return np.where(keep, np.cumsum(keep), 0)[index[:-1]].astype(np.int64)


@njit(cache=True, nogil=True)
@no_type_check
def _kruskal(edges, seeds):
    """Seed that each node hangs on, for edges from low to high; 0 where there is none."""
    parent, seed = np.arange(seeds.size), seeds.copy()
    for i in range(edges.shape[0]):
        a, b = edges[i, 0], edges[i, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b and (seed[a] == 0 or seed[b] == 0 or seed[a] == seed[b]):
            parent[a] = b
            seed[b] = max(seed[a], seed[b])
    for i in range(seeds.size):
        a = i
        while parent[a] != a:
            a = parent[a]
        seeds[i] = seed[a]
    return seeds
