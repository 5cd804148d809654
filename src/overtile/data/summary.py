"""What a set of annotated images holds: sizes, intensities, classes, objects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overtile.data.dataset import AnnotatedImages, Sample
from overtile.data.label_evidence import pieces
from overtile.data.labels import Labelling


@dataclass(frozen=True)
class ImageSummary:
    """One image.

    Attributes:
        name: unique among the images.
        size: rows and columns.
        dtype: type of its samples.
        intensity_ranges: percentiles 0.1 and 99.9 per channel.
        pixel_size_um: size of a pixel per axis in micrometres; None where unknown.
        file: that it was read from; empty where there was none.
        label_file: that its labels were read from; likewise.
        class_shares: share of its valid pixels that each class covers, 0 to 1.
        valid_share: share of its pixels that count, 0 to 1.
        objects: number of objects and so on; None where labels are classes.
    """

    name: str
    size: tuple[int, int]
    dtype: str
    intensity_ranges: tuple[tuple[float, float], ...]
    pixel_size_um: tuple[float, ...] | None
    file: str
    label_file: str
    class_shares: tuple[float, ...]
    valid_share: float
    objects: "ObjectSummary | None"


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


def summarize(
    data: AnnotatedImages,
    image_ranges: Sequence[tuple[tuple[float, float], ...]],
    label_files: Mapping[Path, Path] | None = None,
) -> Summary:
    """Summarise annotated images.

    Args:
        data: the images.
        image_ranges: per image and channel its intensity range, from `intensity_statistics`.
        label_files: image file -> label file, where they are known.
    """
    counts = np.array([_class_counts(sample, data.labelling) for sample in data.samples])
    instances = data.labelling.task == "instances"
    images = tuple(
        ImageSummary(
            name=s.name,
            size=s.labels.shape,
            dtype=str(s.image.array.dtype),
            intensity_ranges=ranges,
            pixel_size_um=s.image.pixel_size_um,
            file="" if s.source is None else str(s.source),
            label_file=str((label_files or {}).get(s.source, "")) if s.source is not None else "",
            class_shares=tuple((pixels / max(1, pixels.sum())).tolist()),
            valid_share=float(pixels.sum()) / s.labels.size,
            objects=summarize_objects([s.labels]) if instances else None,
        )
        for s, ranges, pixels in zip(data.samples, image_ranges, counts, strict=True)
    )
    shares = (counts.sum(0) / max(1, counts.sum())).tolist()
    return Summary(
        layout=data.layout,
        task=data.labelling.task,
        channels=data.channels,
        images=images,
        classes=tuple(ClassSummary(*pair) for pair in zip(data.labelling.class_names, shares, strict=True)),
        objects=summarize_objects([s.labels for s in data.samples]) if instances else None,
    )


def _class_counts(sample: Sample, labelling: Labelling) -> NDArray[np.int64]:
    """Valid pixels of each class."""
    labels = sample.labels if sample.valid is None else sample.labels[sample.valid]
    indices = np.ravel(labels > 0 if labelling.task == "instances" else labels).astype(np.int64)
    return np.bincount(indices, minlength=len(labelling.class_names))


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
