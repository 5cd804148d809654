"""Annotated images from any layout, written in the layout that another tool reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from overtile.core import OutputExistsError, UnknownNameError
from overtile.data import Labelling, Reading
from overtile.data.dataset import RawSample, check_channels, labels_of, read_pairs
from overtile.data.groups import with_groups
from overtile.data.layouts import Meaning, find_pairs
from overtile.data.stated_labels import conclude
from overtile.workflows.layout_writers import WRITERS, Annotated, Content


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        source_layout: layout that was read.
        images: number of images written; planes of a stack count one by one.
        notes: what was assumed in reading, and what the written layout cannot say.
    """

    source_layout: str
    images: int
    notes: tuple[str, ...]


def convert(
    data: str | Path,
    output: str | Path,
    layout: str,
    *,
    reading: Reading | None = None,
    task: str = "auto",
    ignore_label: int | None = None,
    overwrite: bool = False,
) -> Converted:
    """Read annotated images and write them in another layout.

    Args:
        data: folder of annotated images.
        output: folder to write to; made if it does not exist.
        layout: to write, a key of WRITERS.
        reading: how the folder is to be read, where that shall not be found out.
        task: "auto", "semantic" or "instances".
        ignore_label: raw label value that means "not annotated".
        overwrite: write into a folder that holds something, and replace files there.

    Raises:
        UnknownNameError: there is no such layout to write.
        DataError: the images cannot be read, or the layout cannot hold them.
        OutputExistsError: the folder to write to is not empty.
    """
    if layout not in WRITERS:
        raise UnknownNameError("layout to write", layout, WRITERS)
    folder = Path(output)
    if folder.exists() and not overwrite and (folder.is_file() or any(folder.iterdir())):
        raise OutputExistsError(f"{folder} is not empty. Choose another folder, or add to it with --overwrite.")
    reading = reading or Reading()
    found = with_groups(find_pairs(data, reading), data)
    raw = read_pairs(found, reading)
    check_channels(raw)
    labelling = conclude([one.labels for one in raw], found.meaning, task=task, ignore_label=ignore_label)
    read = [_annotated(one, found.meaning, labelling) for one in raw]
    images = [one for one in read if one.valid is None or one.valid.any()]
    said = WRITERS[layout](Content(tuple(images), _class_names(found.meaning, labelling)), folder, overwrite=overwrite)
    return Converted(found.name, len(images), (*found.notes, *labelling.notes, *said))


def _annotated(raw: RawSample, meaning: Meaning | None, labelling: Labelling) -> Annotated:
    """Class indices of all pixels, and object ids where there are some."""
    labels, valid = labels_of(raw, meaning, labelling)
    if labelling.task == "instances":
        classes = (labels > 0).astype(np.int32) if raw.classes is None else raw.classes[labels]
        return Annotated(raw.name, raw.group, raw.image, classes, labels, valid)
    ids = raw.labels.astype(np.int32) if meaning is not None and meaning.objects else None
    return Annotated(raw.name, raw.group, raw.image, labels, ids, valid)


def _class_names(meaning: Meaning | None, labelling: Labelling) -> tuple[str, ...]:
    if labelling.task == "instances" and meaning is not None and len(meaning.class_names) > 1:
        return tuple(name for _, name in sorted(meaning.class_names.items()))
    return labelling.class_names
