"""How a training is to be done, whatever it is part of: one model, folds, or a learning curve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overtile.core import OptionError
from overtile.runners import Precision
from overtile.training import Progress, Recipe, recipe_named
from overtile.workflows.budget import budget_seconds
from overtile.workflows.plan import Plan

DEFAULT_BUDGET = "10m"


@dataclass(frozen=True)
class TrainOptions:
    """How a training is to be done.

    Attributes:
        recipe: "default", "paper", or a recipe of your own.
        budget: time for everything from here to the model file, such as "10m"; 10 minutes if `steps` is not given.
        steps: number of optimisation steps instead of a time budget; with the same seed, the same result.
        seed: of everything random.
        device: "auto", "cpu", "cuda", ...
        precision: to compute in; None for the fastest that the device has units for.
        fold: (k, n) where fold k of n is held out.
        groups: which images of a folder belong together, see overtile.read; None where they are read already.
        encoder_weights: ImageNet checkpoint of timm or torchvision that mobile_unet or eff_unet starts with.
        check_learning: try first whether the network learns one batch by heart, so that mistakes show in seconds.
        resume: go on with an interrupted run of the same command.
        overwrite: replace the model file if it exists.
        checkpoint_every_s: time between two writings of the state that `resume` goes on from.
        loggers: of Lightning Fabric.
        tensorboard: folder to write curves for TensorBoard to, in a folder named after the model file; None for nowhere.
        on_plan: told what will be done before it is done.
        on_progress: told after each step.
    """

    recipe: str | Recipe = "default"
    budget: str | float | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: Precision | None = None
    fold: tuple[int, int] | None = None
    groups: str | Path | None = None
    encoder_weights: str | Path | None = None
    check_learning: bool = True
    resume: bool = False
    overwrite: bool = False
    checkpoint_every_s: float = 30.0
    loggers: Sequence[Any] = ()
    tensorboard: str | Path | None = None
    on_plan: Callable[[Plan], None] = lambda _plan: None
    on_progress: Callable[[Progress], None] = lambda _progress: None

    @property
    def seconds(self) -> float | None:
        """The time budget; None where steps are counted.

        Raises:
            OptionError: both are given, or neither makes sense.
        """
        if self.budget is not None and self.steps is not None:
            raise OptionError(
                f"give either a time budget ({self.budget}) or a number of steps ({self.steps}), not both"
            )
        if self.steps is not None and self.steps < 1:
            raise OptionError(f"expected at least 1 step, got {self.steps}")
        return None if self.steps is not None else budget_seconds(self.budget or DEFAULT_BUDGET)

    @property
    def starting_recipe(self) -> Recipe:
        """The recipe before it is fitted to the images."""
        return self.recipe if isinstance(self.recipe, Recipe) else recipe_named(self.recipe)
