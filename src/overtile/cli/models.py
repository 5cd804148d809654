"""overtile models: the networks that there are, what they cost and how far they see."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from overtile.cli.console import bar, console

if TYPE_CHECKING:
    from overtile.workflows.catalogue import Entry

HEADINGS = {"architecture": "architectures, as their builders make them", "preset": "published networks"}
NUMBERS = ("parameters", "multiply-adds", "image", "field", "halo")


def models(
    names: Annotated[list[str] | None, typer.Argument(help="Architectures and presets.  [default: all]")] = None,
    channels: Annotated[int, typer.Option("--channels", help="Channels of the images.", min=1)] = 1,
    classes: Annotated[int, typer.Option("--classes", help="Number of classes.", min=1)] = 2,
    size: Annotated[int, typer.Option("--size", help="Output pixels per axis that is counted for.", min=1)] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List architectures and published networks with parameters, multiply-adds, receptive field, halo and exactness."""
    from overtile.workflows.catalogue import catalogue

    with bar("counting") as progress:
        entries = catalogue(
            names or (),
            in_channels=channels,
            num_classes=classes,
            output_px=size,
            on_progress=lambda name, fraction: progress.update(fraction, name),
        )
    if as_json:
        content = {"channels": channels, "classes": classes, "networks": [asdict(entry) for entry in entries]}
        console.print_json(json.dumps(content))
        return
    for kind, heading in HEADINGS.items():
        of_kind = [entry for entry in entries if entry.kind == kind]
        if of_kind:
            console.print(f"{heading}:", markup=False)
            console.print(_table(of_kind))
    console.print(
        f"Counted for {channels} channel(s), {classes} classes and an output of {size} x {size} px, which takes an image of as "
        "many px per axis as stated; G = 10^9. Field: px that one output pixel depends on. Exact: tiles give what the "
        "whole image gives.",
        markup=False,
    )


def _table(entries: Sequence["Entry"]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for column in NUMBERS:
        table.add_column(column, justify="right")
    table.add_column("exact")
    for entry in entries:
        table.add_row(
            entry.name,
            f"{entry.parameters:,}",
            f"{entry.multiply_adds / 1e9:.1f} G",
            str(max(entry.input_size)),
            str(entry.receptive_field),
            str(entry.halo),
            "yes" if entry.tile_exact else "no",
        )
    return table
