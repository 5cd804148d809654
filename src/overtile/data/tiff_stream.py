"""Results that are larger than memory, written as a tiled TIFF with coarser versions for viewers."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from overtile.core.atomic import atomic_file
from overtile.core.regions import Regions
from overtile.data.ome_metadata import check_axes
from overtile.data.pyramid import DOWNSAMPLE, Downsample, level_shapes, way_for
from overtile.data.raw import RawArray
from overtile.data.tiff import write_tiff
from overtile.data.tiff_scale import Scale, ome_sizes, resolution_tags

TILE_PX = 512
"""Height and width of tiles in the file."""

PART_PX = 4096
"""So many columns are made coarser at once, since that takes several times their memory."""

QUEUE_BYTES = 32 * 2**20
"""About so many bytes of tiles wait to be compressed."""

BIGTIFF_BYTES = 2**32 - 2**25
"""From so many uncompressed bytes on, offsets of 32 bit might not do."""

OME_TYPES = {"uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64", "bool"}
"""Samples that OME-TIFF knows."""


def stream_tiff(
    path: str | Path,
    array: Regions,
    *,
    axes: str,
    pixel_size_um: Sequence[float] | None = None,
    downsample: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image of any size row of tiles by row of tiles; BigTIFF where it may not fit into 4 GB.

    It is an OME-TIFF for all samples that this format knows, which float16 and 64-bit integers are not. The coarser
    versions wait in a temporary folder beside the file, uncompressed, a third of the image in all.

    Args:
        path: file to write.
        array: what it will hold, (..., y, x); a few rows of tiles are in memory at a time.
        axes: one letter of TCZYX per axis of the array, ending in YX.
        pixel_size_um: size of a pixel ([z], y, x) in micrometres; None where unknown.
        downsample: "nearest" for labels, "mean" for anything else; None: labels are integers without channels.
        overwrite: replace a file of that name.

    Raises:
        ShapeError: the axes do not fit the array.
        UnknownNameError: no such way to downsample.
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: no space is left or the folder cannot be written to.
    """
    path, dtype = Path(path), np.dtype(array.dtype)
    letters = check_axes(axes, array.shape)
    halve = DOWNSAMPLE[way_for(dtype, letters, downsample)]
    shapes = [tuple(array.shape), *level_shapes(tuple(array.shape))]
    big = prod(array.shape) * dtype.itemsize * 4 / 3 >= BIGTIFF_BYTES
    ome = dtype.name in OME_TYPES
    about = {"axes": letters, **ome_sizes(pixel_size_um)} if ome else {"axes": letters}
    if array.shape[-1] == 1:  # tiles one pixel wide would be taken for samples of one pixel
        with atomic_file(path, overwrite=overwrite) as file:
            write_tiff(
                file,
                np.asarray(array[(slice(None),) * len(shapes[0])]),
                axes=letters,
                pixel_size_um=pixel_size_um,
                ome=ome,
            )
        return
    with (
        atomic_file(path, overwrite=overwrite) as file,
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".partial", dir=path.parent) as folder,
        tifffile.TiffWriter(file, bigtiff=big, ome=ome) as tiff,
    ):
        fine = array
        for level, shape in enumerate(shapes):
            below = Path(folder, str(level + 1))
            with below.open("wb") as coarse:
                tiff.write(
                    _tiles(fine, coarse, halve if level + 1 < len(shapes) else None),
                    shape=shape, dtype=dtype, tile=(TILE_PX, TILE_PX), photometric="minisblack",
                    compression="zlib", predictor=_predictor(letters, dtype), buffersize=QUEUE_BYTES,
                    subfiletype=min(level, 1), subifds=0 if level else len(shapes) - 1,
                    metadata=None if level and ome else about,
                    **resolution_tags(Scale.of(_coarser(pixel_size_um, level))),
                )  # fmt: skip
            if level + 1 < len(shapes):
                fine = RawArray(below, dtype, shapes[level + 1], 0)


def _tiles(fine: Regions, coarse: BinaryIO, halve: Downsample | None) -> Iterator[NDArray[Any]]:
    """Give the tiles of an image in the order of TIFF, and write its coarser version on the way."""
    *lead, height, width = fine.shape
    for page in product(*map(range, lead)):
        for top in range(0, height, TILE_PX):
            rows = slice(top, min(top + TILE_PX, height))
            here = tuple(slice(i, i + 1) for i in page)
            band = np.asarray(fine[(*here, rows, slice(0, width))]).reshape(-1, width)
            if halve is not None:
                parts = [halve(band[:, left : left + PART_PX]) for left in range(0, width, PART_PX)]
                coarse.write(np.concatenate(parts, axis=1).data)
            for left in range(0, width, TILE_PX):
                yield np.ascontiguousarray(band[:, left : left + TILE_PX])


def _predictor(axes: str, dtype: np.dtype[Any]) -> int:
    """How a sample is guessed from the one before: it helps with intensities, and harms with labels.

    That for fractions (3) is known to few programs in Java, all of which refuse float16 anyway.
    """
    if dtype == np.float16:
        return 3
    return 2 if "C" in axes and dtype.kind in "iu" else 1


def _coarser(pixel_size_um: Sequence[float] | None, level: int) -> tuple[float, ...] | None:
    """Size of a pixel of a coarser version."""
    if pixel_size_um is None:
        return None
    *depth, y, x = pixel_size_um
    return (*depth, y * 2**level, x * 2**level)
