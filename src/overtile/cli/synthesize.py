"""overtile synthesize: made images with labels, to try everything on."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import Overwrite
from overtile.data import write_dataset


def synthesize(
    output: Annotated[Path, typer.Argument(help="Folder to write images/ and labels/ to.")],
    kind: Annotated[str, typer.Option("--kind", "-k", help="cells (touching, object ids) or membranes.")] = "cells",
    count: Annotated[int, typer.Option("--count", "-n", help="Number of images.")] = 10,
    size: Annotated[int, typer.Option("--size", help="Height and width in pixels.")] = 256,
    seed: Annotated[int, typer.Option("--seed", "-s", help="The same seed gives the same images.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make annotated images, to try everything on before annotating your own."""
    write_dataset(output, kind, count, seed=seed, size=size, overwrite=overwrite)
    console.print(f"{count} images of {kind} in {output}", markup=False)
