"""Training: recipes, batches, the loop and its checkpoints."""

from overtile.training.checkpoint import TrainingState, checkpoint_path
from overtile.training.fitting import fitted_to
from overtile.training.loop import Progress, Settings, fit
from overtile.training.recipe import RECIPES, Recipe, recipe_named
from overtile.training.samples import TrainingImage, num_classes, prepare
from overtile.training.smoke import smoke_test

__all__ = [
    "RECIPES",
    "Progress",
    "Recipe",
    "Settings",
    "TrainingImage",
    "TrainingState",
    "checkpoint_path",
    "fit",
    "fitted_to",
    "num_classes",
    "prepare",
    "recipe_named",
    "smoke_test",
]
