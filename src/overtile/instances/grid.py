"""Windows that cover an image too large for memory, and the planes of pixels on either side of every seam."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import ShapeError

Window = tuple[slice, ...]
"""One slice with explicit start and stop per axis."""

Seam = tuple[int, int]
"""Axis, and the position on it where a tile begins."""


def windows(shape: Sequence[int], tile: Sequence[int]) -> Iterator[Window]:
    """Cover an array with windows of at most `tile` pixels, in reading order, each pixel once.

    Raises:
        ShapeError: the tile does not have the axes of the array, or has no pixels.

    >>> list(windows((3,), (2,)))
    [(slice(0, 2, None),), (slice(2, 3, None),)]
    """
    if len(tile) != len(shape) or min(tile) < 1:
        raise ShapeError(f"expected a tile of {len(shape)} positive sizes, one per axis of {tuple(shape)}, got {tile}")
    starts = [range(0, n, t) for n, t in zip(shape, tile, strict=True)]
    for start in product(*starts):
        yield tuple(slice(s, min(s + t, n)) for s, t, n in zip(start, tile, shape, strict=True))


def overlapping(part: Window, shape: Sequence[int], tile: Sequence[int]) -> Iterator[tuple[Window, Window, Window]]:
    """The windows of `windows(shape, tile)` that a part of the array has pixels in.

    Yields:
        the window; the pixels of the part within it; and within the part.

    >>> list(overlapping((slice(1, 4),), (5,), (3,)))[0]
    ((slice(0, 3, None),), (slice(1, 3, None),), (slice(0, 2, None),))
    """
    firsts = [range(p.start // t * t, p.stop, t) for p, t in zip(part, tile, strict=True)]
    for start in product(*firsts):
        window = tuple(slice(s, min(s + t, n)) for s, t, n in zip(start, tile, shape, strict=True))
        both = [(max(w.start, p.start), min(w.stop, p.stop)) for w, p in zip(window, part, strict=True)]
        yield (
            window,
            tuple(slice(a - w.start, b - w.start) for (a, b), w in zip(both, window, strict=True)),
            tuple(slice(a - p.start, b - p.start) for (a, b), p in zip(both, part, strict=True)),
        )


class SeamPlanes:
    """The last pixels before and the first after every seam of a tiled image, collected tile by tile.

    Memory is two planes per seam; nothing else of the image is kept.
    """

    def __init__(self, shape: Sequence[int], tile: Sequence[int], dtype: Any) -> None:
        self._shape = tuple(shape)
        self._before: dict[Seam, NDArray[Any]] = {}
        self._after: dict[Seam, NDArray[Any]] = {}
        for axis, (n, t) in enumerate(zip(shape, tile, strict=True)):
            plane = self._shape[:axis] + self._shape[axis + 1 :]
            for position in range(t, n, t):
                self._before[axis, position] = np.zeros(plane, dtype)
                self._after[axis, position] = np.zeros(plane, dtype)

    def put(self, window: Window, values: NDArray[Any]) -> None:
        """Keep the faces of one tile that lie at a seam."""
        for axis, part in enumerate(window):
            rest = window[:axis] + window[axis + 1 :]
            if part.start > 0:
                self._after[axis, part.start][rest] = values.take(0, axis)
            if part.stop < self._shape[axis]:
                self._before[axis, part.stop][rest] = values.take(-1, axis)

    def faces(self) -> Iterator[tuple[Seam, NDArray[Any], NDArray[Any]]]:
        """Every seam with the plane before and the plane after it."""
        for seam, before in self._before.items():
            yield seam, before, self._after[seam]


def seam_faces(window: Window, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the pixels of a tile that have a neighbour in another tile."""
    mask = np.zeros([part.stop - part.start for part in window], np.bool_)
    for axis, (part, n) in enumerate(zip(window, shape, strict=True)):
        along = np.moveaxis(mask, axis, 0)
        along[0] |= part.start > 0
        along[-1] |= part.stop < n
    return mask
