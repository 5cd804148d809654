"""overtile predict: from a model and images to label images."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import bar, console
from overtile.cli.options import Device, ModelFile, Overwrite, TilePx, Tta


def predict(
    model: ModelFile,
    images: Annotated[str, typer.Option("--images", "-i", help="An image, a folder, or a pattern in quotes.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the label images, OUT/NAME.tif.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", "-p", help="Also write class probabilities, OUT/probabilities/NAME.tif.")
    ] = False,
    tta: Tta = "none",
    tile: TilePx = 1024,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Segment images of any size, tile by tile and without seams."""
    from overtile.workflows.model import load
    from overtile.workflows.predict import predict as run

    loaded = load(model, device=device)
    if not loaded.tile_exact:
        console.print("note: this network sees the whole tile at once, so that tiles only approximate the whole image")
    with bar("predicting") as progress:
        result = run(
            loaded,
            images,
            output,
            probabilities=probabilities,
            tta=tta,
            tile_px=tile,
            overwrite=overwrite,
            on_progress=lambda path, fraction: progress.update(fraction, path.name),
        )
    console.print(f"{len(result.labels)} label image(s) in {output}", markup=False)
    for path, reason in result.failed:
        console.print(f"failed: {path}: {reason}", markup=False)
    if result.failed:
        raise typer.Exit(1)
