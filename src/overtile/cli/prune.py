"""overtile prune: a trained U-Net++ made smaller."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from overtile.cli.console import bar, console
from overtile.cli.options import Device, Overwrite
from overtile.core.atomic import atomic_file, refuse_overwrite

if TYPE_CHECKING:
    from overtile.workflows.prune import Pruning


def prune(
    model: Annotated[Path, typer.Argument(help="Model file of a unet_plus_plus, trained with deep supervision.")],
    data: Annotated[Path, typer.Argument(help="Folder of the annotated images that it was trained on.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, such as smaller.overtile.")],
    within: Annotated[float, typer.Option("--within", help="Loss of the score that is allowed.", min=0.0)] = 0.005,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the table to this file.")] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Cut a U-Net++ down to the cheapest level that stays within a stated loss of the best held-out score."""
    from overtile.workflows.prune import prune_model

    if json_file is not None:
        refuse_overwrite(json_file, overwrite=overwrite)
    with bar("measuring levels") as progress:
        found = prune_model(
            model,
            data,
            output,
            within=within,
            device=device,
            overwrite=overwrite,
            on_progress=lambda name, fraction: progress.update(fraction, name),
        )
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    console.print(_table(found))
    if json_file is not None:
        with atomic_file(json_file, overwrite=overwrite) as file:
            file.write(json.dumps(found.to_json(), indent=1).encode())
    share = found.chosen.parameters / found.levels[-1].parameters
    console.print(f"{output}: level {found.chosen.name}, {share:.1%} of the parameters", markup=False)


def _table(found: "Pruning") -> Table:
    table = Table("level", box=None, pad_edge=False)
    for column in ("Dice", "parameters", "s per megapixel"):
        table.add_column(column, justify="right")
    table.add_column("")
    for level in found.levels:
        table.add_row(
            level.name,
            f"{level.score:.4f}",
            f"{level.parameters:,}",
            f"{level.seconds_per_megapixel:.3f}",
            "chosen" if level == found.chosen else "",
        )
    return table
