"""overtile suggest: which images, and which regions in them, to annotate next."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from overtile.cli.console import bar, console
from overtile.cli.options import Device, Overwrite

SHOWN = 10


def suggest(
    model: Annotated[Path, typer.Argument(help="Model file; one of several folds knows best what it does not know.")],
    images: Annotated[str, typer.Option("--images", "-i", help="An image, a folder, or a pattern in quotes.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for images.csv, regions.csv and boxes.")],
    count: Annotated[int, typer.Option("--count", "-n", help="Number of regions.")] = 10,
    box: Annotated[
        int | None, typer.Option("--box", help="Side of a region in pixels.  [default: of the training patches]")
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Rank images that are not annotated yet, and regions in them, by what the model could learn from them."""
    from overtile.workflows.model import load
    from overtile.workflows.suggest import suggest as run

    with bar("looking") as progress:
        found = run(
            load(model, device=device),
            images,
            output,
            count=count,
            box_px=box,
            device=device,
            overwrite=overwrite,
            on_progress=lambda path, fraction: progress.update(fraction, path.name),
        )
    console.print(f"{len(found.images)} image(s) by the {found.measure}; the highest first", markup=False)
    table = Table("rank", "doubt", "image", "y", "x", "size", box=None, pad_edge=False)
    for rank, r in enumerate(found.regions[:SHOWN], start=1):
        name = r.image.name if r.plane is None else f"{r.image.name}, plane {r.plane}"
        table.add_row(str(rank), f"{r.doubt:.4f}", name, str(r.y), str(r.x), f"{r.height} x {r.width}")
    console.print(table, markup=False)
    for path, reason in found.failed:
        console.print(f"failed: {path}: {reason}", markup=False)
    console.print(
        f"lists: {output / 'images.csv'}, {output / 'regions.csv'}; boxes for QuPath: {output / 'regions'}",
        markup=False,
    )
    if found.failed:
        raise typer.Exit(1)
