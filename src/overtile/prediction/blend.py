"""Tiles that overlap and fade into one another, for networks whose tiles cannot be exact.

A network that pools over its whole input answers differently in every tile, so that no halo removes the seams. The
mean over overlapping tiles, each weighted by a Gaussian that falls towards its edge (Isensee et al. 2021, nnU-Net,
Methods), hides them; the result is still only an approximation of the whole-image pass.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.mirror import read_mirrored
from overtile.prediction.stream import Run, TileListener, WriteMaps, stream
from overtile.prediction.tiles import Tile, Tiling

SIGMA_SHARE = 1 / 8
"""Standard deviation of the Gaussian as a share of the tile's size (Isensee et al. 2021)."""


def overlapping_tiles(size: tuple[int, ...], tiling: Tiling) -> list[Tile]:
    """Cover an image with tiles that overlap by half; reads that reach beyond the image are mirrored or clipped.

    The cost is about four passes over each pixel of an image of two axes.

    >>> [t.write for t in overlapping_tiles((10,), Tiling(tile=(4,), stride=(2,), halo=(0,)))]
    [(slice(0, 4, None),), (slice(2, 6, None),), (slice(4, 8, None),), (slice(6, 10, None),)]
    """
    axes = [list(_along_axis(*parts)) for parts in zip(size, tiling.tile, tiling.stride, strict=True)]
    return [_tile(parts, tiling) for parts in product(*axes)]


def _along_axis(size: int, tile: int, stride: int) -> Sequence[slice]:
    """What tiles of one axis write: all of the same length, half of it apart, the last one flush with the end."""
    length = max(tile // (2 * stride), 1) * 2 * stride
    if length >= size:
        return [slice(0, size)]
    last = size - length  # not at the end of a stride, so that the last tile sees as much as the others
    return [slice(start, start + length) for start in sorted({*range(0, last, length // 2), last})]


def _tile(write: tuple[slice, ...], tiling: Tiling) -> Tile:
    length = tuple(part.stop - part.start for part in write)
    keep = tuple(slice(0, n) for n in length)
    if tiling.input_size is None:
        return Tile(write, keep, write)
    needed = tiling.input_size(length)
    read = tuple(slice(p.start - h, p.start - h + n) for p, h, n in zip(write, tiling.halo, needed, strict=True))
    return Tile(read, keep, write)


def predict_blended(
    image: NDArray[Any],
    run: Run,
    tiling: Tiling,
    *,
    prepare: Callable[[NDArray[Any]], NDArray[np.float32]] = lambda part: part.astype(np.float32),
    progress: TileListener | None = None,
) -> NDArray[np.float32]:
    """Do what `predict_tiled` does, with overlapping tiles; `run` should give probabilities.

    Returns:
        class maps, (class, *S).
    """
    size = image.shape[1:]
    steps = overlapping_tiles(size, tiling)
    bands: list[NDArray[np.float32]] = []
    blend = GaussianBlend(size, steps, lambda _band, maps: bands.append(maps))

    def add(tile: Tile, kept: NDArray[np.float32] | None) -> None:
        if kept is not None:
            blend.write(tile, kept)

    stream(steps, lambda t: prepare(read_mirrored(image, t.read)), run, add, progress=progress)
    return np.concatenate(bands, axis=1)


class GaussianBlend:
    """Adds overlapping tiles up and hands finished rows on.

    Tiles must come in row-major order. Memory: the rows of one row of tiles, in float32.

    Args:
        size: (y, x) of the image.
        steps: all tiles, in the order in which they will come.
        write: takes finished bands of rows, as tiles over the whole width.
        done_rows: rows that an earlier attempt wrote already and that are not handed on again.
    """

    def __init__(self, size: tuple[int, ...], steps: Sequence[Tile], write: WriteMaps, *, done_rows: int = 0) -> None:
        self._size, self._write, self._done = size, write, done_rows
        starts = sorted({tile.write[0].start for tile in steps})
        self._next_start = dict(zip(starts, [*starts[1:], size[0]], strict=True))
        self._last = {tile.write[0].start: tile for tile in steps}
        self._first = starts[0]
        self._sums: NDArray[np.float32] | None = None
        self._weights: NDArray[np.float32] = np.zeros((0, size[1]), np.float32)

    def write(self, tile: Tile, kept: NDArray[np.float32]) -> None:
        """Add one tile; none may be left out."""
        rows, columns = tile.write
        weight = gaussian_window(kept.shape[1:])
        self._grow(kept.shape[0], rows.stop)
        band = (slice(rows.start - self._first, rows.stop - self._first), columns)
        if self._sums is not None:
            self._sums[(slice(None), *band)] += kept * weight
        self._weights[band] += weight
        if tile is self._last[rows.start]:
            self._hand_on(self._next_start[rows.start])

    def _grow(self, classes: int, stop: int) -> None:
        """Make room for rows up to `stop`."""
        missing = stop - self._first - len(self._weights)
        if self._sums is None:
            self._sums = np.zeros((classes, 0, self._size[1]), np.float32)
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, missing), (0, 0)))
            self._weights = np.pad(self._weights, ((0, missing), (0, 0)))

    def _hand_on(self, stop: int) -> None:
        """Write the rows before `stop`, which no later tile touches, and forget them."""
        count = stop - self._first
        if self._sums is None:
            return
        new = max(self._done - self._first, 0)
        if new < count:
            place = (slice(self._first + new, stop), slice(0, self._size[1]))
            whole = tuple(slice(0, part.stop - part.start) for part in place)
            self._write(Tile(place, whole, place), self._sums[:, new:count] / self._weights[new:count])
        self._sums, self._weights = self._sums[:, count:].copy(), self._weights[count:].copy()
        self._first = stop


def gaussian_window(size: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights of a tile's pixels: a Gaussian around its middle, nowhere below a thousandth of its middle.

    >>> gaussian_window((3,)).round(3)
    array([0.029, 1.   , 0.029], dtype=float32)
    """
    window = np.ones(size)
    for axis, n in enumerate(size):
        distance = (np.arange(n) - (n - 1) / 2) / (n * SIGMA_SHARE)
        shape = [1] * len(size)
        shape[axis] = n
        window = window * np.exp(-(distance**2) / 2).reshape(shape)
    return np.asarray(np.maximum(window / window.max(), 1e-3), np.float32)
