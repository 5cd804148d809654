"""Annotated images as files: one function per layout that another tool reads."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.measure import label as connected_pieces

from overtile.core import DataError, Image
from overtile.core.atomic import atomic_file
from overtile.data import write_image, write_labels
from overtile.data.groups import write_groups
from overtile.data.rle import compressed, run_lengths
from overtile.instances import Outline, geojson, roi_zip, trace

MOST_SEQUENCES = 99
"""Names of sequences have two digits."""


@dataclass(frozen=True)
class Annotated:
    """One annotated image plane.

    Attributes:
        name: unique; usable as a file name.
        group: images of one group belong together, such as the frames of a sequence.
        image: samples (channel, y, x).
        classes: class index of every pixel (y, x).
        ids: object ids (y, x), 0 = background; None where only classes were annotated.
        valid: False where nothing was annotated; None where all was.
    """

    name: str
    group: str
    image: Image
    classes: NDArray[np.int32]
    ids: NDArray[np.int32] | None
    valid: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Content:
    """What shall be written: the images and the name of each class index."""

    images: tuple[Annotated, ...]
    class_names: tuple[str, ...]

    @property
    def partial(self) -> int:
        """Number of images with pixels that are not annotated."""
        return sum(one.valid is not None and not one.valid.all() for one in self.images)


@dataclass(frozen=True)
class _Thing:
    """One object: its id, class index, and its mask with the row and column of the mask's first pixel."""

    id: int
    index: int
    mask: NDArray[np.bool_]
    y: int
    x: int


