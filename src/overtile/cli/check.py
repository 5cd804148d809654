"""overtile check: what is in a folder, what will be trained, what looks wrong."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import AllowUnlabelled, IgnoreLabel, LabelFolder, Overwrite, Task
from overtile.core.atomic import atomic_file
from overtile.data import Findings, Summary
from overtile.data import check as check_folder

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def check(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images.")],
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the findings to this file too.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what is in a folder, what will be trained and what looks wrong.

    Exits with 1 where something would stop the training.
    """
    found = check_folder(data, task=task, ignore_label=ignore_label, labels=labels, allow_unlabelled=allow_unlabelled)
    if found.summary is not None:
        _print_summary(data, found.summary)
    _print_findings(found)
    if json_file is not None:
        with atomic_file(json_file, overwrite=overwrite) as file:
            file.write(json.dumps(asdict(found), indent=1).encode())
    if found.errors:
        raise typer.Exit(1)
    console.print(f"Ready: overtile train {data} -o NAME.overtile")


def _print_summary(folder: Path, summary: Summary) -> None:
    sizes = [f"{n} of {y} x {x}" for (y, x), n in list(summary.sizes.items())[:4]]
    more = f" and {len(summary.sizes) - 4} other sizes" if len(summary.sizes) > 4 else ""
    console.print(f"[bold]{folder}[/bold]: {len(summary.images)} annotated images ({summary.layout})")
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
    for finding in found.findings:
        style = STYLES[finding.severity]
        console.print(f"[{style}]{finding.severity}[/{style}] ", end="")
        console.print(f"{finding.file}: {finding.message}", markup=False)
        if finding.remedy:
            console.print(f"      -> {finding.remedy}", markup=False)
