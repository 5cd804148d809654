"""Annotated images, read and checked as a whole before any time is lost."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data.axes import slices
from overtile.data.channels import select_channels
from overtile.data.formats import check_finite, read_labels
from overtile.data.groups import with_groups
from overtile.data.labels import IGNORED, Labelling, infer_task, to_classes
from overtile.data.layouts import Layout, Meaning, Pair, find_pairs
from overtile.data.palette import Palette, read_palette
from overtile.data.reading import Reading
from overtile.data.stated_labels import conclude, values_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """One annotated image plane.

    Attributes:
        name: unique among the samples; usable as a file name.
        image: samples (channel, y, x).
        labels: class indices, or object ids (y, x); 0 where pixels are ignored.
        valid: False where pixels are ignored; None when all count.
        group: samples of one group, such as planes of one stack or images of one patient, must not be split.
        source: the image file, if there is one.
        grouped: whether the user named the group.
    """

    name: str
    image: Image
    labels: NDArray[np.int32]
    valid: NDArray[np.bool_] | None = None
    group: str = ""
    source: Path | None = None
    grouped: bool = False


@dataclass(frozen=True)
class AnnotatedImages:
    """Images with labels, ready for training or evaluation.

    Attributes:
        samples: at least one.
        labelling: what the labels mean.
        layout: how the files lay in their folder, a key of `LAYOUTS`.
        notes: what was assumed or left out.
        chosen_channels: numbers or names of the channels that were taken of the stored images; empty for all.
    """

    samples: tuple[Sample, ...]
    labelling: Labelling
    layout: str
    notes: tuple[str, ...] = ()
    chosen_channels: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Number of image channels, the same in all samples."""
        return self.samples[0].image.channels


@dataclass(frozen=True)
class RawSample:
    """One image plane with its labels as stored; see `Annotation` for classes and notes."""

    name: str
    image: Image
    labels: NDArray[Any]
    valid: NDArray[np.bool_] | None
    group: str
    source: Path | None = None
    classes: NDArray[np.int32] | None = None
    notes: tuple[str, ...] = ()


def load(
    folder: str | Path,
    *,
    task: str = "auto",
    ignore_label: int | None = None,
    labels: str | None = None,
    allow_unlabelled: bool = False,
    labelling: Labelling | None = None,
    layout: str = "auto",
    channels: Sequence[str] = (),
    palette: str | Path | Palette | None = None,
    groups: str | Path | None = None,
) -> AnnotatedImages:
    r"""Read and check all annotated images of a folder.

    Args:
        folder: in a layout that `find_pairs` knows.
        task: "auto", "semantic" or "instances".
        ignore_label: raw label value that means "not annotated".
        labels: name of the folder, group or dataset with the labels, where there are several.
        allow_unlabelled: leave out images without labels instead of stopping.
        labelling: known meaning of the label values, such as that of a trained model; replaces task and ignore_label.
        layout: "auto" to find it out, or one of `LAYOUTS`.
        channels: numbers from 0 or names of the image channels to use, in their order; empty for all.
        palette: for masks whose classes are colours, which is which; a file with lines `name,r,g,b`.
        groups: what stays on one side of every split, such as the images of a patient: a regular expression found in
            every name, such as "patient(\d+)", whose parenthesised part is the group, or a file .csv with the columns image
            and group. None for FOLDER/groups.csv, if there is one.

    Raises:
        DataError: files have no partner, cannot be read, or do not fit together; an image has no group.
        OptionError: groups is neither a file .csv nor a regular expression.
        UnknownNameError: there is no such task or layout.
    """
    reading = reading_of(labels, layout, channels, palette, allow_unlabelled=allow_unlabelled)
    found = with_groups(find_pairs(folder, reading), folder, groups)
    raw = read_pairs(found, reading)
    labelling = labelling or conclude([s.labels for s in raw], found.meaning, task=task, ignore_label=ignore_label)
    return replace(annotate(raw, labelling, found), chosen_channels=tuple(channels))


def reading_of(
    labels: str | None,
    layout: str,
    channels: Sequence[str],
    palette: str | Path | Palette | None,
    *,
    allow_unlabelled: bool,
) -> Reading:
    """What the user said about a folder, with the palette read."""
    colours = palette if palette is None or isinstance(palette, Palette) else read_palette(palette)
    return Reading(layout, labels, allow_unlabelled, colours, tuple(channels))


def read_pairs(layout: Layout, reading: Reading) -> list[RawSample]:
    """Read all images of a folder with their labels as stored.

    Raises:
        DataError: a file cannot be read, or sizes differ.
    """
    return [sample for pair in layout.pairs for sample in read_pair(pair, reading)]


def from_arrays(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    *,
    valid: Sequence[NDArray[np.bool_] | None] | None = None,
    task: str = "auto",
    ignore_label: int | None = None,
    groups: Sequence[str] | None = None,
) -> AnnotatedImages:
    """Make annotated images of arrays: images (y, x) or (channel, y, x), labels (y, x).

    Args:
        images: at least one.
        labels: one per image.
        valid: per image, False where pixels are ignored; None where all count.
        task: "auto", "semantic" or "instances".
        ignore_label: label value that means "not annotated".
        groups: per image, what it belongs to, such as a patient; a group stays on one side of every split.

    Raises:
        DataError: the arrays do not fit together.
    """
    if len(images) != len(labels) or not images:
        raise DataError(
            f"expected as many label arrays as images, at least one: got {len(images)} images, {len(labels)} labels."
        )
    masks = [None] * len(images) if valid is None else list(valid)
    names = [f"{i:03d}" for i in range(len(images))] if groups is None else list(groups)
    if len(names) != len(images) or not all(names):
        raise DataError(f"expected the name of a group for each of {len(images)} images, got {names}.")
    raw = []
    for i, (image, label, mask) in enumerate(zip(images, labels, masks, strict=True)):
        planes = image[np.newaxis] if image.ndim == 2 else image
        sample = RawSample(f"{i:03d}", Image(planes), label, mask, names[i])
        check_sizes(sample)
        check_finite(planes, f"image {i:03d}")
        raw.append(sample)
    layout = Layout("arrays", (), grouped=groups is not None)
    return annotate(raw, infer_task(labels, task=task, ignore_label=ignore_label), layout)


