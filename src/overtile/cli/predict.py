"""overtile predict: from a model and images to label images."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import bar, console, say_more
from overtile.cli.options import Device, ModelFile, Overwrite, PrecisionName, RunnerName, Tta, Verbose


def predict(
    model: ModelFile,
    images: Annotated[str, typer.Option("--images", "-i", help="An image, a folder, or a pattern in quotes.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the label images, OUT/NAME.tif.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", "-p", help="Also write class probabilities, OUT/probabilities/NAME.tif.")
    ] = False,
    objects: Annotated[
        str,
        typer.Option(
            "--objects", help="Also write objects, separated by commas: csv (table), geojson (QuPath), rois (Fiji)."
        ),
    ] = "",
    format: Annotated[  # noqa: A002  the option's name
        str, typer.Option("--format", help="Of label images: tif, ome.zarr, png, ctc; auto: as the image, else tif.")
    ] = "auto",
    max_memory: Annotated[
        str | None,
        typer.Option("--max-memory", help="What the process may hold, such as 2GB. [default: half of what is free]"),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option("--tile", help="Output pixels per tile; results do not depend on it. [default: as memory allows]"),
    ] = None,
    tta: Tta = "none",
    skip_flat: Annotated[
        float | None,
        typer.Option(
            "--skip-flat",
            help="In images that stay on disk, tiles whose samples differ by at most this are background.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes for images that stay on disk.")] = 0,
    cluster: Annotated[
        str, typer.Option("--cluster", help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786.")
    ] = "",
    match_pixel_size: Annotated[
        bool,
        typer.Option("--match-pixel-size", help="Rescale images to the pixel size of the training, and results back."),
    ] = False,
    device: Device = "auto",
    runner: RunnerName = "auto",
    precision: PrecisionName = "auto",
    verbose: Verbose = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment images of any size, tile by tile and without seams. Repeat the command to resume."""
    from overtile.prediction.cluster import Workers
    from overtile.runners import precision_named
    from overtile.workflows.model import load
    from overtile.workflows.predict import predict as run
    from overtile.workflows.predict_options import PredictOptions

    if verbose:
        say_more()
    options = PredictOptions(
        probabilities=probabilities,
        objects=tuple(word.strip() for word in objects.split(",") if word.strip()),
        format=format,
        tta=tta,
        tile_px=tile,
        max_memory=max_memory,
        skip_flat=skip_flat,
        workers=Workers(workers, cluster) if workers or cluster else None,
        match_pixel_size=match_pixel_size,
    )
    loaded = load(model, device=device, precision=precision_named(precision), runner=runner)
    members = loaded.manifest.members
    if members > 1:
        console.print(f"note: the mean of {members} networks is predicted, which takes {members} times as long as one")
    if not loaded.tile_exact:
        console.print("note: this network sees the whole tile at once, so that tiles only approximate the whole image")
    with bar("predicting") as progress:
        result = run(
            loaded,
            images,
            output,
            options,
            overwrite=overwrite,
            on_progress=lambda path, fraction: progress.update(fraction, path.name),
        )
    kept = f", {len(result.kept)} of them from an earlier attempt" if result.kept else ""
    console.print(f"{len(result.labels)} label image(s) in {output}{kept}", markup=False)
    for path, note in result.notes:
        console.print(f"note: {path}: {note}", markup=False)
    for path, reason in result.failed:
        console.print(f"failed: {path}: {reason}", markup=False)
    if result.failed:
        console.print("Repeat the command to go on where it stopped.")
        raise typer.Exit(1)
