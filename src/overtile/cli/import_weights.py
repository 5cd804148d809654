"""overtile import-weights: from the weights of other U-Net code to a model file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from overtile.cli.console import console
from overtile.cli.options import Overwrite
from overtile.core import OptionError

T = TypeVar("T")


def import_weights(
    checkpoint: Annotated[Path, typer.Argument(help="File of torch.save(model.state_dict(), FILE).")],
    preset: Annotated[str, typer.Option("--preset", "-p", help="Network of the weights; see `overtile models`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, such as cells.overtile.")],
    channels: Annotated[
        int | None, typer.Option("--channels", help="Channels of the images.  [default: the checkpoint's]", min=1)
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option("--classes", help="Outputs; 1 means a sigmoid.  [default: the checkpoint's]", min=1),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", help="Channels at full resolution.  [default: the preset's]", min=1)
    ] = None,
    class_values: Annotated[
        str | None, typer.Option("--class-values", help="Label value of each class: 0,255.  [default: 0,1,2,...]")
    ] = None,
    class_names: Annotated[
        str | None, typer.Option("--class-names", help="Name of each class: background,cell.")
    ] = None,
    offset: Annotated[
        str, typer.Option("--offset", help="The network sees (image - offset) / scale; one for all or one per channel.")
    ] = "0",
    scale: Annotated[str, typer.Option("--scale", help="255 suits 8-bit images of most code, 1 leaves them.")] = "255",
    overwrite: Overwrite = False,
) -> None:
    """Make a model file of the weights of the write-ups', milesial's or the papers' own U-Net code."""
    from overtile.workflows.import_weights import Meaning
    from overtile.workflows.import_weights import import_weights as run

    meaning = Meaning(
        channels=channels,
        classes=classes,
        values=None if class_values is None else comma_separated("--class-values", class_values, int),
        names=None if class_names is None else comma_separated("--class-names", class_names, str),
        offset=comma_separated("--offset", offset, float),
        scale=comma_separated("--scale", scale, float),
    )
    model = run(checkpoint, preset, output, meaning=meaning, width=width, overwrite=overwrite)
    manifest = model.manifest
    named = ", ".join(f"{v} {n}" for v, n in zip(manifest.class_values, manifest.class_names, strict=True))
    normalization = manifest.normalization
    console.print(f"{manifest.architecture}, {manifest.in_channels} channel(s), classes: {named}", markup=False)
    console.print(f"the network sees (image - {normalization.offset}) / {normalization.scale}", markup=False)
    if not model.tile_exact:
        console.print(f"note: tiles only approximate the whole image: {model.geometry.reason}", markup=False)
    console.print(f"Next: overtile predict -m {output} -i IMAGES -o OUT", markup=False)


def comma_separated(option: str, text: str, kind: Callable[[str], T]) -> tuple[T, ...]:
    """Read a list of values.

    Raises:
        OptionError: one of them is not of that kind.

    >>> comma_separated("--scale", "255, 1", float)
    (255.0, 1.0)
    """
    try:
        return tuple(kind(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise OptionError(f"{option} expects values separated by commas, such as 0,255, got {text!r}") from error
