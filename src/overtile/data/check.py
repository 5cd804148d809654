"""What looks wrong in a folder of annotated images, and what to do about it, before any time is lost."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np

from overtile.core.errors import OvertileError
from overtile.data.dataset import AnnotatedImages, RawSample, annotate, check_channels, read_pair
from overtile.data.labels import infer_task
from overtile.data.layouts import Layout, find_pairs
from overtile.data.normalization import IntensityStatistics, intensity_statistics
from overtile.data.splits import find_groups
from overtile.data.summary import Summary, summarize

Severity = Literal["error", "warning", "note"]

WIDE_SCALES = 4.0
"""Ratio of intensity ranges from which images are called differently exposed."""

PIXEL_SIZE_TOLERANCE = 0.25
"""Pixel sizes that differ by more than this share are reported."""

RARE_SHARE = 0.005
"""A class that covers less than this share of the pixels is called rare."""

SMALLEST_OBJECT_PX = 10
"""Objects of fewer pixels than this are more likely specks of the annotation tool."""


@dataclass(frozen=True)
class Finding:
    """One thing to know about a folder.

    Attributes:
        severity: errors stop training; warnings lower its quality; notes say what was assumed.
        file: the file or folder concerned.
        message: what was found.
        remedy: what to do about it; empty where nothing needs to be done.
    """

    severity: Severity
    file: str
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found in a folder; the summary is missing when errors prevent it."""

    findings: tuple[Finding, ...]
    summary: Summary | None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def check(
    folder: str | Path,
    *,
    task: str = "auto",
    ignore_label: int | None = None,
    labels: str | None = None,
    allow_unlabelled: bool = False,
) -> Findings:
    """Look through a folder as training would, and report every problem instead of stopping at the first.

    The arguments are those of `overtile.read`.
    """
    try:
        layout = find_pairs(folder, labels=labels, allow_unlabelled=allow_unlabelled)
    except OvertileError as error:
        return Findings((_from_error(error, folder),), None)
    raw, errors = _read_all(layout)
    notes = [Finding("note", str(folder), note) for note in layout.notes]
    if not errors:
        try:
            check_channels(raw)
            labelling = infer_task([s.labels for s in raw], task=task, ignore_label=ignore_label)
            data = annotate(raw, labelling, layout=layout.name, notes=layout.notes)
        except OvertileError as error:
            errors = [_from_error(error, folder)]
    if errors:
        return Findings((*errors, *notes), None)
    notes += [Finding("note", str(folder), note) for note in labelling.notes]
    statistics = intensity_statistics(data.samples)
    summary = summarize(data, statistics.image_ranges)
    found = [*_images(data, statistics), *_labels(data, summary), *_likeness(data)]
    order = {"error": 0, "warning": 1, "note": 2}
    return Findings(tuple(sorted([*found, *notes], key=lambda finding: order[finding.severity])), summary)


def _read_all(layout: Layout) -> tuple[list[RawSample], list[Finding]]:
    raw: list[RawSample] = []
    errors: list[Finding] = []
    for pair in layout.pairs:
        try:
            raw += read_pair(pair)
        except OvertileError as error:
            errors.append(_from_error(error, pair.image))
    return raw, errors


def _from_error(error: OvertileError, file: str | Path) -> Finding:
    """Split an error at its last sentence, which says what to do."""
    message, _, remedy = str(error).rpartition(". ")
    return Finding("error", str(file), f"{message}." if message else remedy, remedy if message else "")


def _images(data: AnnotatedImages, statistics: IntensityStatistics) -> Iterator[Finding]:
    for sample, ranges in zip(data.samples, statistics.image_ranges, strict=True):
        if all(low == high for low, high in ranges):
            yield Finding(
                "warning", sample.name, f"the image is constant ({ranges[0][0]:g})", "Remove it or export it again."
            )
    if statistics.scale_ratio > WIDE_SCALES:
        yield Finding(
            "warning",
            "all images",
            f"intensity ranges differ {statistics.scale_ratio:.0f}-fold between images",
            "Export all images with the same scaling, or normalise each image by itself.",
        )
    kinds = Counter(str(sample.image.array.dtype) for sample in data.samples)
    if len(kinds) > 1:
        found = ", ".join(f"{n} x {kind}" for kind, n in kinds.items())
        yield Finding(
            "warning", "all images", f"images differ in type: {found}", "Export all images with the same depth."
        )
    yield from _pixel_sizes(data)


def _pixel_sizes(data: AnnotatedImages) -> Iterator[Finding]:
    sizes = [s.image.pixel_size_um[-1] for s in data.samples if s.image.pixel_size_um is not None]
    if sizes and max(sizes) > (1 + PIXEL_SIZE_TOLERANCE) * min(sizes):
        yield Finding(
            "warning",
            "all images",
            f"pixel sizes differ, from {min(sizes):.4g} to {max(sizes):.4g} um",
            "Rescale the images to one pixel size.",
        )


def _labels(data: AnnotatedImages, summary: Summary) -> Iterator[Finding]:
    single = [s.name for s in data.samples if (s.labels == s.labels.flat[0]).all()]
    if single:
        yield Finding(
            "warning",
            _shown(single),
            f"{len(single)} of {len(data.samples)} images hold a single class",
            "Check that these annotations are complete.",
        )
    rare = [c for c in summary.classes if c.share < RARE_SHARE]
    for one in rare:
        yield Finding("note", "all images", f"{one.name} covers only {one.share:.2%} of the pixels")
    if len(data.samples) == 1:
        yield Finding("note", data.samples[0].name, "there is one image: a strip of it is held out for validation")
    objects = summary.objects
    if objects is not None and objects.in_pieces:
        yield Finding(
            "warning",
            "all images",
            f"{objects.in_pieces} of {objects.count} object ids consist of several separate pieces",
            "Give every object its own id.",
        )
    if objects is not None and 0 < objects.smallest_px < SMALLEST_OBJECT_PX:
        yield Finding(
            "warning",
            "all images",
            f"the smallest object has {objects.smallest_px} pixel(s), the median diameter is "
            f"{objects.median_diameter_px:.0f} pixels",
            "Remove specks from the annotation.",
        )


def _likeness(data: AnnotatedImages) -> Iterator[Finding]:
    """Report near-duplicates, planes of one stack aside."""
    names = find_groups(data.samples)
    order = np.argsort(np.array(names), kind="stable").tolist()
    for _, members in groupby(order, key=lambda i: names[i]):
        group = [data.samples[i] for i in members]
        stacks = sorted({sample.group or sample.name for sample in group})
        if len(stacks) > 1:
            yield Finding(
                "note", _shown(stacks), f"{len(stacks)} images are nearly alike: they are kept on one side of a split"
            )


def _shown(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
