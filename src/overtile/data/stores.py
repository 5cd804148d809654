"""Results that are larger than memory: written block by block into OME-Zarr, which bears its name when it is complete.

Until then it is a hidden folder beside it, whose name follows from its own, so that an interrupted job finds it again.
Threads and processes may write at once as long as no two of them write into the same chunk.
"""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.atomic import refuse_overwrite, rename_folder, write_errors
from overtile.core.errors import FormatError, UnknownNameError
from overtile.data.file_names import stem_of
from overtile.data.ome_metadata import channels, check_axes, first_level, levels
from overtile.data.ome_zarr import metadata_of
from overtile.data.pyramid import DOWNSAMPLE, fill_level, level_shapes, way_for
from overtile.data.tiff_stream import stream_tiff

__all__ = ["create_store", "finish_store", "open_store", "partial_path", "stream_tiff"]

ZARR_FORMATS = {"0.4": 2, "0.5": 3}
"""Zarr format of each version of OME-Zarr."""


def partial_path(path: str | Path) -> Path:
    """Where a store lies until it is complete.

    >>> partial_path("out/cells.ome.zarr").as_posix()
    'out/.cells.ome.zarr.partial'
    """
    path = Path(path)
    return path.with_name(f".{path.name}.partial")


def create_store(
    path: str | Path,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    chunks: tuple[int, ...],
    axes: str,
    pixel_size_um: Sequence[float] | None = None,
    channel_names: Sequence[str] | None = None,
    name: str = "",
    version: str = "0.5",
) -> Any:
    """Begin an OME-Zarr image of zeros; an unfinished one for the same path is discarded.

    Args:
        path: folder that the finished image will be, such as cells.ome.zarr.
        shape: of the image, (..., y, x).
        dtype: of its samples.
        chunks: size of the blocks that are written at once, one file each.
        axes: one letter of TCZYX per axis, in this order.
        pixel_size_um: size of a pixel ([z], y, x) in micrometres; None where unknown.
        channel_names: one name per channel.
        name: of the image; that of the folder if empty.
        version: of OME-Zarr: "0.5", or "0.4" for programs that do not know Zarr 3.

    Returns:
        a Zarr array that takes and gives slices.

    Raises:
        ShapeError: the axes do not fit.
        UnknownNameError: no such version.
        OvertileError: no space is left or the folder cannot be written to.
    """
    import zarr  # takes half a second, which commands that write no Zarr need not wait for

    path, dtype = Path(path), np.dtype(dtype)
    letters = check_axes(axes, shape)
    if version not in ZARR_FORMATS:
        raise UnknownNameError("version of OME-Zarr", version, ZARR_FORMATS)
    about: dict[str, Any] = {"multiscales": [first_level(letters, pixel_size_um, name=name, version=version)]}
    if channel_names is not None and "C" in letters:
        about["omero"] = channels(channel_names, dtype)
    partial = partial_path(path)
    fresh = partial.with_name(f"{partial.name}.{secrets.token_hex(4)}")
    with write_errors(path):
        fresh.mkdir(parents=True)
        group = zarr.open_group(fresh, mode="w", zarr_format=ZARR_FORMATS[version])  # type: ignore[arg-type]
        _describe(group, about)
        _add_level(group, 0, shape, dtype, chunks=chunks)
        if partial.exists():
            shutil.rmtree(partial)
        fresh.replace(partial)
    return open_store(path)


def open_store(path: str | Path) -> Any:
    """Open the Zarr array of an unfinished image for reading and writing.

    Raises:
        FormatError: there is none.
    """
    return _open(Path(path))["0"]


def finish_store(
    path: str | Path, target: str | Path | None = None, *, downsample: str | None = None, overwrite: bool = False
) -> None:
    """Add coarser versions to an image whose pixels are all written, and give it its final name.

    Args:
        path: as it was given to `create_store`.
        target: folder that the image becomes, if it is another one.
        downsample: "nearest" for labels, "mean" for anything else; None: labels are integers without channels.
        overwrite: replace what has this name.

    Raises:
        FormatError: there is no unfinished image for this path.
        OutputExistsError: the target exists and may not be overwritten.
        UnknownNameError: no such way to downsample.
        OvertileError: no space is left or the folder cannot be written to.
    """
    target = Path(path if target is None else target)
    group = _open(Path(path))
    fine = group["0"]
    about = metadata_of(group)
    axes = "".join(axis["name"] for axis in about["multiscales"][0]["axes"])
    way = way_for(fine.dtype, axes.upper(), downsample)
    refuse_overwrite(target, overwrite=overwrite)
    with write_errors(target):
        shapes = list(level_shapes(fine.shape))
        for number, shape in enumerate(shapes, start=1):
            coarse = _add_level(group, number, shape, fine.dtype, chunks=fine.chunks)
            fill_level(fine, coarse, DOWNSAMPLE[way])
            fine = coarse
        multiscale = levels(about["multiscales"][0], 1 + len(shapes), way=way)
        about["multiscales"] = [{**multiscale, "name": multiscale["name"] or stem_of(target)}]
        if way == "nearest":
            about["image-label"] = {}  # lets viewers draw it as labels
        _describe(group, about)
    rename_folder(partial_path(path), target, overwrite=overwrite)


def _open(path: Path) -> Any:
    import zarr  # see create_store

    partial = partial_path(path)
    if not partial.is_dir():
        raise FormatError(f"there is no unfinished image {partial}: begin one with create_store.")
    return zarr.open_group(partial, mode="r+", use_consolidated=False)


def _add_level(
    group: Any, number: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, chunks: tuple[int, ...]
) -> Any:
    """Add an array of zeros, compressed; chunks that stay zero are no files."""
    if group.metadata.zarr_format == 2:
        from numcodecs import Blosc

        # Readers of Zarr 2 in Java know Blosc, few know Zstandard by itself.
        options = {
            "compressors": Blosc(cname="zstd", clevel=3, shuffle=Blosc.SHUFFLE),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        names = [axis["name"] for axis in metadata_of(group)["multiscales"][0]["axes"]]
        options = {"compressors": ZstdCodec(level=3), "dimension_names": names}
    return group.create_array(
        str(number), shape=shape, dtype=dtype, fill_value=0, overwrite=True,
        chunks=tuple(min(c, n) for c, n in zip(chunks, shape, strict=True)), **options,
    )  # fmt: skip


def _describe(group: Any, about: dict[str, Any]) -> None:
    group.attrs.update(about if group.metadata.zarr_format == 2 else {"ome": {"version": "0.5", **about}})
