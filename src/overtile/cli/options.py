"""Options that several verbs share, written once."""

from pathlib import Path
from typing import Annotated

import typer

ModelFile = Annotated[Path, typer.Option("--model", "-m", help="Model file that `overtile train` wrote.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")]
Device = Annotated[str, typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, ...")]
RunnerName = Annotated[
    str,
    typer.Option(
        "--runner", help="auto (the fastest that agrees with PyTorch), torch, openvino, onnx, or FILE.xml (int8)."
    ),
]
PrecisionName = Annotated[
    str,
    typer.Option("--precision", help="auto (the fastest that the device has units for), float32, bfloat16, float16."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more: the runner, and how it agrees with PyTorch.")]
Tta = Annotated[
    str, typer.Option("--tta", help="Test-time augmentation: none (1 pass), flips (4), dihedral (8; slower, better).")
]
TilePx = Annotated[int, typer.Option("--tile", help="Output pixels per tile; results do not depend on it.")]
Task = Annotated[str, typer.Option("--task", help="auto, semantic (classes) or instances (object ids).")]
IgnoreLabel = Annotated[
    int | None, typer.Option("--ignore-label", help="Label value of pixels that were not annotated.")
]
LabelFolder = Annotated[
    str | None,
    typer.Option("--labels", help="Name of the folder, group or dataset with the labels, where there are several."),
]
AllowUnlabelled = Annotated[
    bool, typer.Option("--allow-unlabelled", help="Leave out images without labels instead of stopping.")
]
LayoutName = Annotated[
    str,
    typer.Option(
        "--layout",
        help="How files lie in the folder: images-labels, cellpose, cellpose-seg, nnunet, ctc, coco, geojson, imagej, "
        "ome-zarr or hdf5; auto finds it out.",
    ),
]
Channels = Annotated[
    str | None, typer.Option("--channels", help="Image channels to use, by number from 0 or by name: 0,2.")
]
PaletteFile = Annotated[
    Path | None, typer.Option("--palette", help="For masks in colours: a file with a line NAME,R,G,B for each class.")
]

Groups = Annotated[
    str | None,
    typer.Option(
        "--groups",
        help="What stays on one side of every split, such as the images of a patient: a regular expression found in every "
        r"name, whose parenthesised part is the group, such as 'patient(\d+)', or a file .csv with the columns image and "
        "group. DATA/groups.csv is found by itself.",
    ),
]


def channel_list(text: str | None) -> tuple[str, ...]:
    """Read channels separated by commas; none for all.

    >>> channel_list("0, dapi"), channel_list(None)
    (('0', 'dapi'), ())
    """
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
