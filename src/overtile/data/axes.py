"""What the axes of a stored array mean, and how it becomes (channel, [z], y, x).

Letters follow TIFF usage: Y and X span the plane, C and S (samples of one pixel) are channels, Z, T and every other
letter number planes. Where a file does not say, the shape decides and the assumption is logged.
"""

import logging
from dataclasses import dataclass
from math import nan, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError
from overtile.core.image import Image

logger = logging.getLogger(__name__)

MOST_CHANNELS = 5
"""An axis of unknown meaning that is longer than this numbers planes, not channels."""


@dataclass(frozen=True)
class Stored:
    """An array as its file holds it.

    Attributes:
        array: the samples, alpha already dropped.
        axes: one letter per axis of the array, '?' where the file does not say; None when it says nothing at all.
        pixel_size_um: height and width of a pixel in micrometres.
        z_step_um: distance between planes in micrometres.
        channel_names: one name per channel.
    """

    array: NDArray[Any]
    axes: str | None = None
    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None
    channel_names: tuple[str, ...] | None = None


def guess_axes(shape: tuple[int, ...]) -> str:
    """Guess the axes of an array from its shape alone.

    >>> guess_axes((64, 80)), guess_axes((64, 80, 3)), guess_axes((2, 64, 80)), guess_axes((30, 64, 80))
    ('YX', 'YXS', 'CYX', 'ZYX')

    Raises:
        ShapeError: the array has fewer than 2 or more than 4 axes, or 4 of which none can be the channels.
    """
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3:
        if _is_channels(shape[2], shape[:2]):
            return "YXS"
        return "CYX" if _is_channels(shape[0], shape[1:]) else "ZYX"
    if len(shape) == 4:
        for position, axes in ((3, "ZYXS"), (1, "ZCYX"), (0, "CZYX")):
            plane = shape[1:3] if position == 3 else shape[2:]
            if _is_channels(shape[position], plane):
                return axes
    raise ShapeError(
        f"cannot tell what the axes of an array of shape {shape} mean: expected (y, x), (channel, y, x), "
        f"(y, x, channel), (z, y, x) or one of them with channels of at most {MOST_CHANNELS}. Save it as TIFF with "
        "axes metadata."
    )


def _is_channels(length: int, plane: tuple[int, ...]) -> bool:
    return length <= MOST_CHANNELS and length < min(plane)


def to_image(stored: Stored, source: str) -> Image:
    """Bring a stored array into the order (channel, y, x), or (channel, z, y, x) when it holds several planes.

    Raises:
        DataError: the samples are complex numbers or no numbers at all.
        ShapeError: the axes cannot be told.
    """
    if stored.array.dtype.kind not in "biuf":
        raise DataError(f"{source} holds {stored.array.dtype} values: expected real numbers.")
    stored = _named(stored, source, labels=False)
    planes = _channel_plane_order(stored)
    if planes.dtype == np.bool_:
        planes = planes.view(np.uint8)
    pixel_size = spatial_size(stored.pixel_size_um, stored.z_step_um, n_planes=planes.shape[1])
    names = names_of(stored.channel_names, n_channels=len(planes))
    return Image(planes[:, 0] if planes.shape[1] == 1 else planes, pixel_size, names)


def to_label_planes(stored: Stored, source: str) -> NDArray[Any]:
    """Bring stored labels into the order (channel, z, y, x); unknown axes number planes, never channels."""
    return _channel_plane_order(_named(stored, source, labels=True))


def spatial_size(
    pixel_size_um: tuple[float, float] | None, z_step_um: float | None, *, n_planes: int
) -> tuple[float, ...] | None:
    """Size of a pixel ([z], y, x); z only for several planes, not a number where the file does not tell it."""
    if pixel_size_um is None or n_planes == 1:
        return pixel_size_um
    return (nan if z_step_um is None else z_step_um, *pixel_size_um)


def names_of(names: tuple[str, ...] | None, *, n_channels: int) -> tuple[str, ...] | None:
    """Keep the names of channels if there is one for each."""
    return names if names is not None and len(names) == n_channels else None


