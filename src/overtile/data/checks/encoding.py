"""Label files: smoothed masks, two encodings in one folder, lossy formats."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from overtile.data.checks.common import MOST_SHOWN, Commands, region_around, shown
from overtile.data.dataset import RawSample
from overtile.data.finding import Finding, Region
from overtile.data.label_evidence import thin_values
from overtile.data.layouts import Layout

LOSSY = (".jpg", ".jpeg")


def check_encoding(raw: Sequence[RawSample], layout: Layout, commands: Commands) -> Iterator[Finding]:
    """Look at the labels as they are stored, whether or not they can be used."""
    yield from _lossy(layout, commands)
    smoothed = {sample.name: thin_values([sample.labels]) for sample in raw}
    odd = [sample for sample in raw if smoothed[sample.name]]
    if odd:
        values = smoothed[odd[0].name]
        yield Finding(
            "warning",
            shown(sample.name for sample in odd),
            f"{len(odd)} of {len(raw)} masks are smoothed: {odd[0].name} holds {len(values)} values that only occur in "
            f"thin lines ({values[0]} to {values[-1]}), where a mask should step from one value to the next",
            "Export them again without smoothing, or give every such pixel the value of the region it lies at.",
            "smoothed-masks",
            commands.mend("snap", only=[sample.name for sample in odd] if len(odd) < len(raw) else []),
            tuple(_smooth_place(sample, smoothed[sample.name]) for sample in odd[:MOST_SHOWN]),
        )
    yield from _mixed([sample for sample in raw if not smoothed[sample.name]], commands)


def _lossy(layout: Layout, commands: Commands) -> Iterator[Finding]:
    lossy = [pair for pair in layout.pairs if pair.labels.suffix.lower() in LOSSY]
    if lossy:
        yield Finding(
            "warning",
            shown(pair.labels.name for pair in lossy),
            f"{len(lossy)} label file(s) are stored as JPEG, which changes values",
            "Export labels as PNG or TIFF; until then, give every changed pixel the value of its region.",
            "lossy-labels",
            commands.mend("snap"),
        )


def _smooth_place(sample: RawSample, values: Sequence[int]) -> Region:
    """A place where a smoothed mask can be seen to be one."""
    places = np.argwhere(np.isin(sample.labels, values))
    row, column = places[len(places) // 2].tolist()
    return region_around(sample.name, sample.labels.shape, (row, row + 1), (column, column + 1))


def _mixed(raw: Sequence[RawSample], commands: Commands) -> Iterator[Finding]:
    """Masks of 0 and 255 beside masks of 0 and 1."""
    values = {sample.name: tuple(np.unique(sample.labels)[:3].tolist()) for sample in raw}
    counts = Counter(values.values())
    if not {(0, 1), (0, 255)} <= counts.keys() <= {(0,), (0, 1), (0, 255)}:
        return
    rare, usual = sorted(((0, 1), (0, 255)), key=lambda pair: counts[pair])
    names = [name for name, found in values.items() if found == rare]
    yield Finding(
        "warning",
        shown(names),
        f"{counts[rare]} of {len(raw)} masks hold {rare[0]} and {rare[1]}, {counts[usual]} hold {usual[0]} and {usual[1]}: "
        "they are taken for three classes",
        "If both mean background and foreground, give all masks the same values.",
        "mixed-values",
        commands.mend(f"values={rare[1]}:{usual[1]}", only=names),
    )
