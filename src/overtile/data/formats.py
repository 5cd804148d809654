"""Reading images and labels: which suffix is read by what."""

import logging
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError, OptionError, ShapeError
from overtile.core.image import Image
from overtile.data.axes import Stored, pages_as_planes, to_image, to_label_planes
from overtile.data.file_names import suffix_of
from overtile.data.nifti import NIFTI_SUFFIXES, read_nifti
from overtile.data.npy import read_npy
from overtile.data.ome_zarr import read_zarr
from overtile.data.palette import Palette, count_colours, shown
from overtile.data.png import read_png, read_png_labels
from overtile.data.tiff import TIFF_SUFFIXES, read_tiff, read_tiff_labels

logger = logging.getLogger(__name__)

Reader = Callable[[Path], Stored]
Handler = TypeVar("Handler")

READERS: dict[str, Reader] = {
    ".png": read_png, ".jpg": read_png, ".jpeg": read_png, ".bmp": read_png,
    **dict.fromkeys(TIFF_SUFFIXES, read_tiff), ".npy": read_npy, ".zarr": read_zarr,
    **dict.fromkeys(NIFTI_SUFFIXES, read_nifti),
}  # fmt: skip
"""Reader of images by suffix, lower case; `.ome.tif` and BigTIFF are TIFF."""

LABEL_READERS: dict[str, Reader] = READERS | {
    ".png": read_png_labels, ".bmp": read_png_labels, **dict.fromkeys(TIFF_SUFFIXES, read_tiff_labels),
}  # fmt: skip
"""Reader of labels by suffix; they differ from images where a palette is concerned."""

FOLDERS = (".zarr",)
"""Suffixes of images that are folders."""

REFUSED = {
    ".gif": "GIF cuts grey values and colours to 256. Save the original as TIFF or PNG.",
    ".npz": "NPZ holds several arrays. Save one array per file with numpy.save.",
}
"""Suffixes that are known and not read, with what to do."""

UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
"""What decoders raise on damaged files."""


def is_readable(path: Path) -> bool:
    """Tell from its name whether a file, or a folder, is an image that can be read."""
    return (
        suffix_of(path) in READERS and not path.name.startswith(".") and path.is_dir() == (suffix_of(path) in FOLDERS)
    )


def read_image(path: str | Path) -> Image:
    """Read an image as (channel, y, x), or (channel, z, y, x) when the file holds several planes.

    Raises:
        FormatError: the file is missing, damaged or of a format that is not read.
        DataError: pixels are NaN or infinite, or no real numbers.
    """
    path = Path(path)
    image = to_image(_read(path, READERS), str(path))
    check_finite(image.array, str(path))
    return image


def read_labels(path: str | Path, *, image: Path | None = None, palette: Palette | None = None) -> NDArray[Any]:
    """Read labels as integers (y, x), or (z, y, x) when the file holds several planes.

    Grey values stored as RGB are accepted; without palette a file's own palette gives its indices.

    Args:
        path: the file.
        image: file of the image that they belong to, which tells whether separate pages are planes or colours.
        palette: which colour is which class; None where the file holds numbers.

    Raises:
        FormatError: the file is missing, damaged or of a format that is not read.
        DataError: the labels are colours without a palette, unknown colours, or fractions.
    """
    path = Path(path)
    if palette is not None:
        labels: NDArray[Any] = palette.values(read_colours(path), str(path))
        return labels[0] if len(labels) == 1 else labels
    stored = _read(path, LABEL_READERS)
    if image is not None and pages_as_planes(stored) is not stored:
        like = _read(image, READERS)
        if pages_as_planes(like).array.shape == pages_as_planes(stored).array.shape:
            stored = pages_as_planes(stored)
            logger.info("%s: its pages are planes, because %s has as many", path, image)
    labels = _integers(_grey(to_label_planes(stored, str(path)), path), path)
    return labels[0] if len(labels) == 1 else labels


def read_colours(path: Path) -> NDArray[Any]:
    """Read a mask as colours (channel, z, y, x), those of its own palette included.

    Raises:
        FormatError: the file is missing, damaged or of a format that is not read.
    """
    return to_label_planes(_read(path, READERS), str(path))


def _read(path: Path, readers: dict[str, Reader]) -> Stored:
    reader = known(path, readers)
    with decoding(path):
        return reader(path)


def known(path: Path, readers: Mapping[str, Handler]) -> Handler:
    """Choose what reads a file, by its suffix.

    Raises:
        FormatError: the file is missing or of a format that is not read.
    """
    suffix = suffix_of(path)
    if not (path.is_dir() if suffix in FOLDERS else path.is_file()):
        raise FormatError(f"{path} is no {'folder' if suffix in FOLDERS else 'file'}. Check the path.")
    if suffix not in readers:
        advice = REFUSED.get(suffix, f"Known formats: {', '.join(readers)}. Save it as TIFF or PNG.")
        raise FormatError(f"cannot read {path}: {advice}")
    return readers[suffix]


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn what decoders raise on damaged files into an error that names the file."""
    try:
        yield
    except (DataError, ShapeError, OptionError):
        raise
    except UNREADABLE as error:
        raise FormatError(
            f"cannot read {path}: {type(error).__name__}: {error}. The file is truncated, damaged or no "
            f"{suffix_of(path)} file; copy or export it again."
        ) from error


def check_finite(array: NDArray[Any], source: str) -> None:
    """Refuse NaN and infinite pixels of an image (channel, [z], y, x).

    Raises:
        DataError: there are some; their number and the first position are named.
    """
    if array.dtype.kind != "f":
        return
    for channel, plane in enumerate(array):
        finite = np.isfinite(plane)
        if not finite.all():
            count = int(plane.size - np.count_nonzero(finite))
            position = tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), plane.shape))
            raise DataError(
                f"{source} has {count} NaN or infinite pixels in channel {channel}, the first at {position} "
                "((z,) y, x from 0). Replace them, for example by the image's median."
            )


def _grey(planes: NDArray[Any], path: Path) -> NDArray[Any]:
    """Reduce labels (channel, z, y, x) to (z, y, x)."""
    grey: NDArray[Any] = planes[0]
    if len(planes) == 1:
        return grey
    if all(np.array_equal(planes[0], other) for other in planes[1:]):
        logger.info("%s stores grey values as %d equal channels; one is used", path, len(planes))
        return grey
    counts = count_colours(planes)
    raise DataError(
        f"{path} holds colours, {len(counts)} different ones: {shown(counts)}. Expected one number per pixel: 0 = "
        "background, 1, 2, ... = classes or object ids. If each colour is a class, name them in a palette: "
        "`overtile check DATA --write-palette colours.csv` writes one to edit, --palette colours.csv reads it."
    )


def _integers(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    if labels.dtype == np.bool_:
        return labels.view(np.uint8)
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.rint(labels))
        if not whole.all():
            value = labels[~whole].flat[0]
            raise DataError(
                f"{path} holds fractions such as {value:.4g}: expected whole numbers as labels. If these are "
                "probabilities, threshold them first."
            )
        return labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path} holds {labels.dtype} values: expected integers as labels.")
    return labels