def pages_as_planes(stored: Stored) -> Stored:
    """Take channels that are stored as pages of their own for planes; anything else comes back as it is.

    Three pages of 8 bit are commonly written as the red, green and blue page of one picture, whatever they are.

    >>> pages_as_planes(Stored(np.zeros((3, 4, 5)), "SYX")).axes, pages_as_planes(Stored(np.zeros((4, 5, 3)), "YXS")).axes
    ('ZYX', 'YXS')
    """
    if stored.axes not in ("SYX", "CYX", "?YX"):
        return stored
    return Stored(stored.array, "ZYX", stored.pixel_size_um, stored.z_step_um)


def _named(stored: Stored, source: str, *, labels: bool) -> Stored:
    """Replace unknown axes by letters; leave out alpha."""
    axes, shape = name_axes(stored.axes, stored.array.shape, source, labels=labels)
    array = stored.array if shape == stored.array.shape else stored.array[..., : shape[-1]]
    return Stored(array, axes, stored.pixel_size_um, stored.z_step_um, stored.channel_names)


def name_axes(
    stored: str | None, shape: tuple[int, ...], source: str, *, labels: bool = False
) -> tuple[str, tuple[int, ...]]:
    """Name the axes of an array that its file does not name; say so when that was a guess.

    Returns:
        one letter per axis, and the shape without alpha.

    Raises:
        ShapeError: the axes cannot be told.
    """
    if stored is None:
        axes = _guess_label_axes(shape) if labels else guess_axes(shape)
    elif "?" in stored:
        axes = _name_unknown(stored, shape, labels=labels)
    else:
        return stored, shape
    if len(shape) > 2:
        logger.info("%s: axes of shape %s are not named in the file; taken as %s", source, shape, axes)
    if stored is None and axes.endswith("S") and shape[-1] == 4:
        logger.info("%s: the fourth sample of each pixel is taken as alpha and dropped", source)
        return axes, (*shape[:-1], 3)
    return axes, shape


def _guess_label_axes(shape: tuple[int, ...]) -> str:
    return {2: "YX", 3: "YXS" if shape[-1] in (3, 4) and min(shape[:2]) > 4 else "ZYX"}.get(len(shape)) or guess_axes(
        shape
    )


def _name_unknown(axes: str, shape: tuple[int, ...], *, labels: bool) -> str:
    """Name the first unknown axis: channels when it is short and none are known, planes otherwise."""
    known_channels = any(a in "CS" and n > 1 for a, n in zip(axes, shape, strict=True))
    length = shape[axes.index("?")]
    plane = tuple(n for a, n in zip(axes, shape, strict=True) if a in "YX")
    as_channels = not labels and not known_channels and _is_channels(length, plane)
    named = axes.replace("?", "C" if as_channels else "Z", 1)
    return named.replace("?", "Z")


def _channel_plane_order(stored: Stored) -> NDArray[Any]:
    """Transpose to (channels..., planes..., y, x) and merge each kind into one axis; a view where possible."""
    shape = stored.array.shape
    channels, planes, plane = axis_groups(stored.axes or "", shape)
    ordered = stored.array.transpose([*channels, *planes, *plane])
    return ordered.reshape(prod(shape[i] for i in channels), prod(shape[i] for i in planes), *ordered.shape[-2:])


def axis_groups(axes: str, shape: tuple[int, ...]) -> tuple[list[int], list[int], tuple[int, int]]:
    """Which axes count channels, which count planes, and which are y and x.

    >>> axis_groups("ZYXS", (5, 64, 80, 3))
    ([3], [0], (1, 2))

    Raises:
        ShapeError: there is not one y and one x.
    """
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise ShapeError(f"expected one Y and one X axis, got axes {axes!r} of shape {shape}.")
    channels = [i for i, a in enumerate(axes) if a in "CS"]
    planes = [i for i, a in enumerate(axes) if a not in "CSYX"]
    return channels, planes, (axes.index("Y"), axes.index("X"))


def slices(image: Image) -> list[Image]:
    """Split a stack (channel, z, y, x) into its planes (channel, y, x); a plane stays as it is.

    >>> [plane.size for plane in slices(Image(np.zeros((1, 2, 5, 7))))]
    [(5, 7), (5, 7)]
    """
    if len(image.size) == 2:
        return [image]
    pixel_size = None if image.pixel_size_um is None else image.pixel_size_um[-2:]
    return [Image(image.array[:, z], pixel_size, image.channel_names) for z in range(image.size[0])]
