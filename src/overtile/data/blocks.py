"""Arrays that are stored in blocks, read region by region; blocks that were used lately are kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import product
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = tuple[int, ...]

CACHE_BYTES = 256 * 2**20
"""What a reader keeps unless it is told otherwise: a row of tiles of a whole slide."""


class BlockCache:
    """Decoded blocks, up to a number of bytes; those that were not used for the longest time go first.

    The last block stays even if it is larger than that, since it is in memory anyway: an image that is compressed as one
    block is then decoded once, and not once per region. Threads may share a cache.

    >>> cache = BlockCache(8)
    >>> for index in [(0,), (1,), (0,)]:
    ...     _ = cache.get(index, lambda: print("decoded") or np.zeros(1))
    decoded
    decoded
    decoded
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._blocks: OrderedDict[Index, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, index: Index, decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Give the block at a place of the grid; decode it if it is not there."""
        with self._lock:
            if index in self._blocks:
                self._blocks.move_to_end(index)
                return self._blocks[index]
        block = decode()
        with self._lock:
            if index not in self._blocks:  # another thread may have been as fast
                self._blocks[index] = block
                self._held += block.nbytes
            while self._held > self._limit and len(self._blocks) > 1:
                self._held -= self._blocks.popitem(last=False)[1].nbytes
        return block

    def __len__(self) -> int:
        return len(self._blocks)

    def clear(self) -> None:
        """Let go of all blocks."""
        with self._lock:
            self._blocks.clear()
            self._held = 0


class Blocked:
    """An array in blocks of one shape on a regular grid.

    Args:
        shape: of the array.
        dtype: of the samples that are given out.
        block: shape of a block.
        decode: gives the block at an index of the grid; what it has beyond the array is not looked at.
        cache: keeps blocks.

    >>> array = Blocked((5,), np.dtype(int), block=(2,), decode=lambda i: np.full(2, i[0]), cache=BlockCache(100))
    >>> array[(slice(1, 5),)]
    array([0, 1, 1, 2])
    """

    def __init__(
        self, shape: Index, dtype: np.dtype[Any], *, block: Index, decode: Callable[[Index], NDArray[Any]],
        cache: BlockCache,
    ) -> None:  # fmt: skip
        self.shape, self.dtype, self.block = shape, dtype, block
        self._decode, self._cache = decode, cache

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        out = np.empty(tuple(part.stop - part.start for part in region), self.dtype)
        grid = [range(part.start // b, ceil(part.stop / b)) for part, b in zip(region, self.block, strict=True)]
        for index in product(*grid):
            block = self._cache.get(index, partial(self._decode, index))
            places = [_overlap(part, i * b, b) for part, i, b in zip(region, index, self.block, strict=True)]
            out[tuple(there for there, _ in places)] = block[tuple(here for _, here in places)]
        return out


def _overlap(part: slice, start: int, length: int) -> tuple[slice, slice]:
    """What a block has of a region: where that lies in the region, and where in the block."""
    first, last = max(part.start, start), min(part.stop, start + length)
    return slice(first - part.start, last - part.start), slice(first - start, last - start)


def grid_of(shape: Index, block: Index) -> Index:
    """Number of blocks per axis.

    >>> grid_of((5, 4), (2, 2))
    (3, 2)
    """
    return tuple(ceil(n / b) for n, b in zip(shape, block, strict=True))
