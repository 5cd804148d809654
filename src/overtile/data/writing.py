"""Writing labels and images: complete under their name, or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.atomic import atomic_file
from overtile.core.errors import FormatError
from overtile.core.image import Image
from overtile.data.npy import write_npy
from overtile.data.png import write_png
from overtile.data.tiff import write_tiff


def smallest_dtype(labels: NDArray[Any]) -> np.dtype[Any]:
    """Find the smallest integer type that holds all labels.

    >>> smallest_dtype(np.array([0, 300]))
    dtype('uint16')
    """
    if labels.size == 0 or labels.min() >= 0:
        top = int(labels.max()) if labels.size else 0
        return next(np.dtype(t) for t in (np.uint8, np.uint16, np.uint32, np.uint64) if top <= np.iinfo(t).max)
    return np.result_type(np.min_scalar_type(int(labels.min())), np.min_scalar_type(-1 - int(labels.max())))


def write_labels(
    path: str | Path, labels: NDArray[Any], *, pixel_size_um: tuple[float, ...] | None = None, overwrite: bool = False
) -> None:
    """Write integer labels (y, x) or (z, y, x) in the smallest type that holds them, compressed.

    Args:
        path: file to write; its suffix (.tif, .tiff, .png, .npy) chooses the format.
        labels: class indices or object ids.
        pixel_size_um: size of a pixel per axis in micrometres, kept in TIFF.
        overwrite: replace a file of that name.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: no space is left or the folder cannot be written to.
    """
    axes = "YX" if labels.ndim == 2 else "ZYX"
    _write(Path(path), labels.astype(smallest_dtype(labels), copy=False), axes, pixel_size_um, overwrite=overwrite)


def write_image(path: str | Path, image: Image, *, overwrite: bool = False) -> None:
    """Write an image, or probabilities (class, y, x), in its own type; (1, y, x) is written as (y, x).

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: no space is left or the folder cannot be written to.
    """
    axes = "CYX" if len(image.size) == 2 else "CZYX"
    single = image.channels == 1
    array = image.array[0] if single else image.array
    _write(Path(path), array, axes[1:] if single else axes, image.pixel_size_um, overwrite=overwrite)


def _write(
    path: Path, array: NDArray[Any], axes: str, pixel_size_um: tuple[float, ...] | None, *, overwrite: bool
) -> None:
    write = _writer(path, axes, pixel_size_um)
    with atomic_file(path, overwrite=overwrite) as file:
        write(file, array)


def _writer(path: Path, axes: str, pixel_size_um: tuple[float, ...] | None) -> Callable[[BinaryIO, NDArray[Any]], None]:
    name = path.name.lower()
    if name.endswith((".tif", ".tiff")):
        ome = name.endswith((".ome.tif", ".ome.tiff"))
        return lambda file, array: write_tiff(file, array, axes=axes, pixel_size_um=pixel_size_um, ome=ome)
    if name.endswith(".png"):
        return write_png
    if name.endswith(".npy"):
        return write_npy
    raise FormatError(f"cannot write {path}: expected a name ending in .tif, .tiff, .ome.tif, .png or .npy.")
