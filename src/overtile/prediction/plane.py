"""One plane of a stack, in memory or on disk, used as if it were an image of its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, ...]
"""One slice with explicit start and stop per axis."""


class Plane:
    """The last two axes of an array that gives and takes slices, at fixed positions of the axes before them.

    >>> stack = np.zeros((2, 3, 4, 5), int)
    >>> Plane(stack, (slice(None), 1))[0:2, 0:1].shape
    (2, 2, 1)
    >>> Plane(stack, (slice(None), slice(1, 2))).shape
    (2, 1, 4, 5)
    """

    def __init__(self, array: Any, lead: tuple[int | slice, ...] = ()) -> None:
        self._array = array
        self._lead = tuple(slice(part, part + 1) if isinstance(part, int) else part for part in lead)
        self._drop = tuple(axis for axis, part in enumerate(lead) if isinstance(part, int))
        kept = [
            len(range(*part.indices(n))) for part, n in zip(lead, array.shape, strict=False) if isinstance(part, slice)
        ]
        self.shape = (*kept, *(int(n) for n in array.shape[-2:]))
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, window: Window) -> NDArray[Any]:
        return np.asarray(self._array[(*self._lead, *window[-2:])]).squeeze(self._drop)

    def __setitem__(self, window: Window, values: NDArray[Any]) -> None:
        self._array[(*self._lead, *window[-2:])] = np.expand_dims(values, self._drop)


def is_flat(part: NDArray[Any], spread: float) -> bool:
    """Whether the samples of each channel differ by no more than `spread`, so that nothing is to be seen there.

    >>> is_flat(np.array([[[7, 8]]]), 1.0)
    True
    """
    samples = part.reshape(len(part), -1)
    return bool((samples.max(axis=1).astype(np.float64) - samples.min(axis=1) <= spread).all())
