"""overtile info: what a model file holds."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from overtile.cli.console import console
from overtile.core import Normalization


def info(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
) -> None:
    """Say what a model file holds, after verifying it by its own test case."""
    from overtile.bundle import load
    from overtile.models import geometry

    bundle = load(model)
    manifest = bundle.manifest
    if as_json:
        console.print_json(json.dumps(manifest.to_json()))
        return
    shape = geometry(bundle.model, manifest.in_channels)
    record: dict[str, Any] = manifest.training
    images = record.get("images", {})
    learned = f", learned as {', '.join(manifest.map_names)}" if manifest.task == "instances" else ""
    members = f"{manifest.members} x " if manifest.members > 1 else ""
    rows = {
        "network": f"{members}{manifest.architecture} {manifest.arguments}",
        "parameters": f"{sum(p.numel() for p in bundle.model.parameters()):,}",
        "input": f"{manifest.in_channels} channel(s); {_normalization(manifest.normalization)}",
        "task": f"{manifest.task}: {', '.join(manifest.class_names)}{learned}",
        "pixel size": f"{manifest.pixel_size_um} um" if manifest.pixel_size_um else "not known",
        "geometry": f"stride {shape.stride}, halo {shape.halo}, tile-exact: {shape.tile_exact}",
        "trained": f"{record.get('steps')} steps on {len(images.get('training', {}))} images, {record.get('date')}",
        "recipe": _recipe(record.get("recipe", {})),
        "measured": _measured(manifest.metrics),
        "command": str(record.get("command")),
    }
    for name, value in rows.items():
        console.print(f"{name:11s} {value}", markup=False)


def _normalization(normalization: Normalization) -> str:
    if normalization.scheme == "image":
        return "each image is normalised by its own mean and standard deviation"
    pairs = zip(normalization.offset, normalization.scale, strict=True)
    return "normalised by " + ", ".join(f"(x - {offset:.4g}) / {scale:.4g}" for offset, scale in pairs)


def _recipe(recipe: dict[str, Any]) -> str:
    loss = " + ".join(f"{factor:g} {name}" for name, factor in recipe.get("loss", {}).items())
    return f"loss {loss}, weights {recipe.get('weight_map')}, augmentation {recipe.get('augmentation')}"


def _measured(metrics: dict[str, Any]) -> str:
    numbers = [f"{name} {value:.4f}" for name, value in metrics.items() if isinstance(value, float | int)]
    if "held_out" in metrics:
        held_out = metrics["held_out"]
        numbers.append(
            f"{held_out['metric']} {held_out['value']:.4f} over {len(held_out['images'])} images held out once"
        )
    return ", ".join(numbers)
