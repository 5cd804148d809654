"""What the axes of a stored array mean, and how it becomes (channel, [z], y, x).

Letters follow TIFF usage: Y and X span the plane, C and S (samples of one pixel) are channels, Z, T and every other
letter number planes. Where a file does not say, the shape decides and the assumption is logged.
"""

import logging
from dataclasses import dataclass
from math import nan
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
    pixel_size: tuple[float, ...] | None = stored.pixel_size_um
    if planes.shape[1] == 1:
        planes = planes[:, 0]
    elif stored.pixel_size_um is not None:
        pixel_size = (nan if stored.z_step_um is None else stored.z_step_um, *stored.pixel_size_um)
    names = stored.channel_names
    return Image(planes, pixel_size, names if names is not None and len(names) == len(planes) else None)


def to_label_planes(stored: Stored, source: str) -> NDArray[Any]:
    """Bring stored labels into the order (channel, z, y, x); unknown axes number planes, never channels."""
    return _channel_plane_order(_named(stored, source, labels=True))


def _named(stored: Stored, source: str, *, labels: bool) -> Stored:
    """Replace unknown axes by letters; say so when that was a guess."""
    shape = stored.array.shape
    if stored.axes is None:
        axes = _guess_label_axes(shape) if labels else guess_axes(shape)
    elif "?" in stored.axes:
        axes = _name_unknown(stored.axes, shape, labels=labels)
    else:
        return stored
    if len(shape) > 2:
        logger.info("%s: axes of shape %s are not named in the file; taken as %s", source, shape, axes)
    array = stored.array
    if stored.axes is None and axes.endswith("S") and shape[-1] == 4:
        logger.info("%s: the fourth sample of each pixel is taken as alpha and dropped", source)
        array = array[..., :3]
    return Stored(array, axes, stored.pixel_size_um, stored.z_step_um, stored.channel_names)


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
    axes = stored.axes or ""
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise ShapeError(f"expected one Y and one X axis, got axes {axes!r} of shape {stored.array.shape}.")
    channels = [i for i, a in enumerate(axes) if a in "CS"]
    planes = [i for i, a in enumerate(axes) if a not in "CSYX"]
    ordered = stored.array.transpose([*channels, *planes, axes.index("Y"), axes.index("X")])
    n_channels = int(np.prod([stored.array.shape[i] for i in channels], dtype=np.int64))
    n_planes = int(np.prod([stored.array.shape[i] for i in planes], dtype=np.int64))
    return ordered.reshape(n_channels, n_planes, *ordered.shape[-2:])


def slices(image: Image) -> list[Image]:
    """Split a stack (channel, z, y, x) into its planes (channel, y, x); a plane stays as it is.

    >>> [plane.size for plane in slices(Image(np.zeros((1, 2, 5, 7))))]
    [(5, 7), (5, 7)]
    """
    if len(image.size) == 2:
        return [image]
    pixel_size = None if image.pixel_size_um is None else image.pixel_size_um[-2:]
    return [Image(image.array[:, z], pixel_size, image.channel_names) for z in range(image.size[0])]
