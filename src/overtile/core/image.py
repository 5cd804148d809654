"""An image in memory: its samples, what its axes mean and how large a pixel is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Image:
    """Samples with axes (channel, [z], y, x).

    Attributes:
        array: samples as they were stored, any real dtype.
        pixel_size_um: size of a pixel per spatial axis in micrometres, in the order of the axes; None where unknown.
        channel_names: one name per channel; None where unknown.
    """

    array: NDArray[Any]
    pixel_size_um: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.array.shape[0])

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial size, ([z], y, x)."""
        return tuple(int(n) for n in self.array.shape[1:])


def with_channel_axis(array: NDArray[Any], ndim: int = 2) -> NDArray[Any]:
    """Add the channel axis in front of an array that has spatial axes only.

    >>> with_channel_axis(np.zeros((5, 7))).shape
    (1, 5, 7)
    """
    return array[np.newaxis] if array.ndim == ndim else array
