"""An image file that is open, and not read yet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.regions import Regions
from overtile.data.axes import Stored
from overtile.data.blocks import BlockCache


def _nothing() -> None:
    """Close what needs no closing."""


@dataclass(frozen=True)
class Opened:
    """What `Stored` is for an image that was read.

    Attributes:
        array: the samples in the order of the file, alpha already left out; a NumPy array where the format forces
            reading all of them.
        block: size of the blocks in the file, per axis of the array.
        axes, pixel_size_um, z_step_um, channel_names: as in `Stored`.
        close: frees what reading holds.
    """

    array: Regions
    block: tuple[int, ...]
    axes: str | None = None
    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None
    channel_names: tuple[str, ...] | None = None
    close: Callable[[], None] = _nothing

    def read(self) -> Stored:
        """Read all of it."""
        array = np.asarray(self.array[tuple(slice(0, n) for n in self.array.shape)])
        return Stored(array, self.axes, self.pixel_size_um, self.z_step_um, self.channel_names)


Opener = Callable[[Path, BlockCache], Opened]
"""Opens a file; the cache is for blocks that have to be decoded."""


def whole(stored: Stored) -> Opened:
    """Show an image that was read as one that is open."""
    return Opened(
        stored.array, stored.array.shape, stored.axes, stored.pixel_size_um, stored.z_step_um, stored.channel_names
    )


class Cropped:
    """The first samples of an array along each axis."""

    def __init__(self, array: Regions, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, array.dtype
        self._array = array

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        return self._array[region]
