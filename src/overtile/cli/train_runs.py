"""What `overtile train` shows: the plan, the progress, and what came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from overtile.cli.console import Bar, bar, console
from overtile.core import OptionError
from overtile.data import AnnotatedImages
from overtile.training import Progress, recipe_named
from overtile.workflows.budget import duration
from overtile.workflows.folds import Folds
from overtile.workflows.folds import train_folds as run_folds
from overtile.workflows.learning_curve import LearningCurve
from overtile.workflows.learning_curve import learning_curve as run_curve
from overtile.workflows.model import Model
from overtile.workflows.options import TrainOptions
from overtile.workflows.plan import Plan
from overtile.workflows.plan_file import StoredPlan, read_plan, write_plan
from overtile.workflows.train import plan_for, split_of, train_on

MOST_NAMES = 6


def starting_point(
    plan: Path | None, recipe: str | None, changes: dict[str, Any], *, budget: str | None, steps: int | None
) -> StoredPlan:
    """What the command line and a plan file ask for; the command line has the last word.

    Raises:
        OptionError: a plan and the name of a recipe.
    """
    if plan is None:
        return StoredPlan(recipe_named(recipe or "default", **changes), steps=steps)
    if recipe is not None:
        raise OptionError("--plan and --recipe exclude one another: the plan has all settings; change some with --set")
    stored = read_plan(plan)
    own = stored.steps if budget is None and steps is None else steps
    seconds = stored.budget_s if budget is None and steps is None else None
    return StoredPlan(stored.recipe.changed(**changes), seconds, own, stored.seed, stored.precision)


def write_plan_only(images: AnnotatedImages, output: Path, options: TrainOptions, *, validate: bool) -> None:
    """Print a plan and write it beside where the model would be."""
    split = split_of(images, seed=options.seed, fold=options.fold, validate=validate)
    plan = plan_for(images, split, options)
    file = output.with_suffix(".plan.toml")
    write_plan(file, plan, overwrite=options.overwrite)
    _announce(images)(plan)
    console.print(f"plan: {file}; train by it with --plan {file}", markup=False)


def train_one(images: AnnotatedImages, output: Path, options: TrainOptions, *, validate: bool) -> None:
    """Train one network."""
    split = split_of(images, seed=options.seed, fold=options.fold, validate=validate)
    with bar("training") as progress:
        model = train_on(images, split, output, _told(options, images, progress))
    _report(model, output)


def train_folds(images: AnnotatedImages, output: Path, options: TrainOptions, *, folds: int, keep: str) -> None:
    """Train folds, and say how good they are on the images that each had not seen."""
    where = ""

    def next_fold(number: int, count: int) -> None:
        nonlocal where
        where = f"fold {number} of {count}, "

    with bar("training") as progress:
        told = _told(options, images, progress, lambda: where)
        found = run_folds(images, output, told, folds=folds, keep=keep, on_fold=next_fold)
    _report(found.model, output)
    _report_folds(found)


def _report_folds(found: Folds) -> None:
    score = found.evaluation.total[found.metric]
    console.print(
        f"held out, all {len(found.evaluation.examples)} images: {found.metric} {score['value']:.4f} (95 % interval "
        f"{score['low']:.4f} to {score['high']:.4f}); folds {min(found.scores):.4f} to {max(found.scores):.4f}, standard "
        f"deviation {found.spread:.4f}",
        markup=False,
    )
    members = found.model.manifest.members
    if members > 1:
        console.print(
            f"The model is the mean of {members} networks: predictions take {members} times as long as with one."
        )


def train_curve(images: AnnotatedImages, output: Path, options: TrainOptions) -> None:
    """Train on more and more images, and say what doubling them would bring."""
    from overtile.report import write_learning_curve

    where = ""

    def next_size(size: int) -> None:
        nonlocal where
        where = f"{size} image(s), "

    with bar("training") as progress:
        found = run_curve(images, output, _told(options, images, progress, lambda: where), on_size=next_size)
    page = output.with_suffix(".learning-curve.html")
    write_learning_curve(found, page, overwrite=True)
    _report_curve(found, output, page)


def _report_curve(found: LearningCurve, output: Path, page: Path) -> None:
    table = Table("images", found.metric, "95 % interval", "steps", box=None, pad_edge=False)
    for point in found.points:
        interval = f"{point.low:.4f} to {point.high:.4f}"
        table.add_row(str(point.images), f"{point.score:.4f}", interval, str(point.steps))
    console.print(table)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    console.print(found.outlook, markup=False)
    console.print(f"{output}: trained on {found.points[-1].images} images; page: {page}", markup=False)


def _told(
    options: TrainOptions, images: AnnotatedImages, progress: Bar, where: Callable[[], str] = lambda: ""
) -> TrainOptions:
    """Options whose training tells the command line what it does."""
    from dataclasses import replace

    def show(state: Progress) -> None:
        validation = state.validation
        dice = f", held-out Dice {validation['score']:.3f}" if validation else ""
        progress.update(state.fraction, f"{where()}step {state.step}, loss {state.loss:.3f}{dice}")

    return replace(options, on_plan=_announce(images), on_progress=show)


def _announce(images: AnnotatedImages) -> Callable[[Plan], None]:
    """Prints a plan; of several that differ in their images only, the first."""
    printed = False

    def announce(plan: Plan) -> None:
        nonlocal printed
        if not printed:
            _print_plan(images, plan)
        printed = True

    return announce


def _print_plan(images: AnnotatedImages, plan: Plan) -> None:
    split = plan.split
    names = ", ".join(s.name for s in split.validation[:MOST_NAMES])
    more = " ..." if len(split.validation) > MOST_NAMES else ""
    console.print(f"{len(images.samples)} images (layout {images.layout}), task {images.labelling.task}", markup=False)
    console.print(f"train on {len(split.train)}, hold out {len(split.validation)}: {names}{more}", markup=False)
    for note in images.notes:
        console.print(f"note: {note}", markup=False)
    table = Table("plan", "", "because", box=None, pad_edge=False)
    for choice in plan.choices:
        table.add_row(choice.setting, str(choice.value), choice.reason)
    console.print(table, markup=False)


def _report(model: Model, output: Path) -> None:
    record = model.manifest.training
    score = model.manifest.metrics.get("validation_dice")
    quality = "" if score is None else f", foreground Dice {score:.4f} on the held-out images"
    early = ", ended early for want of progress" if record.get("ended") == "patience" else ""
    took = f"{record['steps']} steps in {duration(record['elapsed_s'])}"
    if "drawing_s" in record:  # an ensemble has one for each of its members
        took += f" ({record['drawing_s'] / max(record['elapsed_s'], 1e-9):.0%} of it spent drawing patches)"
    console.print(f"{output}: {took}{early}{quality}", markup=False)
    for alarm in record["alarms"]:
        console.print(f"warning: {alarm}", markup=False)
    console.print(f"Next: overtile predict -m {output} -i IMAGES -o OUT", markup=False)
