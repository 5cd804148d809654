"""Options that several verbs share, written once."""

from pathlib import Path
from typing import Annotated

import typer

ModelFile = Annotated[Path, typer.Option("--model", "-m", help="Model file that `overtile train` wrote.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")]
Device = Annotated[str, typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, ...")]
Tta = Annotated[
    str, typer.Option("--tta", help="Test-time augmentation: none (1 pass), flips (4), dihedral (8; slower, better).")
]
TilePx = Annotated[int, typer.Option("--tile", help="Output pixels per tile; results do not depend on it.")]
Task = Annotated[str, typer.Option("--task", help="auto, semantic (classes) or instances (object ids).")]
IgnoreLabel = Annotated[
    int | None, typer.Option("--ignore-label", help="Label value of pixels that were not annotated.")
]
LabelFolder = Annotated[
    str | None, typer.Option("--labels", help="Name of the folder with the labels, where there are several.")
]
AllowUnlabelled = Annotated[
    bool, typer.Option("--allow-unlabelled", help="Leave out images without labels instead of stopping.")
]
