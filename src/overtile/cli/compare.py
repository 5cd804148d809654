"""overtile compare: which network for these images?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from overtile.cli.console import bar, console
from overtile.cli.options import (
    Channels,
    Device,
    Groups,
    IgnoreLabel,
    LabelFolder,
    LayoutName,
    PaletteFile,
    Task,
    channel_list,
)
from overtile.cli.train import parse_changes

if TYPE_CHECKING:
    from overtile.workflows.compare import Comparison


def compare(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images; see `overtile check`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page, the numbers and the runs.")],
    architectures: Annotated[
        str | None, typer.Option("--architectures", "-a", help="Separated by commas.  [default: all six]")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", help="Every image is held out once.", min=2)] = 3,
    budget: Annotated[
        str | None, typer.Option("--budget", "-b", help="Time of each training: 90s, 10m.  [default: 10m]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Steps of each training instead of a time.", min=1)
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="default or paper.")] = "default",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change the recipe: batch=4; of one network: unet:arguments.depth=3."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", help="Of the folds and of every training.")] = 0,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Leave the model files in OUT/runs.")] = False,
    device: Device = "auto",
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    layout: LayoutName = "auto",
    channels: Channels = None,
    palette: PaletteFile = None,
    groups: Groups = None,
) -> None:
    """Train architectures under one protocol and say what each is worth and costs. Repeat the command to resume."""
    from overtile.models import ARCHITECTURES
    from overtile.report import write_comparison
    from overtile.workflows.compare import compare as run
    from overtile.workflows.protocol import Protocol

    changes, own_changes = split_changes(change or [])
    protocol = Protocol(
        folds=folds,
        budget=budget,
        steps=steps,
        recipe=recipe,
        changes=changes,
        own_changes=own_changes,
        seed=seed,
        device=device,
        task=task,
        ignore_label=ignore_label,
        labels=labels,
        layout=layout,
        channels=channel_list(channels),
        palette=None if palette is None else str(palette),
        groups=groups,
    )
    length = f"{steps} steps" if steps else budget or "10m"
    with bar("comparing") as progress:
        found = run(
            data,
            output,
            protocol,
            architectures=[name.strip() for name in (architectures or ",".join(ARCHITECTURES)).split(",")],
            keep_models=keep_models,
            on_plan=lambda left: console.print(f"{len(left)} training(s) to do, {length} each"),
            on_progress=progress.update,
        )
    page = output / "comparison.html"
    write_comparison(found, page, overwrite=True)
    console.print(_table(found))
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"page: {page}, numbers: {output / 'comparison.json'}", markup=False)
    console.print(f"Again: {found.command}", markup=False)


def split_changes(texts: list[str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Read changes of the recipe: for all architectures, and for single ones.

    >>> split_changes(["batch=4", "unet:arguments.depth=3"])
    ({'batch': 4}, {'unet': {'arguments': {'depth': 3}}})
    """
    shared, own = [], dict[str, list[str]]()
    for text in texts:
        architecture, colon, setting = text.partition(":")
        if colon and "=" not in architecture:
            own.setdefault(architecture, []).append(setting)
        else:
            shared.append(text)
    return parse_changes(shared), {name: parse_changes(settings) for name, settings in own.items()}


def _table(found: "Comparison") -> Table:
    table = Table("architecture", box=None, pad_edge=False)
    for column in (found.metric, "± sd", "parameters", "steps", "trained s", "s/megapixel", "peak GiB"):
        table.add_column(column, justify="right")
    for row in found.contenders:
        table.add_row(
            row.architecture,
            _number(row.score),
            _number(row.spread),
            f"{row.parameters:,}",
            f"{row.steps:.0f}",
            f"{row.training_s:.0f}",
            f"{row.seconds_per_megapixel:.2f}",
            "-" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 2**30:.2f}",
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
