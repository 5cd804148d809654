"""What is known about each object of a label image: a table, outlines for QuPath, outlines for ImageJ."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from overtile.core import Image, UnknownNameError
from overtile.core.atomic import atomic_file
from overtile.data.lazy import LazyImage
from overtile.instances import (
    Measured,
    Naming,
    ObjectTable,
    Outline,
    Pieces,
    csv_lines,
    geojson_lines,
    measure,
    outlines,
    refuse_rois,
    roi_files,
    windows,
)
from overtile.workflows.target import OBJECT_FILES, Target

BLOCK_PX = 2048
"""Label images are read in blocks of this side, so that memory does not grow with the image."""


Regions = Any
"""Anything with a shape that gives parts by slices: NumPy, memory map, Zarr, an image on disk."""


def write_objects(
    target: Target,
    labels: Regions,
    *,
    formats: Iterable[str],
    image: Image | LazyImage,
    foreground: Regions | None = None,
    classes: Mapping[int, str] | None = None,
) -> int:
    """Write files about the objects of one image, each of which bears its name only when it is complete.

    Everything is read in blocks, so that memory grows with the number of objects and not with the image.

    Args:
        target: folder and name of the files; whether files may be replaced.
        labels: object ids ([z], y, x), 0 where there is no object; class values where `classes` is given.
        formats: keys of OBJECT_FILES: "csv", "geojson" (QuPath), "rois" (ImageJ, Fiji).
        image: the image itself, for the mean intensities and the pixel size.
        foreground: probability that a pixel belongs to an object, ([z], y, x); None where it is not known.
        classes: name of each class value that is not background. The objects are then the connected pieces (pixels
            that share a face) of each class.

    Returns:
        Number of objects.

    Raises:
        UnknownNameError: there is no such format.
        DataError: the image is too large for ImageJ ROIs.
        OutputExistsError: a file exists and may not be replaced.
    """
    kinds = tuple(formats)
    for kind in kinds:
        if kind not in WRITERS:
            raise UnknownNameError("format of objects", kind, WRITERS)
    if "rois" in kinds:
        refuse_rois(max(labels.shape[-2:]), "the image")
    pieces = None if classes is None else Pieces(labels, tuple(classes), _block(labels.shape))
    ids: Regions = labels if pieces is None else pieces
    naming = Naming(
        class_names=("background", *(classes.values() if classes else ["object"])),
        channel_names=image.channel_names,
        pixel_size_um=image.pixel_size_um,
    )
    table = measure(_parts(ids, pieces, image.array, foreground), shape=labels.shape, naming=naming)
    for kind in kinds:
        path = target.folder / OBJECT_FILES[kind].format(target.name)
        with atomic_file(path, overwrite=target.overwrite) as file:
            WRITERS[kind](file, table, outlines(ids, table.rows(), block=BLOCK_PX))
    return len(table)


def _block(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Size of the blocks, of one plane each."""
    return (*(1 for _ in shape[:-2]), *(max(min(n, BLOCK_PX), 1) for n in shape[-2:]))


def _parts(ids: Regions, pieces: Pieces | None, image: Any, foreground: Regions | None) -> Iterator[Measured]:
    """The image block by block; blocks without objects are left out before the image is read."""
    for window in windows(ids.shape, _block(ids.shape)):
        here = np.asarray(ids[window])
        if here.any():
            yield Measured(
                here,
                tuple(part.start for part in window),
                image=np.asarray(image[(slice(None), *window)]),
                probability=None if foreground is None else np.asarray(foreground[window]),
                classes=None if pieces is None else pieces.classes(window),
            )


def _write_table(file: BinaryIO, table: ObjectTable, _: Iterable[Outline]) -> None:
    file.writelines(line.encode() for line in csv_lines(table.columns, table.rows()))


def _write_geojson(file: BinaryIO, _: ObjectTable, objects: Iterable[Outline]) -> None:
    file.writelines(line.encode() for line in geojson_lines(objects, object_type="detection"))


def _write_rois(file: BinaryIO, _: ObjectTable, objects: Iterable[Outline]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in roi_files(objects):
            archive.writestr(name, content)


WRITERS: dict[str, Callable[[BinaryIO, ObjectTable, Iterable[Outline]], None]] = {
    "csv": _write_table,
    "geojson": _write_geojson,
    "rois": _write_rois,
}
"""What writes each format of OBJECT_FILES."""
