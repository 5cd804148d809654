"""Context beyond the image: mirrored, as in the overlap-tile strategy (Ronneberger et al. 2015, Fig. 2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.regions import Regions


def mirrored_indices(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Indices start .. stop-1 folded back into 0 .. size-1 by mirroring that does not repeat the edge.

    The mirror is applied as often as needed, so that an image smaller than the context works too.

    >>> mirrored_indices(-3, 7, 4)
    array([3, 2, 1, 0, 1, 2, 3, 2, 1, 0])
    >>> mirrored_indices(-2, 2, 1)
    array([0, 0, 0, 0])
    """
    period = max(2 * (size - 1), 1)
    folded = np.arange(start, stop) % period
    return np.where(folded < size, folded, period - folded)


def read_mirrored(array: Regions, window: Sequence[slice]) -> NDArray[Any]:
    """Read a window of the last axes that may reach beyond the array; what is beyond is mirrored.

    Args:
        array: (..., *S), in memory or on disk; the smallest region that holds the window is read, once.
        window: one slice with explicit start and stop per axis of S; starts may be negative, stops beyond the size.

    Returns:
        (..., *W), a view where the window lies inside an array in memory.

    >>> read_mirrored(np.array([[1, 2, 3]]), (slice(0, 1), slice(-1, 4)))
    array([[2, 1, 2, 3, 2]])
    """
    lead = len(array.shape) - len(window)
    parts = [_folded(part, size) for part, size in zip(window, array.shape[lead:], strict=True)]
    found = array[(slice(None),) * lead + tuple(read for read, _ in parts)]
    for axis, (read, indices) in enumerate(parts, start=lead):
        if indices is not None:
            found = np.take(found, indices - read.start, axis=axis)
    return found


def _folded(part: slice, size: int) -> tuple[slice, NDArray[np.intp] | None]:
    """What is read of one axis, and in which order it is taken from that; None where it is taken as it is."""
    if part.start >= 0 and part.stop <= size:
        return part, None
    indices = mirrored_indices(part.start, part.stop, size)
    return slice(int(indices.min()), int(indices.max()) + 1), indices
