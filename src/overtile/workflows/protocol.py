"""What all networks of a comparison have in common, and the command that repeats it."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from overtile.core import OptionError, UnknownNameError
from overtile.data import AnnotatedImages, load
from overtile.models import ARCHITECTURES
from overtile.training import Recipe, recipe_named
from overtile.workflows.budget import budget_seconds
from overtile.workflows.record import image_digest


@dataclass(frozen=True)
class Protocol:
    """How every network of a comparison is trained and measured.

    Attributes:
        folds: every image is held out once; see `overtile train --fold`.
        budget: time of one training, such as "10m"; 10 minutes if `steps` is not given.
        steps: number of optimisation steps of one training instead of a time.
        recipe: name of the recipe.
        changes: to the recipe, for all architectures, such as {"patch_px": 128}.
        own_changes: architecture -> changes for it alone, such as {"mobile_unet": {"arguments": {...}}}.
        seed: of the folds, and of everything random in every training.
        device: to train and to predict on.
        task: "auto", "semantic" or "instances".
        ignore_label: value of pixels that were not annotated.
        labels: name of the folder with the labels, where there are several.
        layout: how the files lie in the folder; "auto" finds it out.
        channels: numbers or names of the image channels to use; empty for all.
        palette: file that says which colour of a mask is which class.
        groups: pattern or file that says which images belong together; see overtile.read.
    """

    folds: int = 3
    budget: str | None = None
    steps: int | None = None
    recipe: str = "default"
    changes: Mapping[str, Any] = field(default_factory=dict)
    own_changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    task: str = "auto"
    ignore_label: int | None = None
    labels: str | None = None
    layout: str = "auto"
    channels: Sequence[str] = ()
    palette: str | None = None
    groups: str | None = None

    def recipe_of(self, architecture: str) -> Recipe:
        """The recipe that an architecture is trained with.

        Raises:
            UnknownNameError: no such recipe, architecture or setting.
            OptionError: a value that a setting cannot have.
        """
        recipe = recipe_named(self.recipe, **{**self.changes, "architecture": architecture})
        return recipe.changed(**self.own_changes.get(architecture, {}))

    def read(self, data: str) -> AnnotatedImages:
        """Read the images."""
        return load(
            data,
            task=self.task,
            ignore_label=self.ignore_label,
            labels=self.labels,
            layout=self.layout,
            channels=self.channels,
            palette=self.palette,
            groups=self.groups,
        )

    def shared(self, images: AnnotatedImages) -> dict[str, Any]:
        """What must be equal so that numbers may stand in one table, as JSON."""
        pixels = hashlib.sha256()
        for sample in images.samples:
            pixels.update(image_digest(sample).encode())
            pixels.update(sample.labels.tobytes())
            pixels.update(b"" if sample.valid is None else sample.valid.tobytes())
            pixels.update(sample.group.encode() if sample.grouped else b"")
        settings = asdict(self)
        del settings["own_changes"]
        return {**json.loads(json.dumps(settings)), "images": pixels.hexdigest()[:16]}

    def check(self, architectures: Sequence[str]) -> None:
        """Refuse names and settings that cannot work, before any time is lost.

        Raises:
            UnknownNameError: no such architecture or setting.
            OptionError: nothing to compare, a budget that is no time, or budget and steps together.
        """
        if not architectures or len(set(architectures)) < len(architectures):
            raise OptionError(
                f"expected architectures to compare, each one once, got {', '.join(architectures) or 'none'}"
            )
        for name in (*architectures, *self.own_changes):
            if name not in ARCHITECTURES:
                raise UnknownNameError("architecture", name, ARCHITECTURES)
        if self.budget is not None and self.steps is not None:
            raise OptionError(
                f"give either a time budget ({self.budget}) or a number of steps ({self.steps}), not both"
            )
        if self.budget is not None:
            budget_seconds(self.budget)

    def options(self) -> list[str]:
        """The settings that `overtile train` takes too, as on the command line."""
        words = ["--recipe", self.recipe, "--seed", str(self.seed), "--device", self.device]
        words += ["--budget", self.budget or "10m"] if self.steps is None else ["--steps", str(self.steps)]
        words += [] if self.task == "auto" else ["--task", self.task]
        words += [] if self.ignore_label is None else ["--ignore-label", str(self.ignore_label)]
        words += [] if self.labels is None else ["--labels", self.labels]
        words += [] if self.layout == "auto" else ["--layout", self.layout]
        words += ["--channels", ",".join(self.channels)] if self.channels else []
        words += [] if self.palette is None else ["--palette", self.palette]
        return words + ([] if self.groups is None else ["--groups", self.groups])

    def compare_command(self, data: str, output: str, architectures: Sequence[str]) -> str:
        """The command that repeats the comparison."""
        own = [word for name, changes in self.own_changes.items() for word in as_options(changes, f"{name}:")]
        words = ["--architectures", ",".join(architectures), "--folds", str(self.folds)]
        return shlex.join(
            ["overtile", "compare", data, "-o", output, *words, *self.options(), *as_options(self.changes), *own]
        )

    def train_command(self, data: str, architecture: str, fold: tuple[int, int]) -> str:
        """The command that repeats one training."""
        k, n = fold
        words = ["overtile", "train", data, "-o", f"{architecture}-{k}.overtile", "--architecture", architecture]
        changes = [*as_options(self.changes), *as_options(self.own_changes.get(architecture, {}))]
        return shlex.join([*words, "--fold", f"{k}/{n}", *self.options(), *changes])


def as_options(changes: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Changes of a recipe as they are typed.

    >>> as_options({"batch": 4, "arguments": {"mode": "fast"}})
    ['--set', 'batch=4', '--set', 'arguments.mode=fast']
    """
    words = []
    for name, value in changes.items():
        entries = {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, Mapping) else {name: value}
        for setting, one in entries.items():
            words += ["--set", f"{prefix}{setting}={one if isinstance(one, str) else json.dumps(one)}"]
    return words
