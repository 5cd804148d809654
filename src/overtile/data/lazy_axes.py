"""An open image file, seen as (channel, [z], y, x) whatever the order of its axes."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError, ShapeError
from overtile.core.regions import Regions
from overtile.data.axes import axis_groups
from overtile.data.formats import UNREADABLE, check_finite

Part = int | slice


class ImageRegions:
    """Samples (channel, [z], y, x) that are read from disk where a part of them is asked for.

    It has what NumPy has under the same names: a shape, a type, parts by whole numbers and slices without steps.
    `numpy.asarray` reads all of it. Threads may read at once.

    Args:
        array: in the order of the file.
        axes: one letter per axis of it.
        source: name of the file, for messages.

    Attributes:
        shape: (channel, [z], y, x).
        dtype: of the samples.
        ndim: number of axes.
        planes: how many there are.

    Raises:
        DataError: the samples are no real numbers.
        ShapeError: there is not one y and one x.
    """

    def __init__(self, array: Regions, axes: str, source: str) -> None:
        if array.dtype.kind not in "biuf":
            raise DataError(f"{source} holds {array.dtype} values: expected real numbers.")
        self._array, self._source = array, source
        self._channels, self._planes, self._plane = axis_groups(axes, array.shape)
        self.planes = prod(array.shape[i] for i in self._planes)
        channels = prod(array.shape[i] for i in self._channels)
        depth = () if self.planes == 1 else (self.planes,)
        self.shape = (channels, *depth, *(array.shape[i] for i in self._plane))
        self.dtype = np.dtype(np.uint8) if array.dtype == np.bool_ else array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, region: Part | tuple[Part, ...]) -> NDArray[Any]:
        """Read a region.

        Raises:
            DataError: pixels are NaN or infinite.
            FormatError: the file is damaged there.
            ShapeError: the region is none, or has steps.
        """
        given = region if isinstance(region, tuple) else (region,)
        window = _window(given, self.shape)
        if any(part.stop <= part.start for part in window):
            found = np.empty(tuple(max(part.stop - part.start, 0) for part in window), self.dtype)
        else:
            found = self._read(window)
            check_finite(found, f"{self._source}, from {tuple(part.start for part in window[1:])} on,")
        return np.asarray(found[tuple(slice(None) if isinstance(part, slice) else 0 for part in given)])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self[()]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def block(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Bring the size of the blocks in the file into the order ([z], y, x)."""
        depth = () if self.planes == 1 else (prod(stored[i] for i in self._planes),)
        return (*depth, *(stored[i] for i in self._plane))

    def _read(self, window: tuple[slice, ...]) -> NDArray[Any]:
        """Read a window (channel, [z], y, x) that is not empty."""
        z = window[1] if len(window) == 4 else slice(0, 1)
        channels, first_channel = covering([self._array.shape[i] for i in self._channels], window[0])
        planes, first_plane = covering([self._array.shape[i] for i in self._planes], z)
        order = (*self._channels, *self._planes, *self._plane)
        parts = dict(zip(order, (*channels, *planes, *window[-2:]), strict=True))
        try:
            found = self._array[tuple(parts[i] for i in range(len(order)))]
        except (DataError, ShapeError):
            raise
        except UNREADABLE as error:
            place = ", ".join(f"{part.start} to {part.stop - 1}" for part in window)
            raise FormatError(
                f"cannot read {place} (channel, [z], y, x) of {self._source}: {type(error).__name__}: {error}. The file "
                "is damaged there, or no longer to be reached."
            ) from error
        found = found.transpose(order)
        found = found.reshape(_length(channels), _length(planes), *found.shape[-2:])
        found = found[first_channel : first_channel + _size(window[0]), first_plane : first_plane + _size(z)]
        found = found.view(np.uint8) if found.dtype == np.bool_ else found
        return found if len(window) == 4 else found[:, 0]


def covering(sizes: list[int], part: slice) -> tuple[tuple[slice, ...], int]:
    """The smallest box of an array that holds a part of its flattened samples, if it is read whole from the first axis on.

    Returns:
        one slice per axis, and where the part begins in the flattened box.

    >>> covering([3, 4], slice(5, 7)), covering([3, 4], slice(2, 6))
    (((slice(1, 2, None), slice(1, 3, None)), 0), ((slice(0, 2, None), slice(0, 4, None)), 2))
    """
    if not sizes:
        return (), 0
    inner = prod(sizes[1:])
    first, last = part.start // inner, (part.stop - 1) // inner
    if first != last:
        return (slice(first, last + 1), *(slice(0, n) for n in sizes[1:])), part.start - first * inner
    rest, start = covering(sizes[1:], slice(part.start - first * inner, part.stop - first * inner))
    return (slice(first, first + 1), *rest), start


def _window(region: tuple[Part, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """One slice with start and stop per axis."""
    if len(region) > len(shape):
        raise ShapeError(f"expected at most {len(shape)} slices for the shape {shape}, got {len(region)}.")
    parts = (*region, *(slice(None) for _ in shape[len(region) :]))
    return tuple(_within(part, n) for part, n in zip(parts, shape, strict=True))


def _within(part: Part, length: int) -> slice:
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        if step != 1:
            raise ShapeError(
                f"expected slices without steps, got {part}. Read the region and take every {step}-th of it."
            )
        return slice(start, stop)
    if not -length <= part < length:
        raise IndexError(f"expected a position from 0 to {length - 1}, got {part}.")
    return slice(part % length, part % length + 1)


def _size(part: slice) -> int:
    return int(part.stop - part.start)


def _length(parts: tuple[slice, ...]) -> int:
    return prod(_size(part) for part in parts)
