"""overtile convert: annotated images from any layout, in the layout that another tool reads."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import (
    AllowUnlabelled,
    Channels,
    IgnoreLabel,
    LabelFolder,
    Overwrite,
    PaletteFile,
    Task,
    channel_list,
)


def convert(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images; see `overtile check`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    layout: Annotated[
        str,
        typer.Option(
            "--layout", help="Layout to write: images-labels, cellpose, nnunet, ctc, coco, geojson or imagej."
        ),
    ],
    source: Annotated[str, typer.Option("--from", help="Layout of DATA; auto finds it out.")] = "auto",
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
    channels: Channels = None,
    palette: PaletteFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Write annotated images in the layout of another tool."""
    from overtile.data import Reading, read_palette
    from overtile.workflows.convert import convert as run

    colours = None if palette is None else read_palette(palette)
    reading = Reading(source, labels, allow_unlabelled, colours, channel_list(channels))
    done = run(data, output, layout, reading=reading, task=task, ignore_label=ignore_label, overwrite=overwrite)
    for note in done.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"{output}: {done.images} image(s), from {done.source_layout} to {layout}", markup=False)
