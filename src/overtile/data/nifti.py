"""NIfTI volumes (.nii, .nii.gz), with nibabel. Their axes run x, y, z; further ones are channels or planes."""

import gzip
import logging
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError, OptionError, ShapeError
from overtile.data.axes import Stored
from overtile.data.blocks import BlockCache
from overtile.data.opened import Opened

logger = logging.getLogger(__name__)

NIFTI_SUFFIXES = (".nii", ".nii.gz")

UM_PER_UNIT = {"meter": 1e6, "mm": 1e3, "micron": 1.0, "unknown": 1e3}
"""Micrometres per unit, by the names that nibabel uses."""


def _nibabel() -> ModuleType:
    try:
        import nibabel
    except ImportError as error:
        raise OptionError("NIfTI files need nibabel: install it with `pip install 'overtile[nifti]'`") from error
    return nibabel


def read_nifti(path: Path) -> Stored:
    """Read a volume; orientation is that of the file."""
    return open_nifti(path, BlockCache(0)).read()


def open_nifti(path: Path, _cache: BlockCache) -> Opened:
    """Open a volume; a compressed one is read whole, since gzip can be read from the beginning only.

    Raises:
        FormatError: it is damaged or no NIfTI file.
        OptionError: nibabel is not installed.
    """
    nibabel = _nibabel()
    try:
        image = nibabel.load(path)
    except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError) as error:
        raise FormatError(f"cannot read {path}: {error}. The file is damaged or no NIfTI file.") from error
    shape = tuple(int(n) for n in image.shape)
    compressed = path.suffix.lower() == ".gz"
    size = _voxel_size_um(image.header, path)
    return Opened(
        array=_native(np.asanyarray(image.dataobj)) if compressed else Voxels(image.dataobj, shape),
        block=shape if compressed else (*shape[:1], *(1 for _ in shape[1:])),
        axes="XYZ"[: len(shape)] + "?" * (len(shape) - 3),
        pixel_size_um=None if size is None else (size[1], size[0]),
        z_step_um=size[2] if size is not None and len(size) > 2 else None,
    )


class Voxels:
    """Samples (x, y, z, ...) of an uncompressed volume, scaled as its header says where they are read."""

    def __init__(self, proxy: Any, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = _native(np.asarray(proxy[(slice(0, 1),) * len(shape)])).dtype
        self._proxy = proxy

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        return np.asarray(self._proxy[region]).astype(self.dtype, copy=False)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _voxel_size_um(header: Any, path: Path) -> tuple[float, ...] | None:
    """Size along (x, y, z)."""
    unit = header.get_xyzt_units()[0]
    if unit == "unknown":
        logger.info("%s names no unit of length; taken as millimetres", path)
    # The header has numbers of 32 bit; their shortest decimal form is what was meant, 0.7 and not 0.699999988.
    size = tuple(round(float(str(n)) * UM_PER_UNIT[unit], 9) for n in header.get_zooms()[:3])
    return size if len(size) > 1 and all(n > 0 for n in size) else None


def write_nifti(
    file: BinaryIO,
    array: NDArray[Any],
    *,
    axes: str,
    pixel_size_um: tuple[float, ...] | None = None,
    like: Path | None = None,
    compressed: bool = True,
) -> None:
    """Write a volume that viewers of medical images open.

    Args:
        file: open for binary writing.
        array: the samples.
        axes: one letter per axis, of C, Z, Y and X.
        pixel_size_um: size of a pixel ([z], y, x) in micrometres; stored in millimetres.
        like: a NIfTI file whose place and orientation in space are kept, such as the image of these labels.
        compressed: whether the file is a .nii.gz.

    Raises:
        ShapeError: the file given as `like` has another size.
        OptionError: nibabel is not installed.
    """
    nibabel = _nibabel()
    planes = array.reshape([array.shape[axes.index(a)] if a in axes else 1 for a in "CZYX"])
    volume = planes.transpose(3, 2, 1, 0)  # x, y, z, channel
    volume = volume[..., 0] if volume.shape[3] == 1 else volume
    if volume.dtype in (np.bool_, np.float16):  # of which NIfTI knows none
        volume = volume.astype(np.uint8 if volume.dtype == np.bool_ else np.float32)
    affine = _affine(pixel_size_um) if like is None else _affine_of(nibabel.load(like), volume.shape[:3], like)
    image = nibabel.Nifti1Image(volume, affine, dtype=volume.dtype)
    image.header.set_xyzt_units("mm" if like is not None or pixel_size_um is not None else "unknown")
    content = image.to_bytes()
    file.write(gzip.compress(content, mtime=0) if compressed else content)


def _affine(pixel_size_um: tuple[float, ...] | None) -> NDArray[np.float64]:
    y, x = (1e3, 1e3) if pixel_size_um is None else pixel_size_um[-2:]
    z = pixel_size_um[0] if pixel_size_um is not None and len(pixel_size_um) == 3 else 1e3
    return np.diag([x / 1e3, y / 1e3, (1e3 if np.isnan(z) else z) / 1e3, 1.0])


def _affine_of(image: Any, size: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    found = (*image.shape, 1)[:3]
    if found != size:
        raise ShapeError(f"{path} has {found} voxels (x, y, z), expected {size}: it cannot say where these labels lie.")
    return np.asarray(image.affine)
