"""From annotated images to a model file."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from overtile.bundle import save
from overtile.core import ModelFileError, Normalization, OptionError, generator
from overtile.core.atomic import refuse_overwrite
from overtile.data import AnnotatedImages, Split, holdout, k_folds
from overtile.data import load as load_images
from overtile.models import build, load_imagenet
from overtile.training import (
    Progress,
    Recipe,
    Settings,
    checkpoint_path,
    fit,
    is_main_process,
    num_classes,
    prepare,
    smoke_test,
)
from overtile.training import tensorboard as tensorboard_logger
from overtile.workflows.model import Model
from overtile.workflows.options import TrainOptions
from overtile.workflows.plan import Plan, make_plan
from overtile.workflows.postprocessing import tuned_postprocessing
from overtile.workflows.record import fingerprint, manifest_of

VALIDATION_SHARE = 0.12
"""Share of the images that is held out to choose the best network."""

RESERVE = {"semantic": 0.02, "instances": 0.06}
"""Share of the time budget kept for what follows the training: the last validation, the thresholds of objects, the file."""


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
    groups: str | Path | None = None,
    validate: bool = True,
    encoder_weights: str | Path | None = None,
    check_learning: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_every_s: float = 30.0,
    loggers: Sequence[Any] = (),
    tensorboard: str | Path | None = None,
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
        groups: of a folder: what stays on one side of every split; a pattern in the names or a file .csv, see
            overtile.read.
        validate: hold images out to choose the best network; otherwise all are trained on and the last state is kept.
        encoder_weights: ImageNet checkpoint of timm or torchvision that mobile_unet or eff_unet starts with; a local file.
        check_learning: try first whether the network learns one batch by heart, so that mistakes show in seconds.
        resume: go on with an interrupted run of the same command.
        overwrite: replace the model file if it exists.
        checkpoint_every_s: time between two writings of the state that `resume` goes on from.
        loggers: of Lightning Fabric, told losses and scores.
        tensorboard: folder to write curves for TensorBoard to; None for nowhere.
        on_plan: told what will be done before it is done.
        on_progress: told after each step.

    Raises:
        DataError: the images cannot be used.
        ModelFileError: the encoder's weights cannot be read, or are of another encoder.
        OutputExistsError: the model file exists.
        TrainingError: training cannot start or go on.
    """
    started = time.monotonic()
    refuse_overwrite(Path(output), overwrite=overwrite)
    options = TrainOptions(
        recipe=recipe,
        budget=budget,
        steps=steps,
        seed=seed,
        device=device,
        fold=fold,
        groups=groups,
        encoder_weights=encoder_weights,
        check_learning=check_learning,
        resume=resume,
        overwrite=overwrite,
        checkpoint_every_s=checkpoint_every_s,
        loggers=loggers,
        tensorboard=tensorboard,
        on_plan=on_plan,
        on_progress=on_progress,
    )
    _ = options.seconds  # a budget that is no time is an error before the images are read
    images = as_images(data, groups)
    split = split_of(images, seed=seed, fold=fold, validate=validate)
    return train_on(images, split, Path(output), options, started=started)


def as_images(data: str | Path | AnnotatedImages, groups: str | Path | None = None) -> AnnotatedImages:
    """Images already read, or those of a folder.

    Raises:
        OptionError: images already read have their groups.
    """
    if not isinstance(data, AnnotatedImages):
        return load_images(data, groups=groups)
    if groups is not None:
        raise OptionError("these images are read already: give groups to overtile.read or overtile.from_arrays")
    return data


def train_on(
    images: AnnotatedImages,
    split: Split,
    output: Path,
    options: TrainOptions,
    *,
    normalization: Normalization | None = None,
    started: float | None = None,
) -> Model:
    """Train on one part of the images, choose the best state on the other, and write the model file.

    Args:
        images: all of them.
        split: those to train on and those to hold out.
        output: the model file to write.
        options: how.
        normalization: of the model; measured on the training images where none is given.
        started: on the monotonic clock, when the time budget began; now where nothing is given.
    """
    started = time.monotonic() if started is None else started
    refuse_overwrite(output, overwrite=options.overwrite)
    plan = plan_for(images, split, options, normalization=normalization)
    options.on_plan(plan)
    network = _build(images, plan.recipe, options.seed)
    start = _load_encoder(network, options.encoder_weights, resume=options.resume)
    training = prepare(images, split.train, plan.normalization, plan.recipe)
    validation = prepare(images, split.validation, plan.normalization, plan.recipe)
    if options.check_learning and not options.resume:
        smoke_test(network, training, plan.recipe, device=plan.device, precision=plan.precision)
    settings = _settings(images, plan, output, options, encoder=start)
    if plan.seconds is not None:
        left = plan.seconds * (1 - RESERVE[images.labelling.task]) - (time.monotonic() - started)
        settings = replace(settings, seconds=max(left, 1.0))
    state = fit(network, training, validation, plan.recipe, settings, options.on_progress)
    record = {"encoder_weights": start, "fold": options.fold, "fingerprint": settings.fingerprint}
    manifest = manifest_of(images, plan, state, record)
    model = Model(manifest, network, name=output.name, device=options.device, precision=plan.precision)
    if manifest.task == "instances" and split.validation:
        model.manifest = replace(manifest, postprocessing=tuned_postprocessing((model, split.validation)).to_dict())
    if is_main_process():
        save(output, model.manifest, network, overwrite=options.overwrite)
        if not state.interrupted:  # else --resume --overwrite goes on
            checkpoint_path(output).unlink(missing_ok=True)
    return model


def plan_for(
    images: AnnotatedImages, split: Split, options: TrainOptions, *, normalization: Normalization | None = None
) -> Plan:
    """Decide how to train on these images; arguments as for `train_on`."""
    plan = make_plan(
        images,
        split,
        options.starting_recipe,
        length=(options.seconds, options.steps),
        seed=options.seed,
        hardware=(options.device, options.precision),
    )
    return plan if normalization is None else replace(plan, normalization=normalization)


def _settings(
    images: AnnotatedImages, plan: Plan, output: Path, options: TrainOptions, *, encoder: str | None
) -> Settings:
    board = [] if options.tensorboard is None else [tensorboard_logger(options.tensorboard, output.stem)]
    return Settings(
        seconds=plan.seconds,
        steps=plan.steps,
        seed=plan.seed,
        device=plan.device,
        precision=plan.precision,
        checkpoint=checkpoint_path(output),
        checkpoint_every_s=options.checkpoint_every_s,
        resume=options.resume,
        fingerprint=fingerprint(images, plan, encoder),
        bad_batch=output.with_name(f"{output.name}.bad_batch.npz"),
        loggers=(*options.loggers, *board),
    )


def split_of(images: AnnotatedImages, *, seed: int, fold: tuple[int, int] | None, validate: bool) -> Split:
    """The images to train on and those to hold out; arguments as for `train`."""
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
