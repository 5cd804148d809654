"""Context beyond the image: mirrored, as in the overlap-tile strategy (Ronneberger et al. 2015, Fig. 2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def read_mirrored(array: NDArray[Any], window: Sequence[slice]) -> NDArray[Any]:
    """Read a window of the last axes that may reach beyond the array; what is beyond is mirrored.

    Args:
        array: (..., *S).
        window: one slice with explicit start and stop per axis of S; starts may be negative, stops beyond the size.

    Returns:
        (..., *W), a view where the window lies inside the array.

    >>> read_mirrored(np.array([[1, 2, 3]]), (slice(0, 1), slice(-1, 4)))
    array([[2, 1, 2, 3, 2]])
    """
    for axis, part in enumerate(window, start=array.ndim - len(window)):
        size = array.shape[axis]
        if part.start >= 0 and part.stop <= size:
            array = array[(slice(None),) * axis + (part,)]
        else:
            array = np.take(array, mirrored_indices(part.start, part.stop, size), axis=axis)
    return array
