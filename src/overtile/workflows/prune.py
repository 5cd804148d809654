"""A trained U-Net++ cut down to the cheapest of its levels that is still good enough."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from overtile.bundle import Manifest, save, tiling_for
from overtile.core import OptionError
from overtile.core.atomic import refuse_overwrite
from overtile.data import AnnotatedImages, Sample
from overtile.data import load as load_images
from overtile.models import prune
from overtile.models.heads import NestedHeads
from overtile.runners import pick_device, pick_precision
from overtile.training import Recipe, TrainingImage, prepare
from overtile.training.validation import validate
from overtile.workflows.model import Model, load
from overtile.workflows.postprocessing import tuned_postprocessing
from overtile.workflows.provenance import provenance
from overtile.workflows.record import image_digest
from overtile.workflows.timing import seconds_per_megapixel

WITHIN = 0.005
"""Loss of the score that is allowed unless stated: half a point of Dice."""

LevelListener = Callable[[str, float], None]
"""Called with the level that is measured and the share of all work that is done."""


@dataclass(frozen=True)
class Level:
    """What a network does when it is pruned to a level.

    Attributes:
        name: "L1", "L2", ...; "whole" is the network as it was.
        pruned_to: the argument of the builder; None for the whole network.
        score: mean Dice of the classes apart from the background, as in training.
        parameters: number of learned values.
        seconds_per_megapixel: that a prediction takes.
    """

    name: str
    pruned_to: int | None
    score: float
    parameters: int
    seconds_per_megapixel: float


@dataclass(frozen=True)
class Pruning:
    """Which level was chosen, and why.

    Attributes:
        levels: the cheapest first; the last is the whole network.
        chosen: the cheapest level whose score is within the stated loss of the best score.
        within: the stated loss.
        images: that the levels were measured on.
        notes: what a reader of the numbers must know.
    """

    levels: tuple[Level, ...]
    chosen: Level
    within: float
    images: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The table, and what it was measured on."""
        return {**asdict(self), "chosen": self.chosen.name, "provenance": provenance()}


def prune_model(
    model: str | Path,
    data: str | Path | AnnotatedImages,
    output: str | Path,
    *,
    within: float = WITHIN,
    device: str = "auto",
    overwrite: bool = False,
    on_progress: LevelListener = lambda _name, _fraction: None,
) -> Pruning:
    """Write the smallest level of a U-Net++ whose score is within a stated loss of the best.

    The levels are measured on the images that training held out, where `data` has them; else on those that were not
    trained on; else on all. The notes say which.

    Args:
        model: file of a U-Net++ that was trained with deep supervision.
        data: a folder of annotated images, or images already read.
        output: the model file to write.
        within: loss of the score that is allowed, from 0 on.
        device: "auto", "cpu", "cuda", ...
        overwrite: replace the model file if it exists.
        on_progress: told as the work goes on.

    Raises:
        OptionError: the loss is negative, or no level comes that near to the best score.
        ShapeError: the network is no U-Net++ with deep supervision.
        DataError: the images cannot be used.
        OutputExistsError: the model file exists.
    """
    output = Path(output)
    refuse_overwrite(output, overwrite=overwrite)
    if not within >= 0:
        raise OptionError(f"expected a loss of the score from 0 on, such as {WITHIN}, got {within}")
    whole = load(model, device=device)
    candidates = _levels_of(whole, device)
    images = (
        data
        if isinstance(data, AnnotatedImages)
        else load_images(data, labelling=whole.manifest.labelling, channels=whole.manifest.channels)
    )
    samples, note = held_out(images.samples, whole.manifest)
    prepared = prepare(images, samples, whole.manifest.normalization, measuring_recipe(whole.manifest))
    levels = []
    for done, (name, candidate) in enumerate(candidates.items()):
        on_progress(name, done / len(candidates))
        levels.append(_measured(name, candidate, samples, prepared, device))
    chosen = cheapest(levels, within)
    found = Pruning(tuple(levels), chosen, within, tuple(s.name for s in samples), (note,))
    pruned = candidates[chosen.name]
    if pruned.manifest.task == "instances":
        post = tuned_postprocessing((pruned, samples)).to_dict()
        pruned.manifest = replace(pruned.manifest, postprocessing=post)
    save(output, replace(pruned.manifest, metrics={"pruning": found.to_json()}), pruned.network, overwrite=overwrite)
    return found


def held_out(samples: Sequence[Sample], manifest: Manifest) -> tuple[tuple[Sample, ...], str]:
    """The samples to measure on, and a sentence about them."""
    record = manifest.training.get("images", {})
    trained, validated = (set(record.get(part, {}).values()) for part in ("training", "validation"))
    known = [(sample, image_digest(sample)) for sample in samples]
    validation = tuple(sample for sample, digest in known if digest in validated)
    if validation:
        return validation, (
            f"measured on the {len(validation)} image(s) that training held out, on which the network's state was chosen"
        )
    new = tuple(sample for sample, digest in known if digest not in trained)
    if new:
        return new, f"none of the images was held out in training; measured on {len(new)} that training did not see"
    return tuple(samples), (
        "every image was used in training: these scores do not say how the levels do on new images, and flatter the deep ones"
    )


def cheapest(levels: Sequence[Level], within: float) -> Level:
    """The level with the fewest parameters that is within a loss of the best score.

    Args:
        levels: the whole network counts for the best score, but is not chosen.
        within: the loss.

    Raises:
        OptionError: no level comes that near.
    """
    best = max(level.score for level in levels)
    pruned = [level for level in levels if level.pruned_to is not None]
    near = [level for level in pruned if level.score >= best - within]
    if not near:
        nearest = max(pruned, key=lambda level: level.score)
        raise OptionError(
            f"no level is within {within:g} of the best score {best:.4f}: the nearest, {nearest.name}, loses "
            f"{best - nearest.score:.4f}. Allow more with --within, or keep the whole network"
        )
    return min(near, key=lambda level: level.parameters)


def _levels_of(whole: Model, device: str) -> dict[str, Model]:
    """Every level as a model of its own, the cheapest first, then the whole network."""
    networks = {1: prune(whole.network, 1)}  # raises where there are no levels
    heads = cast(NestedHeads, whole.network.head).convs
    networks |= {level: prune(whole.network, level) for level in range(2, len(heads) + 1)}
    manifest = whole.manifest
    levels = {
        f"L{level}": Model(
            replace(manifest, arguments={**manifest.arguments, "pruned_to": level}), network, device=device
        )
        for level, network in networks.items()
    }
    return {**levels, "whole": whole}


def _measured(
    name: str, model: Model, samples: Sequence[Sample], prepared: Sequence[TrainingImage], device: str
) -> Level:
    place = pick_device(device)
    result = validate(
        model.network.to(place),
        prepared,
        tiling_for(model.geometry),
        device=place,
        precision=pick_precision(place),
    )
    return Level(
        name=name,
        pruned_to=model.manifest.arguments.get("pruned_to"),
        score=result.score,
        parameters=sum(p.numel() for p in model.network.parameters()),
        seconds_per_megapixel=seconds_per_megapixel(model, [s.image.array for s in samples]),
    )


def measuring_recipe(manifest: Manifest) -> Recipe:
    """What turns labels into what the network was trained to give; every annotated pixel counts alike."""
    target = {"instance_target": manifest.target} if manifest.task == "instances" else {}
    return Recipe(weight_map="uniform").changed(**target)
