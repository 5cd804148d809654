"""Reading images and labels: which suffix is read by what."""

import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError, ShapeError
from overtile.core.image import Image
from overtile.data.axes import Stored, to_image, to_label_planes
from overtile.data.npy import read_npy
from overtile.data.png import read_png, read_png_labels
from overtile.data.tiff import read_tiff, read_tiff_labels

logger = logging.getLogger(__name__)

Reader = Callable[[Path], Stored]

READERS: dict[str, Reader] = {
    ".png": read_png, ".jpg": read_png, ".jpeg": read_png, ".bmp": read_png,
    ".tif": read_tiff, ".tiff": read_tiff, ".npy": read_npy,
}  # fmt: skip
"""Reader of images by suffix, lower case; `.ome.tif` and BigTIFF are TIFF."""

LABEL_READERS: dict[str, Reader] = READERS | {
    ".png": read_png_labels, ".bmp": read_png_labels, ".tif": read_tiff_labels, ".tiff": read_tiff_labels,
}  # fmt: skip
"""Reader of labels by suffix; they differ from images where a palette is concerned."""

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
    """Tell from its name whether a file is an image that can be read."""
    return path.suffix.lower() in READERS and not path.name.startswith(".")


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


def read_labels(path: str | Path) -> NDArray[Any]:
    """Read labels as integers (y, x), or (z, y, x) when the file holds several planes.

    Grey values stored as RGB are accepted; a palette gives its indices.

    Raises:
        FormatError: the file is missing, damaged or of a format that is not read.
        DataError: the labels are colours or fractions.
    """
    path = Path(path)
    planes = to_label_planes(_read(path, LABEL_READERS), str(path))
    labels = _integers(_grey(planes, path), path)
    return labels[0] if len(labels) == 1 else labels


def _read(path: Path, readers: dict[str, Reader]) -> Stored:
    if not path.is_file():
        raise FormatError(f"{path} is no file. Check the path.")
    suffix = path.suffix.lower()
    if suffix not in readers:
        advice = REFUSED.get(suffix, f"Known formats: {', '.join(readers)}. Save it as TIFF or PNG.")
        raise FormatError(f"cannot read {path}: {advice}")
    try:
        return readers[suffix](path)
    except (DataError, ShapeError):
        raise
    except UNREADABLE as error:
        raise FormatError(
            f"cannot read {path}: {type(error).__name__}: {error}. The file is truncated, damaged or no {suffix} file; "
            "copy or export it again."
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
    colours, counts = np.unique(planes.reshape(len(planes), -1).T, axis=0, return_counts=True)
    order = np.argsort(counts)[::-1][:8]
    found = ", ".join(f"{tuple(int(v) for v in colours[i])} {counts[i] / counts.sum():.1%}" for i in order)
    raise DataError(
        f"{path} holds colours, {len(colours)} different ones: {found}. Expected one number per pixel: 0 = background, "
        "1, 2, ... = classes or object ids. Export the labels as grey values, one per colour, not as an overlay."
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
