"""The overlap-tile strategy (Ronneberger et al. 2015, Fig. 2), without any framework."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from overtile.core.errors import ShapeError

LARGEST_BLOCK_PX = 1024
"""Viewers read whole blocks of a store, and objects are found block by block."""


@dataclass(frozen=True)
class Tile:
    """One step of the overlap-tile strategy.

    Attributes:
        read: slices of the image that the network sees; where they reach beyond the image, it is mirrored.
        keep: slices of the network's output whose whole context was read.
        write: slices of the prediction that `keep` fills; the `write` of all tiles partition the prediction.
    """

    read: tuple[slice, ...]
    keep: tuple[slice, ...]
    write: tuple[slice, ...]


@dataclass(frozen=True)
class Tiling:
    """How a network sees an image tile by tile so that the result equals the whole-image pass.

    Attributes:
        tile: largest number of output pixels per tile and axis.
        stride: tiles begin at multiples of it, so that every tile meets the same max-pooling phase.
        halo: context in pixels on each side of a kept pixel, per axis. A multiple of the stride for padded networks.
        input_size: for networks of valid convolutions, the smallest valid input size whose output has at least the
            given size; None for padded networks.
    """

    tile: tuple[int, ...]
    stride: tuple[int, ...]
    halo: tuple[int, ...]
    input_size: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        if any(t < 1 for t in self.tile):
            raise ShapeError(f"a tile needs at least 1 pixel per axis, got {self.tile}")


def block_px(tile_px: int) -> int:
    """Side of the blocks in which results are stored: a tile or half of one, so that no two tiles share a block.

    >>> block_px(1024), block_px(1536)
    (1024, 768)
    """
    return tile_px // 2 if tile_px > LARGEST_BLOCK_PX and tile_px % 2 == 0 else tile_px


def tiles(size: tuple[int, ...], tiling: Tiling) -> Iterator[Tile]:
    """Cover an image with tiles of nearly equal size.

    A network of valid convolutions has its missing context mirrored, as the paper does. For a padded network the zero
    padding at the true edge is part of the whole-image result, so that reads are clipped to the image there.

    Args:
        size: of the image, per axis.
        tiling: the network's needs.

    Yields:
        tiles in row-major order.

    >>> for t in tiles((40,), Tiling(tile=(20,), stride=(4,), halo=(4,))):
    ...     print(t.read, t.keep, t.write)
    (slice(0, 24, None),) (slice(0, 20, None),) (slice(0, 20, None),)
    (slice(16, 40, None),) (slice(4, 24, None),) (slice(20, 40, None),)
    """
    if any(n < 1 for n in size):
        raise ShapeError(f"an image needs at least 1 pixel per axis, got {size}")
    cores = tuple(balanced(n, t, s) for n, t, s in zip(size, tiling.tile, tiling.stride, strict=True))
    reads = tiling.input_size(cores) if tiling.input_size else (None,) * len(size)
    axes = [list(_along_axis(*parts)) for parts in zip(size, cores, tiling.halo, reads, strict=True)]
    for parts in product(*axes):
        read, keep, write = zip(*parts, strict=True)
        yield Tile(read, keep, write)


def balanced(size: int, tile: int, stride: int) -> int:
    """Tile size, a multiple of the stride, that splits `size` into equal parts no larger than `tile`.

    (Never less than the stride, even where `tile` is.)

    >>> balanced(100, 64, 16), balanced(10, 64, 16), balanced(100, 3, 16)
    (64, 16, 16)
    """
    largest = max(tile // stride, 1) * stride
    return ceil(ceil(size / ceil(size / largest)) / stride) * stride


def _along_axis(size: int, core: int, halo: int, length: int | None) -> Iterator[tuple[slice, slice, slice]]:
    """Read, keep and write along one axis; `length` of the reads is given where they are mirrored."""
    for start in range(0, size, core):
        stop = min(start + core, size)
        if length is not None:
            read = slice(start - halo, start - halo + length)
            keep = slice(0, stop - start)
        else:
            read = slice(max(start - halo, 0), min(start + core + halo, size))
            keep = slice(start - read.start, stop - read.start)
        yield read, keep, slice(start, stop)
