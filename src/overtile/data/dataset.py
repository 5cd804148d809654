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
from overtile.data.formats import check_finite, read_image, read_labels
from overtile.data.labels import IGNORED, Labelling, infer_task, to_classes
from overtile.data.layouts import Pair, find_pairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """One annotated image plane.

    Attributes:
        name: unique among the samples; usable as a file name.
        image: samples (channel, y, x).
        labels: class indices, or object ids (y, x); 0 where pixels are ignored.
        valid: False where pixels are ignored; None when all count.
        group: samples of one group, such as planes of one stack, must not be split.
        source: the image file, if there is one.
    """

    name: str
    image: Image
    labels: NDArray[np.int32]
    valid: NDArray[np.bool_] | None = None
    group: str = ""
    source: Path | None = None


@dataclass(frozen=True)
class AnnotatedImages:
    """Images with labels, ready for training or evaluation.

    Attributes:
        samples: at least one.
        labelling: what the labels mean.
        layout: how the files lay in their folder, in words.
        notes: what was assumed or left out.
    """

    samples: tuple[Sample, ...]
    labelling: Labelling
    layout: str
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Number of image channels, the same in all samples."""
        return self.samples[0].image.channels


@dataclass(frozen=True)
class RawSample:
    """One image plane with its labels as stored."""

    name: str
    image: Image
    labels: NDArray[Any]
    valid: NDArray[np.bool_] | None
    group: str
    source: Path | None = None


def load(
    folder: str | Path,
    *,
    task: str = "auto",
    ignore_label: int | None = None,
    labels: str | None = None,
    allow_unlabelled: bool = False,
    labelling: Labelling | None = None,
) -> AnnotatedImages:
    """Read and check all annotated images of a folder.

    Args:
        folder: in a layout that `find_pairs` knows.
        task: "auto", "semantic" or "instances".
        ignore_label: raw label value that means "not annotated".
        labels: name of the folder with the labels, where there are several.
        allow_unlabelled: leave out images without labels instead of stopping.
        labelling: known meaning of the label values, such as that of a trained model; replaces task and ignore_label.

    Raises:
        DataError: files have no partner, cannot be read, or do not fit together.
    """
    layout = find_pairs(folder, labels=labels, allow_unlabelled=allow_unlabelled)
    raw = [sample for pair in layout.pairs for sample in read_pair(pair)]
    labelling = labelling or infer_task([s.labels for s in raw], task=task, ignore_label=ignore_label)
    return annotate(raw, labelling, layout=layout.name, notes=layout.notes)


def from_arrays(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    *,
    valid: Sequence[NDArray[np.bool_] | None] | None = None,
    task: str = "auto",
    ignore_label: int | None = None,
) -> AnnotatedImages:
    """Make annotated images of arrays: images (y, x) or (channel, y, x), labels (y, x).

    Raises:
        DataError: the arrays do not fit together.
    """
    if len(images) != len(labels) or not images:
        raise DataError(
            f"expected as many label arrays as images, at least one: got {len(images)} images, {len(labels)} labels."
        )
    masks = [None] * len(images) if valid is None else list(valid)
    raw = []
    for i, (image, label, mask) in enumerate(zip(images, labels, masks, strict=True)):
        planes = image[np.newaxis] if image.ndim == 2 else image
        sample = RawSample(f"{i:03d}", Image(planes), label, mask, f"{i:03d}")
        check_sizes(sample)
        check_finite(planes, f"image {i:03d}")
        raw.append(sample)
    return annotate(raw, infer_task(labels, task=task, ignore_label=ignore_label), layout="arrays", notes=())


def read_pair(pair: Pair) -> list[RawSample]:
    """Read one image with its labels; a stack gives one sample per plane.

    Raises:
        DataError: a file cannot be read, or the sizes differ.
    """
    image, labels = read_image(pair.image), read_labels(pair.labels)
    valid = None if pair.valid is None else read_labels(pair.valid) > 0
    if labels.ndim == 3 and image.array.shape == labels.shape:
        logger.info("%s: the pages are planes, not channels, because the labels have as many", pair.image)
        image = Image(image.array[np.newaxis], image.pixel_size_um)
    whole = RawSample(pair.name, image, labels, valid, pair.name, pair.image)
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


def annotate(raw: list[RawSample], labelling: Labelling, *, layout: str, notes: tuple[str, ...]) -> AnnotatedImages:
    """Turn raw samples into annotated images by a labelling.

    Raises:
        DataError: the images differ in channels, or labels hold values that the labelling does not know.
    """
    check_channels(raw)
    samples = tuple(_sample(one, labelling) for one in raw)
    return AnnotatedImages(samples, labelling, layout, (*notes, *labelling.notes))


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


def _sample(raw: RawSample, labelling: Labelling) -> Sample:
    try:
        labels = to_classes(raw.labels, labelling)
    except DataError as error:
        raise DataError(f"{raw.source or raw.name}: {error}") from error
    ignored = labels == IGNORED
    valid = raw.valid
    if ignored.any():
        valid = ~ignored if valid is None else valid & ~ignored
        labels[ignored] = 0
    return Sample(raw.name, raw.image, labels, valid, raw.group, raw.source)
