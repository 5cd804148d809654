"""OME-Zarr images, versions 0.1 to 0.5 on Zarr 2 and 3, and plain Zarr arrays: read region by region."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.axes import Stored
from overtile.data.blocks import BlockCache, Blocked
from overtile.data.opened import Opened

logger = logging.getLogger(__name__)

BY_TYPE = {"channel": "C", "time": "T"}

UM_PER_UNIT = {
    "angstrom": 1e-4, "picometer": 1e-6, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4,
    "meter": 1e6,
}  # fmt: skip
"""Micrometres per unit, by the UDUNITS-2 names that OME-Zarr uses."""

OLD_AXES = "tczyx"
"""Axes of OME-Zarr before 0.3, which do not name theirs."""


def read_zarr(path: Path) -> Stored:
    """Read an image at full resolution."""
    return open_zarr(path, BlockCache(0)).read()


def open_zarr(path: Path, cache: BlockCache) -> Opened:
    """Open an image at full resolution; of several images, as bioformats2raw writes them, the first.

    Raises:
        FormatError: the folder is no Zarr store, or holds no image.
    """
    node = _node(path)
    array, multiscale, names = (node, {}, None) if _is_array(node) else _full_resolution(node, path)
    axes = _axes(multiscale.get("axes", OLD_AXES)) if multiscale else _dimension_names(array)
    size = _size_um(multiscale, len(array.shape))
    dtype = np.dtype(array.dtype).newbyteorder("=")

    def decode(index: tuple[int, ...]) -> NDArray[Any]:
        corner = [i * c for i, c in zip(index, array.chunks, strict=True)]
        chunk = tuple(slice(i, min(i + c, n)) for i, c, n in zip(corner, array.chunks, array.shape, strict=True))
        return np.asarray(array[chunk])

    along = dict(zip(axes or "", size, strict=False))
    y, x = along.get("Y"), along.get("X")
    return Opened(
        array=Blocked(array.shape, dtype, block=array.chunks, decode=decode, cache=cache),
        block=tuple(min(c, n) for c, n in zip(array.chunks, array.shape, strict=True)),
        axes=axes,
        pixel_size_um=None if y is None or x is None else (y, x),
        z_step_um=along.get("Z"),
        channel_names=names,
    )


def _node(path: Path) -> Any:
    """Open the group or array in a folder."""
    import zarr  # takes half a second, which commands that need no Zarr shall not wait for

    store = zarr.storage.LocalStore(path, read_only=True)
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        is_array = (path / ".zarray").is_file() or _says_array(path / "zarr.json")
        return (
            zarr.open_array(store, mode="r") if is_array else zarr.open_group(store, mode="r", use_consolidated=False)
        )
    raise FormatError(f"{path} is no Zarr store: expected zarr.json, .zgroup or .zarray in it.")


def _says_array(metadata: Path) -> bool:
    return metadata.is_file() and json.loads(metadata.read_text(encoding="utf-8")).get("node_type") == "array"


def _is_array(node: Any) -> bool:
    return hasattr(node, "chunks")


def _full_resolution(group: Any, path: Path) -> tuple[Any, dict[str, Any], tuple[str, ...] | None]:
    """Find the largest array of an image, what its file says about it, and the names of its channels."""
    about = metadata_of(group)
    if "multiscales" in about:
        multiscale = dict(about["multiscales"][0])
        channels = about.get("omero", {}).get("channels", [])
        names = tuple(str(channel.get("label", "")) for channel in channels)
        array = group[multiscale["datasets"][0]["path"]]
        return array, multiscale, names if names and all(names) else None
    if "plate" in about or "well" in about:
        raise FormatError(f"{path} is a plate or well of several images. Name one of them, such as {path / 'A/1/0'}.")
    if "0" in group and not _is_array(group["0"]):
        logger.info("%s holds several images; the first is used", path)
        return _full_resolution(group["0"], path)
    arrays = list(group.array_keys())
    if len(arrays) != 1:
        raise FormatError(
            f"{path} holds {len(arrays)} arrays ({', '.join(sorted(arrays)[:8])}) and does not say which is an image: "
            "expected the metadata of OME-Zarr. Name one of the arrays."
        )
    return group[arrays[0]], {}, None


def metadata_of(group: Any) -> dict[str, Any]:
    """The metadata of OME-Zarr, which stand one level deeper from version 0.5 on."""
    attributes = dict(group.attrs)
    return dict(attributes.get("ome", attributes))


def _axes(axes: Sequence[Any]) -> str:
    """One letter per axis; version 0.3 has names only.

    >>> _axes([{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, "x"])
    'CYX'
    """
    named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    return "".join(BY_TYPE.get(axis.get("type", ""), _letter(axis["name"])) for axis in named)


def _letter(name: Any) -> str:
    letter = str(name).upper()
    return letter if letter in tuple("TCZYX") else "?"


def _dimension_names(array: Any) -> str | None:
    """Axes of a plain array, where it names y and x: as Zarr 3 does, or as xarray does."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    axes = "".join(map(_letter, names or ()))
    return axes if axes.count("Y") == axes.count("X") == 1 else None


def _size_um(multiscale: Mapping[str, Any], ndim: int) -> list[float | None]:
    """Size of a pixel along each axis, where the file tells its unit."""
    if not multiscale or not isinstance(multiscale.get("axes", OLD_AXES)[0], dict):
        return [None] * ndim
    scale = np.ones(ndim)
    steps = [
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ]
    for step in steps:
        scale = scale * np.asarray(step.get("scale", 1.0), float)
    factors = [UM_PER_UNIT.get(axis.get("unit", "")) for axis in multiscale["axes"]]
    return [None if f is None else float(f * s) for f, s in zip(factors, scale, strict=True)]
