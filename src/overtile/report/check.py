"""The page of a check: what a folder of annotated images holds, what is wrong with it, and how to mend that."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path

import numpy as np

from overtile.core import OvertileError
from overtile.data import Finding, Findings, Region, Sample, Summary, read_image
from overtile.data.summary import ImageSummary
from overtile.report.facts import Facts
from overtile.report.figures import FIRST, INK, as_svg, new_axes
from overtile.report.outlined import View, labels_view, outline_colours, plain_view, view_of
from overtile.report.overlays import Legend
from overtile.report.page import template, write_page

FINDING_PX, GALLERY_PX = 340, 220
"""Longest side of the pictures of findings and of the gallery."""

MOST_VIEWS, MOST_VIEWS_OF_A_KIND, MOST_IN_GALLERY = 30, 6, 24
"""Pictures of findings, of those of one kind, and of images in the gallery: the page stays small."""

SEEN_IN_LABELS = ("smoothed-masks",)
"""Kinds of findings that the labels themselves show, not their outlines on the image."""

MOST_CLASSES = 12
"""More classes than this have no column of their own in the table of files."""

HISTOGRAM_BINS = 24


@dataclass(frozen=True)
class Shown:
    """Findings of one kind with one remedy, with their pictures and commands."""

    findings: tuple[Finding, ...]
    commands: tuple[str, ...]
    views: tuple[View, ...]


@dataclass(frozen=True)
class FileRow:
    """An image in the table of all files; bars are (left, width) in percent of the widest range."""

    name: str
    title: str
    size: str
    dtype: str
    pixel_size: str
    range: str
    bar: tuple[float, float]
    shares: tuple[str, ...]
    objects: tuple[str, ...]


def write_check(found: Findings, path: str | Path, *, overwrite: bool = False) -> None:
    """Write what was found in a folder as one HTML page that needs nothing but a browser.

    Args:
        found: see overtile.check.
        path: the file to write, such as check.html.
        overwrite: replace the file if it exists.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
    """
    write_page(path, lambda: render_check(found), overwrite=overwrite)


def render_check(found: Findings) -> str:
    """The page as text."""
    summary = found.summary
    counts = Counter(finding.severity for finding in found.findings)
    return template("check.html").render(
        name=Path(found.folder).resolve().name,
        folder=found.folder,
        counts={severity: counts[severity] for severity in ("error", "warning", "note")},
        findings=shown_findings(found),
        facts={} if summary is None else folder_facts(summary),
        summary=summary,
        legend=_legend(found),
        gallery=list(_gallery(found)),
        histogram=size_histogram(found),
        files=[] if summary is None else file_rows(summary),
        share_names=_share_names(summary),
        train=found.train,
    )


def shown_findings(found: Findings) -> list[Shown]:
    """The findings with pictures of the places they name; after MOST_VIEWS pictures without."""
    samples = {sample.name: sample for sample in found.samples}
    result, left = [], MOST_VIEWS
    for group in found.groups:
        views: list[View] = []
        for finding in group:
            room = min(left, MOST_VIEWS_OF_A_KIND) - len(views)
            views += _views(finding, samples, _classes(found))[: max(0, room)]
        left -= len(views)
        commands = dict.fromkeys(finding.command for finding in group if finding.command)
        result.append(Shown(group, tuple(commands), tuple(views)))
    return result


def _views(finding: Finding, samples: dict[str, Sample], classes: int) -> list[View]:
    known = [(samples[region.sample], region) for region in finding.regions if region.sample in samples]
    if finding.kind in SEEN_IN_LABELS:
        return [labels_view(sample, region, FINDING_PX) for sample, region in known]
    views = [view_of(sample, region, classes=classes, longest_px=FINDING_PX) for sample, region in known]
    return views or list(_pictures_of_files(finding.files))


def _pictures_of_files(files: Sequence[str]) -> Iterator[View]:
    """The files of a pair that cannot be used, as far as they can be seen."""
    for kind, file in zip(("image", "labels"), files, strict=False):
        try:
            array = read_image(file).array
        except OvertileError:
            continue  # the finding itself says that it cannot be read
        if array.ndim == 3:
            rows, columns = array.shape[1:]
            yield plain_view(array, f"{kind}: {Path(file).name}, {rows} x {columns}", FINDING_PX)


def _classes(found: Findings) -> int:
    """Number of classes that outlines tell apart."""
    if found.summary is None or found.summary.task == "instances":
        return 2
    return len(found.summary.classes)


def _legend(found: Findings) -> list[Legend]:
    if found.summary is None or _classes(found) <= 2:
        return []
    names = [one.name for one in found.summary.classes[1:]]
    return [Legend(colour, name) for colour, name in zip(outline_colours(_classes(found)), names, strict=False)]


def _gallery(found: Findings) -> Iterator[View]:
    """Images with the outlines of their labels, evenly spread over the folder."""
    n = len(found.samples)
    for i in np.unique(np.linspace(0, n - 1, min(n, MOST_IN_GALLERY)).astype(int)) if n else ():
        sample = found.samples[i]
        rows, columns = sample.labels.shape
        region = Region(sample.name, 0, 0, rows, columns)
        yield view_of(sample, region, classes=_classes(found), longest_px=GALLERY_PX, caption=sample.name)


def folder_facts(summary: Summary) -> Facts:
    """What the folder holds, in words."""
    sizes = [f"{n} of {y} x {x}" for (y, x), n in list(summary.sizes.items())[:4]]
    more = f" and {len(summary.sizes) - 4} other sizes" if len(summary.sizes) > 4 else ""
    task = "objects, told apart" if summary.task == "instances" else "a class for every pixel"
    known = [image.pixel_size_um for image in summary.images if image.pixel_size_um is not None]
    facts = {
        "Layout": summary.layout,
        "Images": str(len(summary.images)),
        "Sizes": ", ".join(sizes) + more + " px (rows x columns)",
        "Channels": f"{summary.channels}, {', '.join(summary.dtypes)}",
        "Pixel size": _spread([size[-1] for size in known], "µm") if known else "not known",
        "Task": task,
    }
    if summary.objects is not None and summary.objects.count:
        o = summary.objects
        facts |= {
            "Objects": f"{o.count:,}, {o.count / len(summary.images):.0f} per image",
            "Diameter": f"median {o.median_diameter_px:.0f} px; areas from {o.smallest_px:,} to {o.largest_px:,} px",
            "Touching": f"{o.touching_share:.0%} of the objects touch another one",
        }
    return facts


def _spread(values: Sequence[float], unit: str) -> str:
    """One value, or the range of several.

    >>> _spread([0.5, 0.5], "m"), _spread([0.5, 2.0], "m")
    ('0.5 m', '0.5 to 2 m')
    """
    low, high = min(values), max(values)
    return f"{low:.4g} {unit}" if low == high else f"{low:.4g} to {high:.4g} {unit}"


def size_histogram(found: Findings) -> str:
    """Number of objects against their diameter, as SVG; empty for classes."""
    if found.summary is None or found.summary.objects is None:
        return ""
    areas = np.concatenate([np.bincount(sample.labels.ravel())[1:] for sample in found.samples])
    diameters = 2 * np.sqrt(areas[areas > 0] / np.pi)
    if len(diameters) < 2 or diameters.min() == diameters.max():
        return ""
    edges = np.logspace(log10(diameters.min()), log10(diameters.max()), HISTOGRAM_BINS + 1)
    figure, axes = new_axes("objects")
    axes.stairs(np.histogram(diameters, edges)[0], edges, fill=True, color=FIRST, alpha=0.75)
    axes.set_xscale("log")
    axes.set_xlabel("diameter of the circle of equal area, px", color=INK, fontsize=9)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    return as_svg(figure, "sizes")


def _share_names(summary: Summary | None) -> list[str]:
    if summary is None or len(summary.classes) > MOST_CLASSES:
        return []
    return [one.name for one in summary.classes]


def file_rows(summary: Summary) -> list[FileRow]:
    """All images with what was measured on each."""
    ranges = [_whole_range(image) for image in summary.images]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    scale = 100 / (high - low) if high > low else 0.0
    return [
        FileRow(
            name=image.name,
            title=" + ".join(Path(file).name for file in (image.file, image.label_file) if file) or image.name,
            size=f"{image.size[0]} x {image.size[1]}",
            dtype=image.dtype,
            pixel_size="-" if image.pixel_size_um is None else f"{image.pixel_size_um[-1]:.4g} µm",
            range=" / ".join(f"{_value(a)} to {_value(b)}" for a, b in image.intensity_ranges),
            bar=((one[0] - low) * scale, max((one[1] - one[0]) * scale, 0.5)),
            shares=tuple(f"{share:.1%}" for share in image.class_shares) if _share_names(summary) else (),
            objects=_object_cells(image),
        )
        for image, one in zip(summary.images, ranges, strict=True)
    ]


def _value(value: float) -> str:
    """An intensity as it is printed.

    >>> _value(65535.0), _value(0.1234), _value(-3.0)
    ('65,535', '0.123', '-3')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _whole_range(image: ImageSummary) -> tuple[float, float]:
    return min(a for a, _ in image.intensity_ranges), max(b for _, b in image.intensity_ranges)


def _object_cells(image: ImageSummary) -> tuple[str, ...]:
    """Count, median diameter and touching share; none where labels are classes."""
    o = image.objects
    if o is None:
        return ()
    if not o.count:
        return ("0", "-", "-")
    return (f"{o.count:,}", f"{o.median_diameter_px:.0f}", f"{o.touching_share:.0%}")
