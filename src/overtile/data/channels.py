"""Choosing channels of an image by number or name."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.core.regions import Regions


def select_channels(image: Image, wanted: Sequence[str], source: str) -> Image:
    """Take some channels of an image, in the order asked for; all where none are asked for.

    Args:
        image: (channel, [z], y, x).
        wanted: numbers from 0, or names that the image's file gives.
        source: the file, for messages.

    Raises:
        DataError: the image has no such channel.

    >>> import numpy as np
    >>> select_channels(Image(np.array([[[5]], [[6]], [[7]]])), ("2", "0"), "a.tif").array.ravel().tolist()
    [7, 5]
    """
    if not wanted:
        return image
    indices = channel_indices(wanted, image.channels, image.channel_names, source)
    names = None if image.channel_names is None else tuple(image.channel_names[i] for i in indices)
    return Image(image.array[indices], image.pixel_size_um, names)


def channel_indices(wanted: Sequence[str], count: int, names: Sequence[str] | None, source: str) -> list[int]:
    """Numbers of the channels that are wanted, of an image that has `count`; all where none are asked for.

    Raises:
        DataError: the image has no such channel.

    >>> channel_indices(("dapi", "0"), 2, ("actin", "dapi"), "a.tif")
    [1, 0]
    """
    return [_index(one, count, tuple(names or ()), source) for one in wanted] or list(range(count))


def _index(wanted: str, count: int, names: tuple[str, ...], source: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and int(wanted) < count:
        return int(wanted)
    named = f" ({', '.join(names)})" if names else ""
    raise DataError(f"{source} has no channel {wanted!r}: it has {count}{named}, numbered from 0. Correct --channels.")


class ChosenChannels:
    """Some channels of an image that is read by region.

    Args:
        array: (channel, *S), gives parts by slices.
        indices: of the channels, in the order in which they are wanted.
    """

    def __init__(self, array: Regions, indices: Sequence[int]) -> None:
        self._array, self._indices = array, list(indices)
        self.shape = (len(self._indices), *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read the part within one slice per axis, of the channels from the first to the last that are wanted.

        >>> import numpy as np
        >>> ChosenChannels(np.arange(4).reshape(4, 1), [3, 1])[:, 0:1].ravel().tolist()
        [3, 1]
        """
        first = min(self._indices)
        part = self._array[(slice(first, max(self._indices) + 1), *region[1:])]
        return part[[index - first for index in self._indices]][region[0]]
