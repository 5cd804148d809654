"""From annotated images to a model file."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtile import __version__
from overtile.bundle import Manifest, save
from overtile.core import ModelFileError, Normalization, OptionError, generator
from overtile.core.atomic import refuse_overwrite
from overtile.data import AnnotatedImages, Sample, Split, holdout, intensity_statistics, k_folds
from overtile.data import load as load_images
from overtile.instances import PostProcessing
from overtile.models import build, load_imagenet
from overtile.runners import Precision, pick_device, pick_precision
from overtile.training import (
    Progress,
    Recipe,
    Settings,
    TrainingState,
    checkpoint_path,
    fit,
    fitted_to,
    num_classes,
    prepare,
    recipe_named,
    smoke_test,
)
from overtile.workflows.budget import budget_seconds
from overtile.workflows.model import Model
from overtile.workflows.postprocessing import tuned_postprocessing
from overtile.workflows.provenance import provenance

VALIDATION_SHARE = 0.12
"""Share of the images that is held out to choose the best network."""

SCALE_RATIO = 20.0
"""Images whose intensity ranges differ by more than this cannot share one normalisation."""

RESERVE = {"semantic": 0.02, "instances": 0.06}
"""Share of the time budget kept for what follows the training: the last validation, the thresholds of objects, the file."""


@dataclass(frozen=True)
class Plan:
    """What will be trained on what.

    Attributes:
        recipe: fitted to the images.
        split: images to train on and to validate on.
        normalization: of the model.
        device: to train on.
        precision: to compute in.
        notes: choices that were made for these images, in words.
    """

    recipe: Recipe
    split: Split
    normalization: Normalization
    device: torch.device
    precision: Precision
    notes: tuple[str, ...]


def train(
    data: str | Path | AnnotatedImages,
    output: str | Path,
    *,
    recipe: str | Recipe = "default",
    budget: str | float | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    fold: tuple[int, int] | None = None,
    validate: bool = True,
    encoder_weights: str | Path | None = None,
    check_learning: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_every_s: float = 30.0,
    on_plan: Callable[[Plan], None] = lambda _plan: None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Model:
    """Train a network and write its model file.

    Args:
        data: a folder of annotated images, or images already read.
        output: the model file to write, such as cells.overtile.
        recipe: "default", "paper", or a recipe of your own.
        budget: time for everything from here to the model file, such as "10m"; 10 minutes if `steps` is not given.
        steps: number of optimisation steps instead of a time budget; with the same seed, the same result.
        seed: of everything random.
        device: "auto", "cpu", "cuda", ...
        fold: (k, n): validate on fold k of n, counted from 0, instead of on a random part.
        validate: hold images out to choose the best network; otherwise all are trained on and the last state is kept.
        encoder_weights: ImageNet checkpoint of timm or torchvision that mobile_unet or eff_unet starts with; a local file.
        check_learning: try first whether the network learns one batch by heart, so that mistakes show in seconds.
        resume: go on with an interrupted run of the same command.
        overwrite: replace the model file if it exists.
        checkpoint_every_s: time between two writings of the state that `resume` goes on from.
        on_plan: told what will be done before it is done.
        on_progress: told after each step.

    Raises:
        DataError: the images cannot be used.
        ModelFileError: the encoder's weights cannot be read, or are of another encoder.
        OutputExistsError: the model file exists.
        TrainingError: training cannot start or go on.
    """
    started = time.monotonic()
    output = Path(output)
    refuse_overwrite(output, overwrite=overwrite)
    seconds = _seconds(budget, steps)
    images = data if isinstance(data, AnnotatedImages) else load_images(data)
    place = pick_device(device)
    plan = make_plan(images, recipe, seed=seed, fold=fold, validate=validate, device=place)
    on_plan(plan)
    network = _build(images, plan.recipe, seed)
    start = _load_encoder(network, encoder_weights, resume=resume)
    training = prepare(images, plan.split.train, plan.normalization, plan.recipe)
    validation = prepare(images, plan.split.validation, plan.normalization, plan.recipe)
    if check_learning and not resume:
        smoke_test(network, training, plan.recipe, device=place, precision=plan.precision)
    checkpoint = checkpoint_path(output)
    spent = time.monotonic() - started
    state = fit(
        network,
        training,
        validation,
        plan.recipe,
        Settings(
            seconds=None if seconds is None else max(seconds * (1 - RESERVE[images.labelling.task]) - spent, 1.0),
            steps=steps,
            seed=seed,
            device=place,
            precision=plan.precision,
            checkpoint=checkpoint,
            checkpoint_every_s=checkpoint_every_s,
            resume=resume,
            fingerprint=_fingerprint(images, plan, [seconds, steps, seed, start]),
        ),
        on_progress,
    )
    options = {"seed": seed, "budget_s": seconds, "fold": fold, "encoder_weights": start}
    manifest = _manifest(images, plan, state, options)
    model = Model(manifest, network, name=output.name, device=device, precision=plan.precision)
    if manifest.task == "instances" and plan.split.validation:
        model.manifest = replace(manifest, postprocessing=tuned_postprocessing(model, plan.split.validation).to_dict())
    save(output, model.manifest, network, overwrite=overwrite)
    if not state.interrupted:  # else --resume --overwrite goes on
        checkpoint.unlink(missing_ok=True)
    return model


def make_plan(
    images: AnnotatedImages,
    recipe: str | Recipe,
    *,
    seed: int,
    fold: tuple[int, int] | None,
    validate: bool,
    device: torch.device,
) -> Plan:
    """Decide how to train on these images; arguments as for `train`."""
    fitted, notes = fitted_to(recipe if isinstance(recipe, Recipe) else recipe_named(recipe), images)
    split = _split(images, seed=seed, fold=fold, validate=validate)
    statistics = intensity_statistics(split.train)
    each = statistics.scale_ratio > SCALE_RATIO
    if each:
        notes += (
            f"intensity ranges differ {statistics.scale_ratio:.0f}-fold between images, so that each image is normalised "
            "by its own mean and standard deviation; a crop may then differ from the slide it came from",
        )
    normalization = Normalization(statistics.mean, statistics.std, scheme="image" if each else "model")
    if not split.validation:
        notes += ("no image is held out: the last state of the network is kept, and its quality is not known",)
    return Plan(fitted, split, normalization, device, pick_precision(device), notes)


def _split(images: AnnotatedImages, *, seed: int, fold: tuple[int, int] | None, validate: bool) -> Split:
    if not validate:
        return Split(images.samples, ())
    if fold is None:
        return holdout(images.samples, VALIDATION_SHARE, seed)
    return fold_of(images, fold, seed=seed)


def fold_of(images: AnnotatedImages, fold: tuple[int, int], *, seed: int) -> Split:
    """Part k of n, counted from 0, as validation images.

    Raises:
        OptionError: there is no such part.
    """
    k, n = fold
    folds = k_folds(images.samples, n, seed)
    if not 0 <= k < len(folds):
        raise OptionError(f"fold {k} does not exist: these images give folds 0 to {len(folds) - 1}")
    return folds[k]


def _seconds(budget: str | float | None, steps: int | None) -> float | None:
    if budget is not None and steps is not None:
        raise OptionError(f"give either a time budget ({budget}) or a number of steps ({steps}), not both")
    if steps is not None and steps < 1:
        raise OptionError(f"expected at least 1 step, got {steps}")
    return None if steps is not None else budget_seconds(budget if budget is not None else "10m")


def _build(images: AnnotatedImages, recipe: Recipe, seed: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "weights").integers(2**62)))
        return build(recipe.architecture, images.channels, num_classes(images, recipe), **recipe.arguments)


def _load_encoder(network: torch.nn.Module, file: str | Path | None, *, resume: bool) -> str | None:
    """Start from ImageNet weights; a resumed network has its own already. Gives name and digest of the file."""
    if file is None:
        return None
    path = Path(file)
    if not path.is_file():
        raise ModelFileError(
            f"there is no checkpoint {path}: expected a file of timm or torchvision, saved by torch.save"
        )
    if not resume:
        load_imagenet(network, path)
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def image_digest(sample: Sample) -> str:
    """A short name for the pixels of an image, to recognise it wherever it is stored."""
    array = np.ascontiguousarray(sample.image.array)
    return hashlib.sha256(str((array.shape, array.dtype.str)).encode() + array.tobytes()).hexdigest()[:16]


def _fingerprint(images: AnnotatedImages, plan: Plan, options: list[Any]) -> str:
    """Names the run; a resumed run must have the same."""
    content: dict[str, Any] = {
        "images": [image_digest(s) for s in images.samples],
        "validation": [s.name for s in plan.split.validation],
        "recipe": asdict(plan.recipe),
        "options": options,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _manifest(images: AnnotatedImages, plan: Plan, state: TrainingState, options: dict[str, Any]) -> Manifest:
    labelling, held_out = images.labelling, {s.name for s in plan.split.validation}
    return Manifest(
        architecture=plan.recipe.architecture,
        arguments=plan.recipe.arguments,
        in_channels=images.channels,
        num_classes=num_classes(images, plan.recipe),
        normalization=plan.normalization,
        task=labelling.task,
        target=plan.recipe.instance_target if labelling.task == "instances" else "classes",
        class_values=labelling.values,
        class_names=labelling.class_names,
        ignore_label=labelling.ignore_label,
        pixel_size_um=images.samples[0].image.pixel_size_um,
        postprocessing=PostProcessing(method=plan.recipe.instance_target).to_dict()
        if labelling.task == "instances"
        else {},
        training={
            **provenance(),
            **options,
            "recipe": asdict(plan.recipe),
            "precision": plan.precision,
            "notes": [*images.notes, *plan.notes],
            "steps": state.step,
            "elapsed_s": state.elapsed_s,
            "losses": state.losses,
            "validations": state.validations,
            "images": {
                "training": {s.name: image_digest(s) for s in images.samples if s.name not in held_out},
                "validation": {s.name: image_digest(s) for s in plan.split.validation},
            },
        },
        metrics={"validation_dice": state.best_score} if state.validations else {},
        overtile_version=__version__,
    )
