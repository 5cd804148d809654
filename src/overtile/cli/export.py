"""overtile export: a model for other programs, or in 8-bit integers."""

from pathlib import Path
from typing import Annotated

import typer

from overtile.cli.console import console
from overtile.cli.options import Overwrite


def export(
    model: Annotated[Path, typer.Argument(help="Model file that `overtile train` wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="FILE.onnx, or FILE.xml for OpenVINO, which also writes FILE.bin.")
    ],
    int8: Annotated[
        Path | None,
        typer.Option(
            "--int8", help="Folder of annotated images: 8-bit integers, if the score on these allows it; only FILE.xml."
        ),
    ] = None,
    within: Annotated[
        float, typer.Option("--within", help="Loss of the score that 8-bit integers may cost.", min=0.0)
    ] = 0.005,
    overwrite: Overwrite = False,
) -> None:
    """Write the network, from normalised images to logits, for other programs; verified against PyTorch first."""
    if int8 is not None:
        _export_int8(model, int8, output, within=within, overwrite=overwrite)
        return
    from overtile.workflows.export import export_model

    exported = export_model(model, output, overwrite=overwrite)
    worst = max(exported.agreement.values(), key=lambda found: found.largest_difference)
    console.print(f"{_named(exported.files)}: differs from PyTorch by at most {worst}", markup=False)
    for name, value in exported.notes.items():
        console.print(f"{name:13s} {value}", markup=False)


def _export_int8(model: Path, data: Path, output: Path, *, within: float, overwrite: bool) -> None:
    from overtile.workflows.quantize import quantize_model

    made = quantize_model(model, data, output, within=within, overwrite=overwrite)
    console.print(f"note: {made.note}", markup=False)
    console.print(
        f"{_named(made.files)}: score {made.scores['int8']:.4f}, in float32 {made.scores['float32']:.4f}", markup=False
    )
    console.print(f"Next: overtile predict -m {model} --runner {output} -i IMAGES -o OUT", markup=False)


def _named(files: tuple[Path, ...]) -> str:
    return " and ".join(str(path) for path in files)
