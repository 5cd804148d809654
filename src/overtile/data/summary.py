"""What a set of annotated images holds: sizes, intensities, classes, objects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from overtile.data.dataset import AnnotatedImages, Sample
from overtile.data.label_evidence import pieces


@dataclass(frozen=True)
class ImageSummary:
    """One image: its size (y, x), type, and percentiles 0.1 and 99.9 per channel."""

    name: str
    size: tuple[int, int]
    dtype: str
    intensity_ranges: tuple[tuple[float, float], ...]
    pixel_size_um: tuple[float, ...] | None


@dataclass(frozen=True)
class ClassSummary:
    """One class: its name and the share of the valid pixels of all images that it covers, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class ObjectSummary:
    """Objects of all images.

    Attributes:
        count: number of objects.
        median_diameter_px: diameter of the circle of median area.
        smallest_px: area of the smallest object.
        largest_px: area of the largest object.
        touching_share: share of the objects that touch another one, 0 to 1.
        in_pieces: number of ids that consist of several separate pieces.
    """

    count: int
    median_diameter_px: float
    smallest_px: int
    largest_px: int
    touching_share: float
    in_pieces: int


@dataclass(frozen=True)
class Summary:
    """What a set of annotated images holds."""

    layout: str
    task: str
    channels: int
    images: tuple[ImageSummary, ...]
    classes: tuple[ClassSummary, ...]
    objects: ObjectSummary | None

    @property
    def sizes(self) -> dict[tuple[int, int], int]:
        """Number of images of each size (y, x), the most frequent first."""
        return dict(Counter(image.size for image in self.images).most_common())

    @property
    def dtypes(self) -> dict[str, int]:
        """Number of images of each sample type, the most frequent first."""
        return dict(Counter(image.dtype for image in self.images).most_common())


def summarize(data: AnnotatedImages, image_ranges: Sequence[tuple[tuple[float, float], ...]]) -> Summary:
    """Summarise annotated images.

    Args:
        data: the images.
        image_ranges: per image and channel its intensity range, from `intensity_statistics`.
    """
    images = tuple(
        ImageSummary(s.name, s.labels.shape, str(s.image.array.dtype), ranges, s.image.pixel_size_um)
        for s, ranges in zip(data.samples, image_ranges, strict=True)
    )
    instances = data.labelling.task == "instances"
    return Summary(
        layout=data.layout,
        task=data.labelling.task,
        channels=data.channels,
        images=images,
        classes=_classes(data),
        objects=summarize_objects([s.labels for s in data.samples]) if instances else None,
    )


def _classes(data: AnnotatedImages) -> tuple[ClassSummary, ...]:
    names = data.labelling.class_names
    counts = np.zeros(len(names), np.int64)
    for sample in data.samples:
        counts += np.bincount(_class_indices(sample, data.labelling.task), minlength=len(names))
    total = max(1, int(counts.sum()))
    return tuple(ClassSummary(name, int(n) / total) for name, n in zip(names, counts, strict=True))


def _class_indices(sample: Sample, task: str) -> NDArray[np.int64]:
    labels = sample.labels if sample.valid is None else sample.labels[sample.valid]
    return np.ravel(labels > 0 if task == "instances" else labels).astype(np.int64)


def summarize_objects(labels: Sequence[NDArray[np.int32]]) -> ObjectSummary:
    """Measure the objects of several images with ids (y, x), 0 = background.

    >>> summarize_objects([np.array([[1, 2, 0, 3]], np.int32)]).touching_share
    0.6666666666666666
    """
    areas: list[int] = []
    touching = in_pieces = 0
    for array in labels:
        sizes = np.bincount(array.ravel())
        areas += sizes[1:][sizes[1:] > 0].tolist()
        touching += len(touching_ids(array))
        per_id = np.bincount(pieces(array, connectivity=2)[0])
        in_pieces += int((per_id[1:] > 1).sum())
    if not areas:
        return ObjectSummary(0, 0.0, 0, 0, 0.0, 0)
    diameter = 2 * sqrt(float(np.median(areas)) / pi)
    return ObjectSummary(len(areas), diameter, min(areas), max(areas), touching / len(areas), in_pieces)


def touching_ids(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Find the ids that share a pixel edge with another id.

    >>> touching_ids(np.array([[1, 2, 0, 3]], np.int32)).tolist()
    [1, 2]
    """
    found = []
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        contact = (a != b) & (a > 0) & (b > 0)
        found += [a[contact], b[contact]]
    return np.unique(np.concatenate(found))
