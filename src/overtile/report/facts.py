"""What a number was made with: images, normalisation, recipe, command, versions, machine."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from overtile.bundle import Manifest
from overtile.core import Normalization
from overtile.report.scores import number
from overtile.workflows.evaluation import Evaluation, Example

Facts = dict[str, str]
"""Question -> answer, in the order in which they are read."""

SCHEMES = {
    "model": "one offset and scale, fixed in training, for every image, so that a crop and its slide agree",
    "image": "every whole image by its own mean and standard deviation",
}


def data_facts(evaluation: Evaluation) -> Facts:
    """The images: how many, of what kind, with which classes."""
    manifest, examples = evaluation.manifest, evaluation.examples
    facts = {"Measured on": _images(len(examples))}
    if manifest is not None:
        facts |= _training_images(manifest)
    channels = _channels(evaluation)
    if channels:
        facts["Channels"] = channels
    if manifest is not None:
        facts["Pixel size"] = _pixel_size(manifest.pixel_size_um)
    facts["Task"] = {"instances": "objects, told apart", "semantic": "a class for every pixel"}.get(
        evaluation.task, evaluation.task
    )
    if evaluation.task != "instances":
        facts["Classes"] = _classes(evaluation)
    if manifest is not None:
        facts["Normalisation"] = _normalization(manifest.normalization)
    return facts


def _training_images(manifest: Manifest) -> Facts:
    images = manifest.training.get("images", {})
    facts = {}
    for part, question in (("training", "Trained on"), ("validation", "Best state chosen on")):
        if part in images:
            facts[question] = _images(len(images[part]))
    return facts


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _channels(evaluation: Evaluation) -> str:
    if evaluation.manifest is not None:
        return str(evaluation.manifest.in_channels)
    found = sorted({e.image.shape[0] for e in evaluation.examples if e.image is not None})
    return " or ".join(map(str, found))


def _pixel_size(size_um: tuple[float, ...] | None) -> str:
    return "not known" if size_um is None else " x ".join(f"{side:g}" for side in size_um) + " µm"


def _classes(evaluation: Evaluation) -> str:
    """Class names with their share of the annotated pixels, and the label value where it is known."""
    pixels: Counter[int] = Counter()
    for example in evaluation.examples:
        pixels.update(_class_pixels(example))
    total = max(sum(pixels.values()), 1)
    values = evaluation.manifest.class_values if evaluation.manifest is not None else ()
    parts = []
    for index, name in enumerate(evaluation.class_names):
        value = f", label value {values[index]}" if index < len(values) else ""
        parts.append(f"{name} ({pixels[index] / total:.1%} of the pixels{value})")
    return "; ".join(parts)


def _class_pixels(example: Example) -> dict[int, int]:
    return dict(enumerate(np.bincount(example.truth[example.valid]).tolist()))


def _normalization(normalization: Normalization) -> str:
    channels = [
        f"(x - {number(offset)}) / {number(scale)}"
        for offset, scale in zip(normalization.offset, normalization.scale, strict=True)
    ]
    per_channel = "; ".join(channels) if normalization.scheme == "model" else ""
    return SCHEMES[normalization.scheme] + (f": {per_channel}" if per_channel else "")


def recipe_facts(manifest: Manifest | None) -> Facts:
    """The settings of the training; empty where there was none."""
    if manifest is None:
        return {}
    training = manifest.training
    run = {
        "steps": training.get("steps"),
        "time": _duration(training.get("elapsed_s")),
        "precision": training.get("precision"),
        "seed": training.get("seed"),
    }
    known: Mapping[str, Any] = {"architecture": manifest.architecture, **training.get("recipe", {}), **run}
    return {name.replace("_", " "): plain(value) for name, value in known.items() if value is not None}


def _duration(seconds: float | None) -> str | None:
    """Seconds in the unit that people would use.

    >>> _duration(45.0), _duration(600.0), _duration(9000.0)
    ('45 s', '10.0 min', '2.5 h')
    """
    if seconds is None:
        return None
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def plain(value: Any) -> str:
    """A setting as people write it.

    >>> plain({"depth": 4, "norm": "batch"}), plain(True), plain(0.001), plain(None)
    ('depth 4, norm batch', 'yes', '0.001', 'none')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {plain(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def origin_facts(provenance: Mapping[str, Any]) -> Facts:
    """When and on what something was run; the command is shown apart."""
    facts = {}
    for name in ("date", "versions", "machine"):
        if provenance.get(name):
            facts[name.capitalize()] = plain(provenance[name])
    return facts
