"""overtile evaluate: how good a model is, or label images from any tool."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from overtile.cli.console import bar, console
from overtile.cli.options import (
    AllowUnlabelled,
    Device,
    Groups,
    IgnoreLabel,
    LayoutName,
    Overwrite,
    PaletteFile,
    Task,
    Tta,
)
from overtile.cli.train import parse_fold
from overtile.core import OptionError
from overtile.core.atomic import atomic_file, refuse_overwrite

if TYPE_CHECKING:
    from overtile.workflows.evaluate import ImageListener
    from overtile.workflows.evaluation import Evaluation


def evaluate(
    data: Annotated[Path | None, typer.Argument(help="Folder of annotated images, with --model.")] = None,
    model: Annotated[Path | None, typer.Option("--model", "-m", help="Model file to evaluate.")] = None,
    fold: Annotated[str | None, typer.Option("--fold", help="Only fold K of N: 0/5.")] = None,
    tta: Tta = "none",
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Folder of label images to score.")] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Folder of the true labels; with --model its name inside DATA.")
    ] = None,
    allow_unlabelled: AllowUnlabelled = False,
    layout: LayoutName = "auto",
    palette: PaletteFile = None,
    groups: Groups = None,
    images: Annotated[Path | None, typer.Option("--images", help="Folder of the images, for the report.")] = None,
    valid: Annotated[Path | None, typer.Option("--valid", help="Folder of masks, 0 where pixels do not count.")] = None,
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with pictures to this file.")] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Score a model on annotated images (-m MODEL DATA), or any label images (--predictions DIR --labels DIR)."""
    given = (task != "auto", *(x is not None for x in (predictions, images, valid, ignore_label)))
    _refuse_mixed(model is not None and data is not None, predictions is not None and labels is not None, any(given))
    for path in (json_file, report):
        if path is not None:
            refuse_overwrite(path, overwrite=overwrite)

    def run(listener: "ImageListener") -> "Evaluation":
        from overtile.workflows.evaluate import evaluate as evaluate_model
        from overtile.workflows.evaluate import evaluate_predictions
        from overtile.workflows.model import load

        if model is not None and data is not None:
            return evaluate_model(
                load(model, device=device),
                data,
                labels=labels,
                allow_unlabelled=allow_unlabelled,
                layout=layout,
                palette=palette,
                groups=groups,
                fold=parse_fold(fold),
                tta=tta,
                on_progress=listener,
            )
        return evaluate_predictions(
            str(predictions),
            str(labels),
            images=images,
            valid=valid,
            task=task,
            ignore_label=ignore_label,
            on_progress=listener,
        )

    with bar("evaluating") as progress:
        found = run(lambda name, fraction: progress.update(fraction, name))
    _print(found)
    if json_file is not None:
        with atomic_file(json_file, overwrite=overwrite) as file:
            file.write(json.dumps(found.to_json(), indent=1, allow_nan=False).encode())
    if report is not None:
        from overtile.report import write_report

        write_report(found, report, overwrite=overwrite)
        console.print(f"report: {report}", markup=False)


def _refuse_mixed(by_model: bool, by_predictions: bool, labels_explained: bool) -> None:
    """Raise unless exactly one of the two forms was used, with options that belong to it."""
    if by_model and labels_explained:
        raise OptionError(
            "the model knows what its labels mean: leave out --predictions, --images, --valid, --task and --ignore-label, "
            "or evaluate label images with --predictions DIR --labels DIR"
        )
    if by_model == by_predictions:
        raise OptionError(
            "say what to evaluate: either -m MODEL DATA, or --predictions DIR --labels DIR (see overtile evaluate -h)"
        )


def _print(found: "Evaluation") -> None:
    roles = sorted({example.role for example in found.examples})
    console.print(f"{len(found.examples)} image(s), {' and '.join(roles)}", markup=False)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    table = Table("metric", "value", "95 % interval", box=None, pad_edge=False)
    for name, entry in found.total.items():
        parts = {f"{name} ({part})": one for part, one in entry.get("per_class", {}).items()}
        for row, one in {name: entry, **parts}.items():
            table.add_row(row, _number(one["value"]), f"{_number(one['low'])} to {_number(one['high'])}")
    console.print(table)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4f}"