def read_pair(pair: Pair, reading: Reading) -> list[RawSample]:
    """Read one image with its labels; a stack gives one sample per plane.

    Raises:
        DataError: a file cannot be read, or the sizes differ.
    """
    image, annotation = pair.read()
    image = select_channels(image, reading.channels, str(pair.image))
    labels, valid = annotation.labels, annotation.valid
    if pair.valid is not None:
        inside = read_labels(pair.valid) > 0
        valid = inside if valid is None else valid & inside
    whole = RawSample(
        pair.name, image, labels, valid, pair.group or pair.name, pair.image, annotation.classes, annotation.notes
    )
    check_sizes(whole)
    if labels.ndim == 2:
        return [whole]
    return [
        replace(whole, name=f"{pair.name}_z{z:03d}", image=plane, labels=labels[z],
                valid=valid[z] if valid is not None and valid.ndim == 3 else valid)
        for z, plane in enumerate(slices(image))
    ]  # fmt: skip


def check_sizes(sample: RawSample) -> None:
    """Compare the sizes of image, labels and valid mask.

    Raises:
        DataError: they differ; a transposed one is named as such.
    """
    size, label_size = sample.image.size, sample.labels.shape
    name = sample.source or sample.name
    if size != label_size:
        swapped = " The labels look transposed: swap their axes." if size == label_size[::-1] else (
            " Export the labels at the size of the image, without resizing or cropping."
        )  # fmt: skip
        raise DataError(f"{name}: the image has size {size}, its labels {label_size} (rows, columns).{swapped}")
    if sample.valid is not None and sample.valid.shape not in (size, size[-2:]):
        raise DataError(
            f"{name}: the image has size {size}, its mask of valid pixels {sample.valid.shape} (rows, columns)."
        )


def annotate(raw: list[RawSample], labelling: Labelling, layout: Layout) -> AnnotatedImages:
    """Turn raw samples into annotated images by a labelling.

    Raises:
        DataError: the images differ in channels, labels hold values that the labelling does not know, or nothing is
            annotated.
    """
    check_channels(raw)
    samples = [_sample(one, layout, labelling) for one in raw]
    annotated = tuple(sample for sample in samples if sample.valid is None or sample.valid.any())
    notes = [*layout.notes, *_gathered(raw), *labelling.notes]
    if not annotated:
        raise DataError("all pixels of all images are ignored: there is nothing to learn. Correct the ignored regions.")
    if len(annotated) < len(samples):
        notes.append(f"{len(samples) - len(annotated)} of {len(samples)} images or planes hold no annotation: left out")
    share = sum(s.labels.size if s.valid is None else int(s.valid.sum()) for s in annotated)
    whole = sum(s.labels.size for s in annotated)
    if share < whole:
        notes.append(f"{share / whole:.1%} of the pixels count; the others are ignored in training and scores")
    return AnnotatedImages(annotated, labelling, layout.name, tuple(notes))


def _gathered(raw: Sequence[RawSample]) -> list[str]:
    """The notes of single images, each once, with the images that it is about."""
    about: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for sample in raw:
        for note in sample.notes:
            about[note][sample.name] = None
    return [f"{_listed(list(names))}: {note}" for note, names in about.items()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def check_channels(samples: Sequence[RawSample]) -> None:
    """Compare the number of channels over all images.

    Raises:
        DataError: they differ.
    """
    by_channels: defaultdict[int, list[str]] = defaultdict(list)
    for sample in samples:
        by_channels[sample.image.channels].append(sample.name)
    if len(by_channels) > 1:
        found = "; ".join(
            f"{n} channel(s): {len(names)} image(s), such as {names[0]}" for n, names in by_channels.items()
        )
        raise DataError(f"images differ in their number of channels: {found}. Convert all to the same, grey or RGB.")


def _sample(raw: RawSample, layout: Layout, labelling: Labelling) -> Sample:
    labels, valid = labels_of(raw, layout.meaning, labelling)
    return Sample(raw.name, raw.image, labels, valid, raw.group, raw.source, layout.grouped)


def labels_of(
    raw: RawSample, meaning: Meaning | None, labelling: Labelling
) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
    """Class indices or object ids of a sample, 0 where ignored, and which pixels count; None where all do.

    Raises:
        DataError: the labels hold values that the labelling does not know.
    """
    values, masks = raw.labels, [raw.valid]
    try:
        if meaning is not None:
            values, annotated = values_for(raw.labels, raw.classes, meaning, labelling)
            masks.append(annotated)
        labels = to_classes(values, labelling)
    except DataError as error:
        raise DataError(f"{raw.source or raw.name}: {error}") from error
    if (labels == IGNORED).any():
        masks.append(labels != IGNORED)
        labels[labels == IGNORED] = 0
    given = [mask for mask in masks if mask is not None]
    return labels, np.logical_and.reduce(given) if given else None
