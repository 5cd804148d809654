"""Writing labels and images: complete under their name, or not at all."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.atomic import atomic_file, refuse_overwrite, write_errors
from overtile.core.errors import FormatError
from overtile.core.image import Image
from overtile.data.file_names import suffix_of
from overtile.data.nifti import NIFTI_SUFFIXES, write_nifti
from overtile.data.npy import write_npy
from overtile.data.png import write_png
from overtile.data.stores import create_store, finish_store, partial_path
from overtile.data.tiff import write_tiff

CHUNK_PX = 1024
"""Height and width of the blocks of an OME-Zarr image."""


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
    path: str | Path,
    labels: NDArray[Any],
    *,
    pixel_size_um: tuple[float, ...] | None = None,
    like: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write integer labels (y, x) or (z, y, x) in the smallest type that holds them, compressed.

    Args:
        path: to write; its suffix (.tif, .tiff, .png, .npy, .ome.zarr, .nii.gz, .nii) chooses the format.
        labels: class indices or object ids.
        pixel_size_um: size of a pixel per axis in micrometres, kept in TIFF, OME-Zarr and NIfTI.
        like: file of the image; where both are NIfTI, the labels get its place and orientation in space.
        overwrite: replace a file of that name.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: no space is left or the folder cannot be written to.
    """
    array = labels.astype(smallest_dtype(labels), copy=False)
    content = _Content(array, "YX" if labels.ndim == 2 else "ZYX", pixel_size_um, downsample="nearest", like=like)
    _write(Path(path), content, overwrite=overwrite)


def write_image(path: str | Path, image: Image, *, like: Path | None = None, overwrite: bool = False) -> None:
    """Write an image, or probabilities (class, y, x), in its own type; (1, y, x) is written as (y, x).

    Args:
        path: to write; its suffix (.tif, .tiff, .png, .npy, .ome.zarr, .nii.gz, .nii) chooses the format.
        image: the image.
        like: file whose place and orientation in space are kept where both are NIfTI.
        overwrite: replace a file of that name.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: no space is left or the folder cannot be written to.
    """
    axes = "CYX" if len(image.size) == 2 else "CZYX"
    array, axes = (image.array[0], axes[1:]) if image.channels == 1 else (image.array, axes)
    content = _Content(array, axes, image.pixel_size_um, image.channel_names, downsample="mean", like=like)
    _write(Path(path), content, overwrite=overwrite)


@dataclass(frozen=True)
class _Content:
    """What a file shall hold."""

    array: NDArray[Any]
    axes: str
    pixel_size_um: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] | None = None
    downsample: str = "mean"
    like: Path | None = None


def _write(path: Path, content: _Content, *, overwrite: bool) -> None:
    if path.suffix.lower() == ".zarr":
        _write_zarr(path, content, overwrite=overwrite)
        return
    suffix = suffix_of(path)
    if suffix not in WRITERS:
        raise FormatError(f"cannot write {path}: expected a name ending in {', '.join(WRITERS)} or .ome.zarr.")
    with atomic_file(path, overwrite=overwrite) as file:
        WRITERS[suffix](file, content, path)


def _tiff(file: BinaryIO, content: _Content, path: Path) -> None:
    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    write_tiff(file, content.array, axes=content.axes, pixel_size_um=content.pixel_size_um, ome=ome)


def _png(file: BinaryIO, content: _Content, _path: Path) -> None:
    write_png(file, content.array)


def _npy(file: BinaryIO, content: _Content, _path: Path) -> None:
    write_npy(file, content.array)


def _nifti(file: BinaryIO, content: _Content, path: Path) -> None:
    like = content.like if content.like is not None and suffix_of(content.like) in NIFTI_SUFFIXES else None
    write_nifti(
        file, content.array, axes=content.axes, pixel_size_um=content.pixel_size_um, like=like,
        compressed=suffix_of(path) == ".nii.gz",
    )  # fmt: skip


WRITERS: dict[str, Callable[[BinaryIO, _Content, Path], None]] = {
    ".tif": _tiff, ".tiff": _tiff, ".png": _png, ".npy": _npy, **dict.fromkeys(NIFTI_SUFFIXES, _nifti),
}  # fmt: skip
"""What writes a file, by its suffix."""


def _write_zarr(path: Path, content: _Content, *, overwrite: bool) -> None:
    refuse_overwrite(path, overwrite=overwrite)
    shape = content.array.shape
    store = create_store(
        path, shape, content.array.dtype, axes=content.axes, pixel_size_um=content.pixel_size_um,
        channel_names=content.channel_names, chunks=(*(1 for _ in shape[:-2]), CHUNK_PX, CHUNK_PX),
    )  # fmt: skip
    try:
        with write_errors(path):
            store[...] = content.array
        finish_store(path, downsample=content.downsample, overwrite=overwrite)
    finally:
        shutil.rmtree(partial_path(path), ignore_errors=True)  # there only if that did not work
