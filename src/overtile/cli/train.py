"""overtile train: from annotated images to a model file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from overtile.cli.console import console
from overtile.cli.options import (
    AllowUnlabelled,
    Channels,
    Device,
    Groups,
    IgnoreLabel,
    LabelFolder,
    LayoutName,
    Overwrite,
    PaletteFile,
    PrecisionName,
    Task,
    channel_list,
)
from overtile.core import OptionError


def train(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images; see `overtile check`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, such as cells.overtile.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="default, or paper (Ronneberger et al. 2015).")
    ] = None,
    architecture: Annotated[str | None, typer.Option("--architecture", "-a", help="Network.  [default: unet]")] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", "-b", help="Time for everything: 90s, 10m, 2h.  [default: 10m]")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Number of steps instead of a time.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: batch=4, loss.soft_dice=1, arguments.depth=3.")
    ] = None,
    plan: Annotated[Path | None, typer.Option("--plan", help="Train by this plan file.")] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Print the plan and write it as a file, but train nothing.")
    ] = False,
    fold: Annotated[str | None, typer.Option("--fold", help="Validate on fold K of N: 0/5.")] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Train N folds, so that every image is held out once.")
    ] = None,
    keep: Annotated[
        str, typer.Option("--keep", help="Of the folds: ensemble (their mean, N times the cost) or best.")
    ] = "ensemble",
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Train on 1, 2, 4, ... images: what would more of them bring?")
    ] = False,
    validate: Annotated[bool, typer.Option(help="Hold images out to choose the best network.")] = True,
    encoder_weights: Annotated[
        Path | None,
        typer.Option("--encoder-weights", help="Start mobile_unet or eff_unet from this timm or torchvision file."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", "-s", help="Of everything random.  [default: 0]")] = None,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the same command, interrupted.")] = False,
    overwrite: Overwrite = False,
    smoke_test: Annotated[bool, typer.Option(help="Try first whether one batch can be learned.")] = True,
    tensorboard: Annotated[
        Path | None, typer.Option("--tensorboard", help="Folder to write curves for TensorBoard to.")
    ] = None,
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
    layout: LayoutName = "auto",
    channels: Channels = None,
    palette: PaletteFile = None,
    groups: Groups = None,
) -> None:
    """Train a network on a folder of annotated images. Ctrl-C ends early and keeps the best network so far.

    Started by torchrun, several processes train together.
    """
    from overtile.cli import train_runs as verbs
    from overtile.core.atomic import refuse_overwrite
    from overtile.data import load
    from overtile.runners import precision_named
    from overtile.training import is_main_process
    from overtile.workflows.options import TrainOptions

    kind = _kind(fold=fold, folds=folds, curve=learning_curve, validate=validate)
    if not plan_only:
        refuse_overwrite(output, overwrite=overwrite)
    console.quiet = not is_main_process()
    changes = parse_changes(change or []) | ({} if architecture is None else {"architecture": architecture})
    start = verbs.starting_point(plan, recipe, changes, budget=budget, steps=steps)
    options = TrainOptions(
        recipe=start.recipe,
        budget=start.budget_s if budget is None else budget,
        steps=start.steps,
        seed=start.seed if seed is None else seed,
        device=device,
        precision=precision_named(precision) or start.precision,
        fold=parse_fold(fold),
        encoder_weights=encoder_weights,
        check_learning=smoke_test,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
    )
    images = load(
        data,
        task=task,
        ignore_label=ignore_label,
        labels=labels,
        allow_unlabelled=allow_unlabelled,
        layout=layout,
        channels=channel_list(channels),
        palette=palette,
        groups=groups,
    )
    if plan_only:
        verbs.write_plan_only(images, output, options, validate=validate)
    elif kind == "folds":
        verbs.train_folds(images, output, options, folds=folds or 5, keep=keep)
    elif kind == "curve":
        verbs.train_curve(images, output, options)
    else:
        verbs.train_one(images, output, options, validate=validate)


def _kind(*, fold: str | None, folds: int | None, curve: bool, validate: bool) -> str:
    """What is to be trained: "one" model, "folds" or a "curve".

    Raises:
        OptionError: options exclude one another.
    """
    asked = {
        "--fold": fold is not None,
        "--folds": folds is not None,
        "--learning-curve": curve,
        "--no-validate": not validate,
    }
    together = [name for name, given in asked.items() if given]
    if len(together) > 1:
        raise OptionError(f"{' and '.join(together)} exclude one another: choose one")
    return "folds" if folds is not None else "curve" if curve else "one"


def parse_fold(text: str | None) -> tuple[int, int] | None:
    """Read "k/n".

    Raises:
        OptionError: it is not of that form.

    >>> parse_fold("0/5")
    (0, 5)
    """
    if text is None:
        return None
    k, slash, n = text.partition("/")
    if not (slash and k.isdigit() and n.isdigit()):
        raise OptionError(f"--fold expects K/N with K from 0 to N-1, such as 0/5, got {text!r}")
    return int(k), int(n)


def parse_changes(texts: list[str]) -> dict[str, Any]:
    """Read settings of a recipe; a dot reaches into a table, values are JSON or plain words.

    Raises:
        OptionError: there is no equals sign.

    >>> parse_changes(["batch=4", "arguments.depth=3", "augmentation=none"])
    {'batch': 4, 'arguments': {'depth': 3}, 'augmentation': 'none'}
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise OptionError(f"--set expects NAME=VALUE, such as batch=4, got {text!r}")
        table, _, entry = name.partition(".")
        if entry:
            changes.setdefault(table, {})[entry] = _value(value)
        else:
            changes[table] = _value(value)
    return changes


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
