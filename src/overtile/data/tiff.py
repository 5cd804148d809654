"""TIFF, BigTIFF, OME-TIFF and ImageJ TIFF, with tifffile."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.axes import Stored
from overtile.data.tiff_scale import Scale, read_scale, resolution_tags

logger = logging.getLogger(__name__)

MAP_ABOVE_BYTES = 256 * 2**20
"""An uncompressed image larger than this is mapped from disk instead of being read."""


def read_tiff(path: Path) -> Stored:
    """Read a TIFF image; a palette becomes its colours, alpha is dropped."""
    return _read(path, palette_as_index=False)


def read_tiff_labels(path: Path) -> Stored:
    """Read a TIFF as labels; with a palette the index is the label."""
    return _read(path, palette_as_index=True)


def _read(path: Path, *, palette_as_index: bool) -> Stored:
    with _errors_raised(path), tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise FormatError(f"{path} holds no image.")
        series = tiff.series[0]
        if len(tiff.series) > 1:
            logger.info("%s holds %d images of different shape; the first is used", path, len(tiff.series))
        page = series.keyframe
        array, axes = _native(_samples(path, series)), series.axes
        if page.colormap is not None and not palette_as_index:
            array, axes = _colours(array, page.colormap), axes + "S"
        if page.extrasamples and page.extrasamples[-1] in (1, 2) and "S" in axes:  # associated, unassociated alpha
            array = np.take(array, range(array.shape[axes.index("S")] - 1), axis=axes.index("S"))
        scale = read_scale(tiff)
        return Stored(
            array, _letters(axes), scale.pixel_size_um, scale.z_step_um, _channel_names(tiff, axes, array.shape)
        )


def _samples(path: Path, series: tifffile.TiffPageSeries) -> NDArray[Any]:
    if series.dataoffset is not None and series.nbytes > MAP_ABOVE_BYTES:
        return np.memmap(
            path, dtype=series.dtype.newbyteorder(series.keyframe.parent.byteorder), mode="r",
            offset=series.dataoffset, shape=series.shape,
        )  # fmt: skip
    return np.asarray(series.asarray())


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _colours(indices: NDArray[Any], colormap: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.asarray((colormap.T >> 8).astype(np.uint8)[indices])


def _letters(axes: str) -> str:
    """Keep the letters that name an axis; tifffile writes Q, I and some others where the file names none."""
    return "".join(letter if letter in "YXSCZT" else "?" for letter in axes)


def _channel_names(tiff: tifffile.TiffFile, axes: str, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    """Read channel names from OME or ImageJ metadata."""
    if "C" not in axes:
        return None
    names: list[str] = []
    if tiff.is_ome and tiff.ome_metadata:
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"].get("Image", {})
        first = pixels[0] if isinstance(pixels, list) else pixels
        channels = first.get("Pixels", {}).get("Channel", [])
        names = [str(c.get("Name", "")) for c in (channels if isinstance(channels, list) else [channels])]
    elif tiff.imagej_metadata:
        names = [str(label) for label in tiff.imagej_metadata.get("Labels", [])]
    complete = len(names) == shape[axes.index("C")] and all(names)
    return tuple(names) if complete else None


@contextmanager
def _errors_raised(path: Path) -> Iterator[None]:
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
    file: BinaryIO, array: NDArray[Any], *, axes: str, pixel_size_um: tuple[float, ...] | None = None, ome: bool = False
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
    metadata: dict[str, Any] = {"axes": axes}
    if ome and pixel_size_um is not None:
        for letter, size in zip("XYZ", reversed(pixel_size_um), strict=False):
            metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}
    try:
        tifffile.imwrite(
            file, array, ome=ome, bigtiff=array.nbytes >= 2**32 - 2**25, photometric="minisblack", planarconfig=None,
            compression="zlib", metadata=metadata, **resolution_tags(Scale.of(pixel_size_um)),
        )  # fmt: skip
    except tifffile.OmeXmlError as error:
        raise FormatError(f"OME-TIFF cannot hold {array.dtype}: {error}. Choose a name in .tif, or float32.") from error
