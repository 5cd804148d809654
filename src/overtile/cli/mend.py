"""overtile mend: a copy of a folder of annotated images without the mistakes that `overtile check` found."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import AllowUnlabelled, Channels, LabelFolder, LayoutName, PaletteFile, channel_list
from overtile.data.dataset import reading_of


def mend(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images; it is not changed.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the mended copy to.")],
    fix: Annotated[
        list[str] | None,
        typer.Option(
            "--fix",
            help="What to mend, in this order: turn=transpose (or flip-x, rotate-90, ...), shift=ROWS,COLUMNS, "
            "values=OLD:NEW,..., snap (smoothed masks), split (an id per piece), specks=PIXELS, grey, pixel-size=UM.",
        ),
    ] = None,
    only: Annotated[str | None, typer.Option("--only", help="Mend only these images, by name: a,b.")] = None,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", help="Images that shall not be in the copy, by name: a,b.")
    ] = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
    layout: LayoutName = "auto",
    channels: Channels = None,
    palette: PaletteFile = None,
) -> None:
    """Write a copy of a folder of annotated images in which mistakes are mended, as images/ and labels/.

    `overtile check` prints the command for what it finds.
    """
    from overtile.workflows.mend import mend as run

    reading = reading_of(labels, layout, channel_list(channels), palette, allow_unlabelled=allow_unlabelled)
    done = run(data, output, fix or [], only=channel_list(only), leave_out=channel_list(leave_out), reading=reading)
    left = f", {len(done.left_out)} left out" if done.left_out else ""
    console.print(f"{output}: {len(done.images)} images, {len(done.changed)} of them changed{left}", markup=False)
    console.print(f"Next: overtile check {output}", markup=False)