def write_images_labels(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """images/NAME.tif and labels/NAME.tif; masks valid/NAME.tif where not all is annotated; groups.csv where there are some."""
    for one in content.images:
        write_image(folder / "images" / f"{one.name}.tif", one.image, overwrite=overwrite)
        labels = one.classes if one.ids is None else one.ids
        write_labels(folder / "labels" / f"{one.name}.tif", labels, overwrite=overwrite)
    _write_valid(content, folder, overwrite=overwrite)
    write_groups(folder, {one.name: one.group for one in content.images}, overwrite=overwrite)
    several = len(content.class_names) > 2 and any(one.ids is not None for one in content.images)
    lost = (f"labels hold object ids; the classes {', '.join(content.class_names[1:])} are not written",)
    return (*_valid_notes(content), *(lost if several else ()))


def write_cellpose(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """NAME.tif and NAME_masks.tif, with object ids."""
    for one, ids in zip(content.images, _all_ids(content, "cellpose"), strict=True):
        write_image(folder / f"{one.name}.tif", one.image, overwrite=overwrite)
        write_labels(folder / f"{one.name}_masks.tif", ids, overwrite=overwrite)
    _write_valid(content, folder, overwrite=overwrite)
    return _valid_notes(content)


def write_nnunet(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """imagesTr/NAME_0000.tif, one file per channel, labelsTr/NAME.tif and dataset.json (nnU-Net v2)."""
    names = ["background", *content.class_names[1:]]
    ignored = len(names)
    for one in content.images:
        for channel, plane in enumerate(one.image.array):
            path = folder / "imagesTr" / f"{one.name}_{channel:04d}.tif"
            write_image(path, Image(plane[np.newaxis], one.image.pixel_size_um), overwrite=overwrite)
        labels = one.classes if one.valid is None else np.where(one.valid, one.classes, ignored)
        write_labels(folder / "labelsTr" / f"{one.name}.tif", labels, overwrite=overwrite)
    first = content.images[0].image
    channels = first.channel_names or tuple(f"channel {i}" for i in range(first.channels))
    dataset = {
        "channel_names": {str(i): name for i, name in enumerate(channels)},
        "labels": {name: index for index, name in enumerate([*names, *(["ignore"] if content.partial else [])])},
        "numTraining": len(content.images),
        "file_ending": ".tif",
    }
    _write_json(folder / "dataset.json", dataset, overwrite=overwrite)
    notes = ("nnU-Net knows classes, no objects: touching objects of one class merge",) if _has_ids(content) else ()
    renamed = content.class_names[0]
    return (
        *notes,
        *((f"the class {renamed} is called background, as nnU-Net demands for 0",) if renamed != names[0] else ()),
    )


def write_ctc(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """01/t000.tif and 01_GT/SEG/man_seg000.tif; one sequence per group, or one for images that stand alone."""
    groups = list(dict.fromkeys(one.group for one in content.images))
    alone = len(groups) == len(content.images) or len(groups) > MOST_SEQUENCES
    frames: dict[str, int] = {}
    for one, ids in zip(content.images, _all_ids(content, "ctc"), strict=True):
        sequence = "01" if alone else f"{groups.index(one.group) + 1:02d}"
        frame = frames[sequence] = frames.get(sequence, -1) + 1
        write_image(folder / sequence / f"t{frame:03d}.tif", one.image, overwrite=overwrite)
        path = folder / f"{sequence}_GT" / "SEG" / f"man_seg{frame:03d}.tif"
        write_labels(path, ids.astype(np.uint16), overwrite=overwrite)
    lost = f"in {content.partial} image(s), pixels that were not annotated count as background now"
    return ("there are no tracks: only SEG is written, no TRA", *((lost,) if content.partial else ()))


def write_coco(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """images/NAME.tif and annotations.json; polygons, or run lengths where an object has holes."""
    entries, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, one in enumerate(content.images, start=1):
        height, width = one.classes.shape
        write_image(folder / "images" / f"{one.name}.tif", one.image, overwrite=overwrite)
        entries.append({"id": number, "file_name": f"{one.name}.tif", "height": height, "width": width})
        found = [_coco_annotation(thing, one.classes.shape) for thing in _things(one)]
        if one.valid is not None and not one.valid.all():
            found.append(_coco_crowd(~one.valid))
        annotations += [{"id": len(annotations) + i, "image_id": number, **a} for i, a in enumerate(found, start=1)]
    categories = [{"id": i, "name": name} for i, name in enumerate(content.class_names) if i]
    document = {"images": entries, "annotations": annotations, "categories": categories}
    _write_json(folder / "annotations.json", document, overwrite=overwrite)
    crowds = f"in {content.partial} image(s), pixels that were not annotated are written as a crowd region"
    return ((crowds,) if content.partial else ()) + _pieces_notes(content)


def write_geojson(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """NAME.tif and NAME.geojson, which QuPath imports; pixels that are not annotated as Ignore*."""
    for one in content.images:
        write_image(folder / f"{one.name}.tif", one.image, overwrite=overwrite)
        _write_json(folder / f"{one.name}.geojson", geojson(_outlines(one, content, "Ignore*")), overwrite=overwrite)
    return _pieces_notes(content)


def write_imagej(content: Content, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """NAME.tif and NAME.zip with ROIs for the ROI Manager; pixels that are not annotated as `ignore`."""
    for one in content.images:
        write_image(folder / f"{one.name}.tif", one.image, overwrite=overwrite)
        with atomic_file(folder / f"{one.name}.zip", overwrite=overwrite) as file:
            file.write(roi_zip(_outlines(one, content, "ignore")))
    several = len(content.class_names) > 2
    return _pieces_notes(content) + (("ROIs have their class in their name only",) if several else ())


WRITERS: dict[str, Callable[..., tuple[str, ...]]] = {
    "images-labels": write_images_labels, "cellpose": write_cellpose, "nnunet": write_nnunet, "ctc": write_ctc,
    "coco": write_coco, "geojson": write_geojson, "imagej": write_imagej,
}  # fmt: skip
"""Writes (content, folder, overwrite) and says what the layout cannot hold."""


def _has_ids(content: Content) -> bool:
    return any(one.ids is not None for one in content.images)


def _all_ids(content: Content, layout: str) -> Iterator[NDArray[np.int32]]:
    """Object ids of every image.

    Raises:
        DataError: only classes were annotated.
    """
    if any(one.ids is None for one in content.images):
        raise DataError(
            f"the layout {layout} holds objects, the annotation has classes ({', '.join(content.class_names)}): touching "
            "objects of a class cannot be told apart. Write nnunet, coco, geojson or images-labels, or annotate objects."
        )
    return (one.ids for one in content.images if one.ids is not None)


def _write_valid(content: Content, folder: Path, *, overwrite: bool) -> None:
    for one in content.images:
        if one.valid is not None and not one.valid.all():
            write_labels(folder / "valid" / f"{one.name}.tif", one.valid.astype(np.uint8), overwrite=overwrite)


def _valid_notes(content: Content) -> tuple[str, ...]:
    note = f"in {content.partial} image(s) not all pixels are annotated: masks in valid/ say which; other tools ignore them"
    return (note,) if content.partial else ()


def _pieces_notes(content: Content) -> tuple[str, ...]:
    return () if _has_ids(content) else ("classes are written as one object per connected piece",)


def _things(one: Annotated) -> Iterator[_Thing]:
    """The objects of an image; without ids, the connected pieces of each class."""
    ids = connected_pieces(one.classes, connectivity=1, background=0) if one.ids is None else one.ids
    for number, box in enumerate(find_objects(ids.astype(np.int32)), start=1):
        if box is not None:
            mask = ids[box] == number
            yield _Thing(number, int(one.classes[box][mask][0]), mask, box[0].start, box[1].start)


def _outlines(one: Annotated, content: Content, ignore: str) -> Iterator[Outline]:
    for thing in _things(one):
        yield Outline(thing.id, content.class_names[thing.index], trace(thing.mask, origin=(thing.x, thing.y)))
    if one.valid is not None and not one.valid.all():
        yield Outline(0, ignore, trace(~one.valid))


def _coco_annotation(thing: _Thing, size: tuple[int, ...]) -> dict[str, Any]:
    polygons = trace(thing.mask, origin=(thing.x, thing.y))
    height, width = thing.mask.shape
    whole = np.zeros(size, bool)
    whole[thing.y : thing.y + height, thing.x : thing.x + width] = thing.mask
    has_holes = any(len(rings) > 1 for rings in polygons)
    return {
        "category_id": thing.index,
        "iscrowd": 0,
        "area": int(thing.mask.sum()),
        "bbox": [thing.x, thing.y, width, height],
        "segmentation": _runs(whole) if has_holes else [rings[0].ravel().tolist() for rings in polygons],
    }


def _coco_crowd(mask: NDArray[np.bool_]) -> dict[str, Any]:
    (rows, columns) = np.nonzero(mask)
    y, x = int(rows.min()), int(columns.min())
    box = [x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1]
    return {"category_id": 1, "iscrowd": 1, "area": int(mask.sum()), "bbox": box, "segmentation": _runs(mask)}


def _runs(mask: NDArray[np.bool_]) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": compressed(run_lengths(mask))}


def _write_json(path: Path, content: dict[str, Any], *, overwrite: bool) -> None:
    """Write one line; thousands of corners would be as many lines otherwise."""
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(json.dumps(content).encode())
