"""overtile train: from annotated images to a model file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from overtile.cli.console import Bar, bar, console
from overtile.cli.options import AllowUnlabelled, Device, IgnoreLabel, LabelFolder, Overwrite, Task
from overtile.core import OptionError


def train(
    data: Annotated[Path, typer.Argument(help="Folder of annotated images; see `overtile check`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, such as cells.overtile.")],
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="default or paper (Ronneberger et al. 2015).")] = (
        "default"
    ),
    architecture: Annotated[str | None, typer.Option("--architecture", "-a", help="Network.  [default: unet]")] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", "-b", help="Time for everything: 90s, 10m, 2h.  [default: 10m]")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Number of steps instead of a time.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: batch=4, loss.soft_dice=1, arguments.depth=3.")
    ] = None,
    fold: Annotated[str | None, typer.Option("--fold", help="Validate on fold K of N: 0/5.")] = None,
    validate: Annotated[bool, typer.Option(help="Hold images out to choose the best network.")] = True,
    encoder_weights: Annotated[
        Path | None,
        typer.Option("--encoder-weights", help="Start mobile_unet or eff_unet from this timm or torchvision file."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", help="Of everything random.")] = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the same command, interrupted.")] = False,
    overwrite: Overwrite = False,
    smoke_test: Annotated[bool, typer.Option(help="Try first whether one batch can be learned.")] = True,
    task: Task = "auto",
    ignore_label: IgnoreLabel = None,
    labels: LabelFolder = None,
    allow_unlabelled: AllowUnlabelled = False,
) -> None:
    """Train a network on a folder of annotated images. Ctrl-C ends early and keeps the best network so far."""
    from overtile.core.atomic import refuse_overwrite
    from overtile.data import load
    from overtile.training import recipe_named
    from overtile.workflows.budget import duration
    from overtile.workflows.train import Plan
    from overtile.workflows.train import train as run

    refuse_overwrite(output, overwrite=overwrite)
    changes = parse_changes(change or [])
    if architecture is not None:
        changes["architecture"] = architecture
    chosen = recipe_named(recipe, **changes)
    images = load(data, task=task, ignore_label=ignore_label, labels=labels, allow_unlabelled=allow_unlabelled)

    def announce(plan: Plan) -> None:
        split = plan.split
        held_out = ", ".join(s.name for s in split.validation[:6]) + (" ..." if len(split.validation) > 6 else "")
        console.print(f"{len(images.samples)} images ({images.layout}), task {images.labelling.task}")
        console.print(f"train on {len(split.train)}, hold out {len(split.validation)}: {held_out}", markup=False)
        arguments = ", ".join(f"{k}={v}" for k, v in plan.recipe.arguments.items())
        console.print(
            f"network {plan.recipe.architecture}({arguments}), {plan.precision} on {plan.device}", markup=False
        )
        for note in (*images.notes, *plan.notes):
            console.print(f"note: {note}", markup=False)

    with bar("training") as progress:
        model = run(
            images,
            output,
            recipe=chosen,
            budget=budget,
            steps=steps,
            seed=seed,
            device=device,
            fold=parse_fold(fold),
            validate=validate,
            encoder_weights=encoder_weights,
            check_learning=smoke_test,
            resume=resume,
            overwrite=overwrite,
            on_plan=announce,
            on_progress=_shown_on(progress),
        )
    record = model.manifest.training
    score = model.manifest.metrics.get("validation_dice")
    quality = "" if score is None else f", foreground Dice {score:.4f} on the held-out images"
    console.print(f"{output}: {record['steps']} steps in {duration(record['elapsed_s'])}{quality}", markup=False)
    console.print(f"Next: overtile predict -m {output} -i IMAGES -o OUT", markup=False)


def _shown_on(progress: Bar) -> Any:
    from overtile.training import Progress

    def show(state: Progress) -> None:
        validation = state.validation
        dice = f", held-out Dice {validation['score']:.3f}" if validation else ""
        progress.update(state.fraction, f"step {state.step}, loss {state.loss:.3f}{dice}")

    return show


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
