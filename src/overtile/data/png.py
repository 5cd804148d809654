"""PNG, JPEG and BMP, read with Pillow; PNG written with it."""

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError
from overtile.data.axes import Stored

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, GREY_ALPHA, COLOUR = (
    ("L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"),
    ("LA", "La"),
    ("RGB", "RGBA", "RGBa", "RGBX"),
)


def read_png(path: Path) -> Stored:
    """Read a picture; a palette becomes its colours, alpha is dropped."""
    return _read(path, palette_as_index=False)


def read_png_labels(path: Path) -> Stored:
    """Read a picture as labels; a palette stays what it is in label files: the index is the label."""
    return _read(path, palette_as_index=True)


def _read(path: Path, *, palette_as_index: bool) -> Stored:
    if _is_16_bit_colour_png(path):
        # Pillow would cut these to 8 bit without a word
        deep = np.asarray(imagecodecs.png_decode(path.read_bytes()))
        return _without_alpha(deep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF and colour profiles do not touch the samples
        try:
            with PIL.Image.open(path) as picture:
                return _samples(picture, path, palette_as_index=palette_as_index)
        except PIL.Image.DecompressionBombError as error:
            raise FormatError(f"{path} is too large for this format ({error}). Save it as TIFF.") from error


def _samples(picture: PIL.Image.Image, path: Path, *, palette_as_index: bool) -> Stored:
    if picture.mode in ("P", "PA"):
        if palette_as_index:
            return Stored(np.array(picture.getchannel(0)), "YX")
        picture = picture.convert("RGB")
    if picture.mode == "1":
        return Stored(np.array(picture.convert("L")) > 0, "YX")
    if picture.mode in GREY:
        array = np.array(picture)
        return Stored(array.astype(array.dtype.newbyteorder("=")), "YX")
    if picture.mode in GREY_ALPHA or picture.mode in COLOUR:
        return _without_alpha(np.array(picture))
    raise FormatError(
        f"{path} has colour mode {picture.mode}: expected grey, RGB or a palette. Convert it to RGB or TIFF."
    )


def _without_alpha(array: NDArray[Any]) -> Stored:
    """Keep grey of (grey, alpha) and RGB of (R, G, B, alpha)."""
    if array.ndim == 2:
        return Stored(array, "YX")
    if array.shape[2] <= 2:
        return Stored(array[..., 0], "YX")
    return Stored(array[..., :3], "YXS")


def _is_16_bit_colour_png(path: Path) -> bool:
    """Look at bit depth and colour type in the header (grey is type 0)."""
    with path.open("rb") as file:
        header = file.read(26)
    return len(header) == 26 and header.startswith(PNG_SIGNATURE) and header[24] == 16 and header[25] != 0


def write_png(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write a plane (y, x) of uint8 or uint16.

    Raises:
        DataError: the values do not fit into 16 bit.
    """
    if array.ndim != 2 or array.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"PNG holds one plane of uint8 or uint16, got {array.dtype} of shape {array.shape}. Write TIFF instead."
        )
    PIL.Image.fromarray(array).save(file, format="PNG", optimize=False)
