"""Watershed from seeds as a minimum spanning forest: one definition for whole images and for tiles.

Flooding a landscape from seeds is growing the minimum spanning forest rooted in them (Cousty et al. 2009, IEEE TPAMI
31, 1362-1374): pixels are the nodes, and faces shared by two foreground pixels are the edges. Pixels are ordered
strictly, by height and then by position; edges are ordered by their higher pixel and then by their lower one. So the
forest is unique: it does not depend on the order of processing, and can be found tile by tile.

Kruskal's algorithm takes the edges from low to high and joins two trees unless both hold a seed. In a tile, a tree
that has neither a seed nor a pixel at a seam can be joined to its neighbour for good, since the edge is the lowest that
leaves it in the whole image (cut property). An edge between two trees that both have one is only a candidate. So a tile
boils down to some nodes, at most one per seam pixel and per seed, and fewer candidate edges; `stitched_watershed` takes
the decision over all tiles.
"""

from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray

from overtile.core.errors import ShapeError
from overtile.instances.ids import numbered


@dataclass(frozen=True)
class Forest:
    """What is certain about one tile, and what depends on other tiles.

    Attributes:
        nodes: (*S), number of the node that each pixel belongs to for certain, from 1; 0 where no seed can reach.
        seed_of_node: seed id of each node, 0 where it holds none; entry 0 is for no node.
        candidates: (E, 2), pixels joined by each candidate edge as flat indices into the tile, the higher one first.
    """

    nodes: NDArray[np.int32]
    seed_of_node: NDArray[np.int64]
    candidates: NDArray[np.int64]


def flood(landscape: NDArray[Any], foreground: NDArray[np.bool_], seeds: NDArray[Any]) -> NDArray[np.int64]:
    """Watershed: every foreground pixel gets the seed whose water reaches it first, at the lowest level.

    Two floods meet at the ridge between them; a pixel of the ridge goes to its lower side. Where heights are equal,
    the position in the image decides, so a plateau is not split down its middle.

    Args:
        landscape: (*S), real; low where objects are deep.
        foreground: (*S), pixels that can be flooded.
        seeds: (*S), seed ids, 0 where there is none; those outside the foreground are left out.

    Returns:
        (*S), the seed id of each pixel; 0 outside the foreground and where no seed is connected to it.

    Raises:
        ShapeError: the shapes differ.

    >>> flood(np.array([[0, 1, 9, 1, 0]]), np.array([[True] * 5]), np.array([[4, 0, 0, 0, 7]]))[:, [1, 3]]
    array([[4, 7]])
    """
    forest = spanning_forest(landscape, foreground, seeds, np.zeros(foreground.shape, np.bool_))
    return forest.seed_of_node[forest.nodes]


def spanning_forest(
    landscape: NDArray[Any], foreground: NDArray[np.bool_], seeds: NDArray[Any], seam: NDArray[np.bool_]
) -> Forest:
    """Grow the forest inside one tile as far as it is certain.

    Args:
        landscape: (*S), real.
        foreground: (*S), pixels that can be flooded.
        seeds: (*S), seed ids, 0 where there is none.
        seam: (*S), pixels with a neighbour in another tile; none for a whole image.

    Raises:
        ShapeError: the shapes differ.
    """
    if not landscape.shape == foreground.shape == seeds.shape == seam.shape:
        raise ShapeError(
            "expected landscape, foreground, seeds and seam of one shape, "
            f"got {landscape.shape}, {foreground.shape}, {seeds.shape}, {seam.shape}"
        )
    found = numbered(np.where(foreground, seeds, 0))
    inside = np.pad(foreground, 1)
    pixels = np.flatnonzero(inside)
    pixels = pixels[np.argsort(landscape[foreground], kind="stable")]  # ties stay in reading order
    strides = np.array([s // inside.itemsize for s in inside.strides])
    steps = np.stack([-strides, strides], axis=1).ravel()
    grown = _grow(pixels, steps, np.pad(found.index, 1).ravel(), np.pad(seam, 1).ravel(), found.ids.size)
    nodes, node_seed, candidates = grown
    core = (slice(1, -1),) * inside.ndim
    numbering = np.zeros(inside.shape, np.int64)
    numbering[core] = np.arange(foreground.size).reshape(foreground.shape)
    return Forest(nodes.reshape(inside.shape)[core], found.ids[node_seed], numbering.ravel()[candidates])


@njit(cache=True, nogil=True)
@no_type_check
def _root(parent, i):
    """Representative of a set, halving the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
@no_type_check
def _grow(pixels, steps, seed, seam, n_seeds):
    """Kruskal over the pixels from low to high; flat arrays with one pixel of background around the tile."""
    tree, sure = np.arange(seed.size, dtype=np.int32), np.arange(seed.size, dtype=np.int32)
    seed_of_tree, ends = seed.copy(), seam.copy()
    _join_pieces(pixels, seed, tree, sure, ends, n_seeds)
    rank = np.full(seed.size, -1, np.int32)
    candidates, found, around = np.empty((ends.sum(), 2), np.int64), 0, np.empty(steps.size, np.int64)
    for r in range(pixels.size):
        q = pixels[r]
        rank[q] = r
        for p in around[: _flooded_neighbours(q, steps, rank, around)]:
            a, b = _root(tree, q), _root(tree, p)
            if a == b or (seed_of_tree[a] > 0 and seed_of_tree[b] > 0):
                continue
            if ends[a] and ends[b]:
                candidates[found, 0], candidates[found, 1] = q, p
                found += 1
            else:
                sure[_root(sure, q)] = _root(sure, p)
            tree[a] = b
            ends[b] |= ends[a]
            seed_of_tree[b] = max(seed_of_tree[a], seed_of_tree[b])
    nodes, node_seed = _number(pixels, tree, sure, ends, seed)
    return nodes, node_seed, candidates[:found]


@njit(cache=True, nogil=True)
@no_type_check
def _flooded_neighbours(q, steps, rank, around):
    """Fill `around` with the face neighbours that are lower than q, from low to high; returns their number."""
    n = 0
    for step in steps:
        p = q + step
        if rank[p] >= 0:
            i = n
            while i > 0 and rank[around[i - 1]] > rank[p]:
                around[i] = around[i - 1]
                i -= 1
            around[i] = p
            n += 1
    return n


@njit(cache=True, nogil=True)
@no_type_check
def _join_pieces(pixels, seed, tree, sure, ends, n_seeds):
    """Make one tree of all pixels of each seed, and mark it as an end; seed is 0 .. n_seeds - 1."""
    first = np.full(n_seeds, -1, np.int64)
    for q in pixels:
        s = seed[q]
        if s > 0:
            if first[s] < 0:
                first[s] = q
            tree[q], sure[q] = first[s], first[s]
            ends[first[s]] = True


@njit(cache=True, nogil=True)
@no_type_check
def _number(pixels, tree, sure, ends, seed):
    """Number the sets that are certain and may reach a seed, in the order of `pixels`; the seed of each."""
    nodes, node_seed, many = np.zeros(seed.size, np.int32), np.zeros(pixels.size + 1, np.int64), 0
    for q in pixels:
        if ends[_root(tree, q)]:
            root = _root(sure, q)
            if nodes[root] == 0:
                many += 1
                nodes[root] = many
            nodes[q] = nodes[root]
            node_seed[nodes[q]] = max(node_seed[nodes[q]], seed[q])
    return nodes, node_seed[: many + 1]
