"""Uncompressed samples that lie in a file as they lie in memory, read region by region.

Not mapped into memory: pages of a mapped file count as memory of the process, so that a promise about memory would be
broken by reading, and a file that becomes shorter would end the process without a message.
"""

from io import FileIO
from math import ceil, prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError

PAGE_BYTES = 4096
"""What an operating system reads at least."""


class RawArray:
    """An array within a file.

    Args:
        path: of the file, which is opened for each region, so that threads do not meet.
        dtype: of the samples in the file, with their byte order.
        shape: of the array.
        offset: of the first sample in the file, in bytes.
        order: "C" where the last axis varies fastest, "F" where the first does.

    Raises:
        FormatError: the file is too short.
    """

    def __init__(
        self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int, order: Literal["C", "F"] = "C"
    ) -> None:
        self.shape, self.dtype = shape, dtype.newbyteorder("=")
        self._path, self._stored, self._offset, self._order = path, dtype, offset, order
        expected, found = offset + prod(shape) * dtype.itemsize, path.stat().st_size
        if found < expected:
            raise FormatError(
                f"{path} has {found} bytes, expected {expected}: it is truncated. Copy or export it again."
            )

    @property
    def block(self) -> tuple[int, ...]:
        """What is read at once anyway: samples that lie together, of one memory page or the next larger number."""
        fastest_first = self.shape[::-1] if self._order == "C" else self.shape
        block, size = [], self._stored.itemsize
        for n in fastest_first:
            block.append(min(n, ceil(PAGE_BYTES / size)))
            size *= block[-1]
        return tuple(block[::-1] if self._order == "C" else block)

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        if self._order == "F":
            return self._read(region[::-1], self.shape[::-1]).T
        return self._read(region, self.shape)

    def _read(self, region: tuple[slice, ...], shape: tuple[int, ...]) -> NDArray[Any]:
        out = np.empty(tuple(part.stop - part.start for part in region), self._stored)
        starts, length = runs(region, shape)
        size = length * self._stored.itemsize
        target = out.reshape(-1).view(np.uint8).data
        with self._path.open("rb", buffering=0) as file:
            for n, start in enumerate(starts):
                file.seek(self._offset + int(start) * self._stored.itemsize)
                self._fill(file, target[n * size : (n + 1) * size])
        return out.astype(self.dtype, copy=False)

    def _fill(self, file: FileIO, target: memoryview) -> None:
        """Read until the target is full; the system may give less at a time."""
        filled = 0
        while filled < len(target):
            count = file.readinto(target[filled:])
            if not count:
                raise EOFError(f"{self._path} ends before its samples do: it was cut short after it was opened")
            filled += count


def runs(region: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], int]:
    """Where the samples of a region lie in an array whose last axis varies fastest.

    Returns:
        position of the first sample of each run in the flattened array, and the number of samples that all runs have.

    >>> runs((slice(1, 3), slice(2, 4)), (3, 5)), runs((slice(1, 3), slice(0, 5)), (3, 5))
    ((array([ 7, 12]), 2), (array([5]), 10))
    """
    axis = len(shape) - 1
    while axis > 0 and region[axis] == slice(0, shape[axis]):
        axis -= 1
    strides = [prod(shape[i + 1 :]) for i in range(axis + 1)]
    starts = np.array([region[axis].start * strides[axis]], np.int64)
    for part, stride in zip(region[:axis][::-1], strides[:axis][::-1], strict=True):
        along = np.arange(part.start, part.stop, dtype=np.int64) * stride
        starts = (along[:, np.newaxis] + starts).ravel()
    return starts, (region[axis].stop - region[axis].start) * strides[axis]
