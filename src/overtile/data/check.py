"""What looks wrong in a folder of annotated images, and what to do about it, before any time is lost."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.errors import OvertileError
from overtile.data.checks import (
    check_classes,
    check_encoding,
    check_intensity,
    check_likeness,
    check_objects,
    check_registration,
)
from overtile.data.checks.common import Commands
from overtile.data.dataset import (
    AnnotatedImages,
    RawSample,
    Sample,
    annotate,
    check_channels,
    read_pair,
    reading_of,
)
from overtile.data.finding import Finding, Findings
from overtile.data.groups import with_groups
from overtile.data.layouts import Layout, find_pairs
from overtile.data.normalization import intensity_statistics
from overtile.data.palette import Palette
from overtile.data.reading import Reading
from overtile.data.splits import find_groups
from overtile.data.stated_labels import conclude
from overtile.data.summary import summarize

ALSO_FOUND = "hold a single label value"
"""A note of the labelling that `check_classes` reports, with the images that it is about."""

ORDER = {"error": 0, "warning": 1, "note": 2}


def check(
    folder: str | Path,
    *,
    task: str = "auto",
    ignore_label: int | None = None,
    labels: str | None = None,
    allow_unlabelled: bool = False,
    layout: str = "auto",
    channels: Sequence[str] = (),
    palette: str | Path | Palette | None = None,
    groups: str | Path | None = None,
) -> Findings:
    """Look through a folder as training would, and report every problem instead of stopping at the first.

    The arguments are those of `overtile.read`.
    """
    said = {"labels": labels, "layout": layout, "channels": ",".join(channels), "palette": palette}
    commands = Commands(
        str(folder),
        _options(said | {"allow-unlabelled": allow_unlabelled}),
        _options({"task": task, "ignore-label": ignore_label, "groups": groups}),
    )
    try:
        reading = reading_of(labels, layout, channels, palette, allow_unlabelled=allow_unlabelled)
        found = with_groups(find_pairs(folder, reading), folder, groups)
    except OvertileError as error:
        return Findings(str(folder), (_from_error(error, folder),), None)
    raw, errors = _read_all(found, reading, commands)
    data = None
    if not errors:
        try:
            check_channels(raw)
            labelling = conclude([s.labels for s in raw], found.meaning, task=task, ignore_label=ignore_label)
            data = annotate(raw, labelling, found)
        except OvertileError as error:
            errors = [_from_error(error, folder, _mending(error, commands))]
    if data is None:
        return _unusable(raw, found, errors, commands)
    return _usable(raw, found, data, commands)


def _unusable(raw: list[RawSample], layout: Layout, errors: list[Finding], commands: Commands) -> Findings:
    """What can be said of images that cannot be trained on as they are."""
    notes = [Finding("note", commands.folder, note) for note in layout.notes]
    findings = (*errors, *check_encoding(raw, layout, commands), *notes)
    return Findings(commands.folder, findings, None, tuple(map(_as_sample, raw)))


def _usable(raw: list[RawSample], layout: Layout, data: AnnotatedImages, commands: Commands) -> Findings:
    statistics = intensity_statistics(data.samples)
    summary = summarize(data, statistics.image_ranges, {pair.image: pair.labels for pair in layout.pairs})
    findings = [
        *(check_encoding(raw, layout, commands) if summary.task == "semantic" else ()),
        *check_registration(data.samples, commands),
        *check_intensity(data, statistics, commands),
        *check_classes(data, summary, commands),
        *check_objects(data.samples, summary, commands),
        *check_likeness(data, commands),
        *_splitting(data, commands),
        *(Finding("note", commands.folder, note) for note in data.notes if not note.endswith(ALSO_FOUND)),
    ]
    findings.sort(key=lambda finding: ORDER[finding.severity])
    return Findings(commands.folder, tuple(findings), summary, data.samples, commands.train)


def _splitting(data: AnnotatedImages, commands: Commands) -> list[Finding]:
    """Whether the groups that the user named can be split."""
    try:
        if data.samples[0].grouped:
            find_groups(data.samples)
    except OvertileError as error:
        return [_from_error(error, commands.folder)]
    return []


def _options(said: Mapping[str, Any]) -> str:
    """Options of the command line, each after a space; what was left at its default is not said.

    >>> _options({"task": "auto", "ignore-label": 0, "labels": None, "channels": "", "allow-unlabelled": True})
    ' --ignore-label 0 --allow-unlabelled'
    """
    given = {name: value for name, value in said.items() if str(value) not in ("None", "False", "", "auto")}
    return "".join(
        f" --{name}" if value is True else f" --{name} {shlex.quote(str(value))}" for name, value in given.items()
    )


def _read_all(layout: Layout, reading: Reading, commands: Commands) -> tuple[list[RawSample], list[Finding]]:
    raw: list[RawSample] = []
    errors: list[Finding] = []
    for pair in layout.pairs:
        try:
            raw += read_pair(pair, reading)
        except OvertileError as error:
            command = _mending(error, commands, pair.name)
            errors.append(_from_error(error, pair.image, command, (str(pair.image), str(pair.labels))))
    return raw, errors


def _mending(error: OvertileError, commands: Commands, *only: str) -> str:
    """The command that mends what an error complains about; empty where there is none."""
    known = {
        "labels look transposed": commands.mend("turn=transpose", only=only),
        "holds colours": commands.check("--write-palette palette.csv"),
        "differ in their number of channels": commands.mend("grey"),
        "are smoothed masks": commands.mend("snap"),
    }
    return next((command for words, command in known.items() if words in str(error)), "")


def _from_error(error: OvertileError, file: str | Path, command: str = "", files: tuple[str, ...] = ()) -> Finding:
    """Split an error after its first sentence: what was found comes before what to do."""
    message, end, remedy = str(error).removeprefix(f"{file}: ").partition(". ")
    return Finding("error", str(file), message + end.strip(), remedy, type(error).__name__, command, files=files)


def _as_sample(raw: RawSample) -> Sample:
    """Labels that could not be concluded from, to be looked at."""
    return Sample(raw.name, raw.image, raw.labels.astype(np.int32), raw.valid, raw.group, raw.source)
