"""TIFF, BigTIFF, OME-TIFF and ImageJ TIFF, with tifffile."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.axes import Stored
from overtile.data.tiff_scale import Scale, ome_sizes, read_scale, resolution_tags

logger = logging.getLogger(__name__)

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".svs", ".ndpi", ".scn", ".qptiff")
"""TIFF, and the dialects of slide scanners, of which the image at full resolution is read."""

MAP_ABOVE_BYTES = 256 * 2**20
"""An uncompressed image larger than this is mapped from disk instead of being read."""


def read_tiff(path: Path) -> Stored:
    """Read a TIFF image; a palette becomes its colours, alpha is dropped."""
    return _read(path, palette_as_index=False)


def read_tiff_labels(path: Path) -> Stored:
    """Read a TIFF as labels; with a palette the index is the label."""
    return _read(path, palette_as_index=True)


def _read(path: Path, *, palette_as_index: bool) -> Stored:
    with errors_raised(path), tifffile.TiffFile(path) as tiff:
        contents = first_image(tiff, path)
        array, axes = _native(_samples(path, contents.series)), contents.series.axes
        if contents.colours is not None and not palette_as_index:
            array, axes = contents.colours[array], axes + "S"
        if contents.has_alpha:
            array = np.take(array, range(array.shape[axes.index("S")] - 1), axis=axes.index("S"))
        scale = contents.scale
        return Stored(array, letters(axes), scale.pixel_size_um, scale.z_step_um, contents.channel_names)


@dataclass(frozen=True)
class TiffImage:
    """What an open TIFF file says about its first image.

    Attributes:
        series: the pages of the image; those of full resolution where there are several.
        colours: of a palette, (index, 3).
        has_alpha: whether the last sample of each pixel is its opacity.
        scale: size of a pixel.
        channel_names: where there is one for each channel.
    """

    series: tifffile.TiffPageSeries
    colours: NDArray[np.uint8] | None
    has_alpha: bool
    scale: Scale
    channel_names: tuple[str, ...] | None


def first_image(tiff: tifffile.TiffFile, path: Path) -> TiffImage:
    """Find the first image of a file.

    Raises:
        FormatError: there is none.
    """
    if not tiff.series:
        raise FormatError(f"{path} holds no image.")
    if len(tiff.series) > 1:
        logger.info("%s holds %d images of different shape; the first is used", path, len(tiff.series))
    series = tiff.series[0]
    page = series.keyframe
    colours = None if page.colormap is None else (page.colormap.T >> 8).astype(np.uint8)
    alpha = bool(page.extrasamples) and page.extrasamples[-1] in (1, 2)  # associated, unassociated
    names = _channel_names(tiff)
    named = "C" in series.axes and len(names) == series.shape[series.axes.index("C")] and all(names)
    return TiffImage(series, colours, alpha and "S" in series.axes, read_scale(tiff), names if named else None)


def _samples(path: Path, series: tifffile.TiffPageSeries) -> NDArray[Any]:
    if series.dataoffset is not None and series.nbytes > MAP_ABOVE_BYTES:
        return np.memmap(
            path, dtype=stored_dtype(series), mode="r", offset=series.dataoffset, shape=series.shape,
        )  # fmt: skip
    return np.asarray(series.asarray())


def stored_dtype(series: tifffile.TiffPageSeries) -> np.dtype[Any]:
    """Type of the samples with the byte order of the file."""
    return np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def letters(axes: str) -> str:
    """Keep the letters that name an axis; tifffile writes Q, I and some others where the file names none."""
    return "".join(letter if letter in "YXSCZT" else "?" for letter in axes)


def _channel_names(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    """Read channel names from OME or ImageJ metadata."""
    if tiff.is_ome and tiff.ome_metadata:
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"].get("Image", {})
        first = pixels[0] if isinstance(pixels, list) else pixels
        channels = first.get("Pixels", {}).get("Channel", [])
        return tuple(str(c.get("Name", "")) for c in (channels if isinstance(channels, list) else [channels]))
    if tiff.imagej_metadata:
        return tuple(str(label) for label in tiff.imagej_metadata.get("Labels", []))
    return ()


@contextmanager
def errors_raised(path: Path) -> Iterator[None]:
    """Turn the errors that tifffile only logs, such as missing pages, into an exception."""
    handler = _Collector()
    log = logging.getLogger("tifffile")
    log.addHandler(handler)
    propagate, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.propagate = propagate
        log.removeHandler(handler)
    if handler.messages:
        raise FormatError(f"{path} is damaged: {handler.messages[0]}. Copy or export it again.")


class _Collector(logging.Handler):
    """Collects the errors logged by the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.owner = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.owner:
            self.messages.append(record.getMessage())


def write_tiff(
    file: BinaryIO, array: NDArray[Any], *, axes: str, pixel_size_um: Sequence[float] | None = None, ome: bool = False
) -> None:
    """Write a compressed TIFF that Fiji, QuPath and napari open; BigTIFF from 4 GB on.

    Args:
        file: open for binary writing.
        array: the samples.
        axes: one letter per axis, such as "YX" or "CYX".
        pixel_size_um: size of a pixel per spatial axis (... y, x), in micrometres.
        ome: write OME metadata.

    Raises:
        FormatError: OME-TIFF does not know the type of the samples.
    """
    metadata = {"axes": axes, **ome_sizes(pixel_size_um)} if ome else {"axes": axes}
    try:
        tifffile.imwrite(
            file, array, ome=ome, bigtiff=array.nbytes >= 2**32 - 2**25, photometric="minisblack", planarconfig=None,
            compression="zlib", metadata=metadata, **resolution_tags(Scale.of(pixel_size_um)),
        )  # fmt: skip
    except tifffile.OmeXmlError as error:
        raise FormatError(f"OME-TIFF cannot hold {array.dtype}: {error}. Choose a name in .tif, or float32.") from error
