"""ImageJ: DATA/NAME.tif with the ROIs of its ROI Manager in DATA/NAME.zip, or single ones in DATA/NAME.roi."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from roifile import ROI_TYPE, ImagejRoi

from overtile.core.errors import FormatError
from overtile.data.formats import UNREADABLE
from overtile.data.layouts.layout import Layout
from overtile.data.layouts.outlines import outline_files, outlined
from overtile.data.reading import Reading
from overtile.data.shapes import OBJECT, Shape, polygon_shape, role_of

AREAS = (ROI_TYPE.POLYGON, ROI_TYPE.RECT, ROI_TYPE.OVAL, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)


def find_rois(root: Path, reading: Reading) -> Layout | None:
    """Find zips of ImageJ ROIs, or single ROIs, beside images.

    Raises:
        DataError: files have no partner or are damaged.
    """
    images, files = outline_files(root, (".zip", ".roi"), reading)
    files = [path for path in files if path.suffix.lower() == ".roi" or _holds_rois(path)]
    if not files or not images:
        return None
    return outlined("imagej", (images, files), reading, read_rois)


def _holds_rois(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.lower().endswith(".roi") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        raise FormatError(f"{path} is a damaged zip: {error}. Save the ROIs again, or move it elsewhere.") from error


def read_rois(path: Path) -> tuple[list[Shape], list[str]]:
    """Read the areas of a zip of ROIs or of a single ROI, and say what else there is.

    Classes are the numbers of the ROI groups where ROIs have some. A name that starts with `ignore` or `region` says
    what the ROI is for.

    Raises:
        FormatError: it is no such file.
    """
    try:
        rois = [ImagejRoi.frombytes(content) for content in _contents(path)]
        areas = [roi for roi in rois if roi.roitype in AREAS]
        shapes = [_shape(roi) for roi in areas]
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        raise FormatError(
            f"cannot read {path}: {type(error).__name__}: {error}. Expected ROIs of ImageJ; save them again in the ROI Manager."
        ) from error
    others = sorted({roi.roitype.name.lower() for roi in rois if roi.roitype not in AREAS})
    count = len(rois) - len(areas)
    return shapes, [f"{path.name}: {count} ROI(s) without area left out: {', '.join(others)}"] if others else []


def _contents(path: Path) -> list[bytes]:
    if path.suffix.lower() == ".roi":
        return [path.read_bytes()]
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return [archive.read(name) for name in archive.namelist() if name.lower().endswith(".roi")]


def _shape(roi: Any) -> Shape:
    rings = [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True)]
    word = roi.name.replace("-", "_").partition("_")[0]
    name = word if role_of(word) != "object" else f"group {roi.group}" if roi.group else OBJECT
    plane = (roi.z_position or roi.position) - 1
    return polygon_shape(name, [tuple(rings)], plane=plane if plane >= 0 else None)
