"""Which layout a folder has."""

import logging
from dataclasses import replace
from glob import glob
from pathlib import Path

from overtile.core.errors import DataError, UnknownNameError
from overtile.data.file_names import (
    LABEL_SUFFIXES,
    VALID_SUFFIXES,
    by_key,
    image_key_of,
    natural_order,
    stem_of,
    stripped,
)
from overtile.data.formats import READERS, is_readable
from overtile.data.layouts.cellpose import find_beside, find_sessions
from overtile.data.layouts.coco import find_coco
from overtile.data.layouts.folders import IMAGE_FOLDERS, VALID_FOLDERS, contents, readable, subfolders
from overtile.data.layouts.hdf5 import SUFFIXES, find_hdf5
from overtile.data.layouts.imagej import find_rois
from overtile.data.layouts.layout import Finder, Layout
from overtile.data.layouts.nnunet import find_nnunet
from overtile.data.layouts.ome_zarr import find_ome_zarr
from overtile.data.layouts.qupath import find_geojson
from overtile.data.layouts.tracking import find_tracking
from overtile.data.layouts.two_folders import find_two_folders
from overtile.data.reading import Reading

logger = logging.getLogger(__name__)

LAYOUTS: dict[str, Finder] = {
    "nnunet": find_nnunet, "ctc": find_tracking, "images-labels": find_two_folders,
    "cellpose": find_beside, "cellpose-seg": find_sessions, "coco": find_coco, "geojson": find_geojson,
    "imagej": find_rois, "hdf5": find_hdf5, "ome-zarr": find_ome_zarr,
}  # fmt: skip
"""Tried in this order; the first that fits is taken."""

WITH_MASKS = ("images-labels", "cellpose", "nnunet")
"""Layouts whose labels are pictures, which may be in colours."""

EXPECTED = """Expected one of
  images-labels  DATA/images/NAME.tif + DATA/labels/NAME.tif   (also masks, annotations, gt; NAME_mask, NAME_label, ... pair too)
  cellpose       DATA/NAME.tif + DATA/NAME_masks.tif           (also _mask, _label, _labels, _seg, _gt)
  cellpose-seg   DATA/NAME.tif + DATA/NAME_seg.npy
  nnunet         DATA/imagesTr/NAME_0000.tif + DATA/labelsTr/NAME.tif + DATA/dataset.json
  ctc            DATA/01/t000.tif + DATA/01_GT/SEG/man_seg000.tif
  coco           DATA/images/NAME.png + DATA/annotations.json
  geojson        DATA/NAME.tif + DATA/NAME.geojson
  imagej         DATA/NAME.tif + DATA/NAME.zip
  ome-zarr       DATA/NAME.zarr with labels/NUCLEI in it
  hdf5           DATA/NAME.h5 with raw and label in it"""


def find_pairs(folder: str | Path, reading: Reading | None = None) -> Layout:
    """Find which image belongs to which labels.

    Args:
        folder: the folder with images and labels; an HDF5 file or OME-Zarr image may stand for one.
        reading: what the user said about it.

    Raises:
        DataError: the folder is missing, empty or arranged in another way; files have no partner.
        UnknownNameError: there is no such layout.
    """
    root, reading = Path(folder), reading or Reading()
    if reading.layout not in ("auto", *LAYOUTS):
        raise UnknownNameError("layout", reading.layout, ("auto", *LAYOUTS))
    single = root.is_file() and root.suffix.lower() in SUFFIXES
    if not root.is_dir() and not single:
        raise DataError(f"{root} is no folder. {EXPECTED}")
    layout = _found(root, reading) if root.is_dir() else find_hdf5(root, reading)
    if layout is None or not layout.pairs:
        what = "annotated images" if reading.layout == "auto" else f"images in the layout {reading.layout}"
        raise DataError(f"{root} holds no {what}. {EXPECTED}\nFound {contents(root)}.")
    if reading.palette is not None and layout.name not in WITH_MASKS:
        raise DataError(f"{root} has the layout {layout.name}, whose labels are no colours: leave out --palette.")
    return _with_valid(root, layout) if root.is_dir() else layout


def _found(root: Path, reading: Reading) -> Layout | None:
    if reading.layout != "auto":
        return LAYOUTS[reading.layout](root, reading)
    return next((layout for find in LAYOUTS.values() if (layout := find(root, reading)) is not None), None)


def _with_valid(root: Path, layout: Layout) -> Layout:
    """Add the masks of valid regions that lie beside the images."""
    folders = subfolders(root, VALID_FOLDERS)
    if not folders:
        return layout
    files, notes = readable(folders[0])
    masks = by_key(files, stem_of) | by_key(files, lambda path: image_key_of(stripped(stem_of(path), VALID_SUFFIXES)))
    pairs = [
        replace(pair, valid=masks.get(stem_of(pair.image), masks.get(image_key_of(stem_of(pair.image)))))
        for pair in layout.pairs
    ]
    n = sum(pair.valid is not None for pair in pairs)
    note = f"pixels outside the masks in {folders[0].name}/ are ignored ({n} of {len(pairs)} images have one)"
    return replace(layout, pairs=tuple(pairs), notes=(*layout.notes, *notes, note))


def find_images(path: str | Path) -> tuple[Path, ...]:
    """Find the images to predict: a file, the images of a folder (or of its images/), or a pattern such as 'a/*.tif'.

    Raises:
        DataError: there is no such file, or none that can be read.
    """
    root = Path(path)
    if root.is_file() or (root.is_dir() and is_readable(root)):
        return (root,)
    if not root.is_dir():
        matches = sorted((Path(p) for p in glob(str(path), recursive=True)), key=natural_order)  # noqa: PTH207
        images = tuple(p for p in matches if is_readable(p))
        if not images:
            raise DataError(f"no image matches {path}. Check the path; known formats: {', '.join(READERS)}.")
        return images
    files, _ = readable(root)
    inner = subfolders(root, IMAGE_FOLDERS)
    if not files and len(inner) == 1:
        logger.info("%s: the images in %s/ are used", root, inner[0].name)
        files, _ = readable(inner[0])
    stems = {stem_of(p) for p in files}
    images = tuple(p for p in files if stripped(stem_of(p), LABEL_SUFFIXES) not in stems - {stem_of(p)})
    if not images:
        raise DataError(f"{root} holds no image that can be read. Found {contents(root)}; known: {', '.join(READERS)}.")
    return images
