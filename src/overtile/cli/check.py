"""overtile check: what is in a folder, what will be trained, what looks wrong."""

import json
from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import (
    AllowUnlabelled,
    Channels,
    Groups,
    IgnoreLabel,
    LabelFolder,
    LayoutName,
    Overwrite,
    PaletteFile,
    Task,
    channel_list,
)
from overtile.core.atomic import atomic_file, refuse_overwrite
from overtile.data import Findings, Summary, find_palette, write_palette
from overtile.data import check as check_folder

MOST_PRINTED = 5
"""Findings of one kind that are printed."""

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def check(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images.")],
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
    layout: LayoutName = "auto",
    channels: Channels = None,
    palette: PaletteFile = None,
    groups: Groups = None,
    palette_to_write: Annotated[
        Path | None,
        typer.Option("--write-palette", help="Write the colours of the masks to this file, to edit; then stop."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the findings to this file too.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with pictures to this file.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what is in a folder, what will be trained and what looks wrong.

    Exits with 1 where something would stop the training.
    """
    if palette_to_write is not None:
        _write_palette(data, palette_to_write, labels, layout, overwrite=overwrite)
        return
    for path in (json_file, report):
        if path is not None:
            refuse_overwrite(path, overwrite=overwrite)
    found = check_folder(
        data,
        task=task,
        ignore_label=ignore_label,
        labels=labels,
        allow_unlabelled=allow_unlabelled,
        layout=layout,
        channels=channel_list(channels),
        palette=palette,
        groups=groups,
    )
    if found.summary is not None:
        _print_summary(data, found.summary)
    _print_findings(found)
    if json_file is not None:
        with atomic_file(json_file, overwrite=overwrite) as file:
            file.write(json.dumps(found.to_json(), indent=1).encode())
    if report is not None:
        from overtile.report import write_check

        write_check(found, report, overwrite=overwrite)
        console.print(f"report: {report}", markup=False)
    if found.errors:
        raise typer.Exit(1)
    console.print(f"Ready: {found.train}", markup=False)


def _write_palette(data: Path, file: Path, labels: str | None, layout: str, *, overwrite: bool) -> None:
    found = find_palette(data, labels=labels, layout=layout)
    write_palette(file, found, overwrite=overwrite)
    for name, colour in zip(found.names, found.colours, strict=True):
        console.print(f"  {name:12} {colour}", markup=False)
    console.print(f"{file}: {len(found.names)} colours. Give them the names of your classes; 'ignore' leaves one out.")
    console.print(f"Next: overtile check {data} --palette {file}", markup=False)


def _print_summary(folder: Path, summary: Summary) -> None:
    sizes = [f"{n} of {y} x {x}" for (y, x), n in list(summary.sizes.items())[:4]]
    more = f" and {len(summary.sizes) - 4} other sizes" if len(summary.sizes) > 4 else ""
    console.print(f"[bold]{folder}[/bold]: {len(summary.images)} annotated images, layout {summary.layout}")
    console.print(f"  sizes    {', '.join(sizes)}{more} px; {summary.channels} channel(s), {', '.join(summary.dtypes)}")
    what = "objects, kept apart where they touch" if summary.task == "instances" else "classes"
    console.print(f"  task     {summary.task}: the model will give {what}")
    shares = ", ".join(f"{one.name} {one.share:.1%}" for one in summary.classes)
    console.print(f"  pixels   {shares}")
    if summary.objects is not None:
        o = summary.objects
        console.print(
            f"  objects  {o.count}, median diameter {o.median_diameter_px:.0f} px, {o.touching_share:.0%} touch another"
        )


def _print_findings(found: Findings) -> None:
    for group in found.groups:
        style = STYLES[group[0].severity]
        for finding in group[:MOST_PRINTED]:
            console.print(f"[{style}]{finding.severity}[/{style}] ", end="")
            console.print(f"{finding.file}: {finding.message}", markup=False)
        if len(group) > MOST_PRINTED:
            console.print(f"      and {len(group) - MOST_PRINTED} more like these; --report and --json name all")
        commands = dict.fromkeys(finding.command for finding in group[:MOST_PRINTED])
        for line in (group[0].remedy, *commands):
            if line:
                console.print(f"      -> {line}", markup=False)
