"""Training: recipes, batches, the loop and its checkpoints."""

from overtile.training.alarms import alarms
from overtile.training.checkpoint import TrainingState, checkpoint_path
from overtile.training.fitting import Choice, Machine, fitted_to
from overtile.training.loop import fit
from overtile.training.recipe import RECIPES, Recipe, recipe_named
from overtile.training.samples import TrainingImage, num_classes, prepare
from overtile.training.scale_out import is_main_process, processes, tensorboard
from overtile.training.settings import Progress, Settings
from overtile.training.smoke import smoke_test

__all__ = [
    "RECIPES",
    "Choice",
    "Machine",
    "Progress",
    "Recipe",
    "Settings",
    "TrainingImage",
    "TrainingState",
    "alarms",
    "checkpoint_path",
    "fit",
    "fitted_to",
    "is_main_process",
    "num_classes",
    "prepare",
    "processes",
    "recipe_named",
    "smoke_test",
    "tensorboard",
]
