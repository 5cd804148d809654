"""A training that is timed or scored by several benchmarks: its images, its network, and overtile's way to train it."""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from overtile.bundle import tiling_for
from overtile.core import Normalization
from overtile.data import from_arrays, intensity_statistics, load, membranes
from overtile.metrics import confusion_matrix, dice
from overtile.models import build, geometry, summary
from overtile.prediction import predict_tiled
from overtile.training import Recipe, Settings, TrainingImage, fit, fitted_to, prepare, recipe_named
from overtile.workflows.agreement import plain
from real_data import DATA, IS_TEST

SKIPPED = 2
"""First steps that are not counted: memory is taken and libraries are loaded in them."""


@dataclass(frozen=True)
class Task:
    """What is trained on what.

    Attributes:
        recipe: fitted to the images.
        training: images to draw patches from.
        test: images to measure on.
        normalization: that the images went through.
        source: where they come from.
    """

    recipe: Recipe
    training: list[TrainingImage]
    test: list[TrainingImage]
    normalization: Normalization
    source: str

    def network(self, seed: int = 0) -> nn.Module:
        """A new network; the same for every way."""
        torch.manual_seed(seed)
        return build(self.recipe.architecture, 1, 2, **self.recipe.arguments)

    @property
    def input_px(self) -> int:
        """Pixels per axis that the network sees of a sample."""
        return int(geometry(self.network(), 1).input_size((self.recipe.patch_px,) * 2)[0])

    @property
    def flops_of_a_step(self) -> float:
        """Of the forward pass and twice that for the backward pass, two for each multiply-add."""
        return 3 * 2 * summary(self.network(), (self.input_px,) * 2).multiply_adds * self.recipe.batch


@dataclass(frozen=True)
class Trained:
    """A training that is over.

    Attributes:
        network: that was trained.
        steps: seconds of each.
        idle_share: share of the time in which the network waited for data.
    """

    network: nn.Module
    steps: list[float]
    idle_share: float

    @property
    def seconds(self) -> float:
        """Of a step."""
        return statistics.median(self.steps[SKIPPED:] or self.steps)


def task_of(recipe_name: str, **changes: Any) -> Task:
    """The recipe and the sections of isbi2012-em, found through OVERTILE_DATA, else made membranes."""
    folder = DATA / "isbi2012-em"
    if folder.is_dir():
        data = load(folder)
    else:
        made = [membranes(seed, size=512) for seed in range(5)]
        data = from_arrays([image for image, _ in made], [labels for _, labels in made])
    recipe, _ = fitted_to(recipe_named(recipe_name, **changes), data)
    new = {sample.name: IS_TEST["isbi2012-em"](0, sample.name) for sample in data.samples}
    training, test = ([sample for sample in data.samples if new[sample.name] is wanted] for wanted in (False, True))
    found = intensity_statistics(training)
    normalization = Normalization(found.mean, found.std)
    return Task(
        recipe,
        training=prepare(data, training, normalization, recipe),
        test=prepare(data, test, normalization, recipe),
        normalization=normalization,
        source=folder.name if folder.is_dir() else "made membranes",
    )


def with_overtile(task: Task, settings: Settings) -> Trained:
    """Train as `overtile train` does; the time of a step is that between two reports of progress."""
    network, reports = task.network(settings.seed), [time.perf_counter()]
    state = fit(network, task.training, [], task.recipe, settings, lambda _: reports.append(time.perf_counter()))
    return Trained(network, np.diff(reports).tolist(), state.drawing_s / state.elapsed_s)


def score(network: nn.Module, images: list[TrainingImage]) -> dict[str, Any]:
    """Dice of the foreground and of the background, the mean over the images; predicted tile by tile in float32."""
    tiling, found = tiling_for(geometry(network, 1)), {}
    for image in images:
        labels = predict_tiled(image.image, plain(network), tiling).argmax(0)
        table = confusion_matrix(image.classes, labels, classes=2, valid=image.valid)
        found[image.name] = np.asarray(dice(table)).round(4).tolist()
    return {
        "foreground_dice": float(np.mean([per_class[1:] for per_class in found.values()])),
        "background_dice": float(np.mean([per_class[0] for per_class in found.values()])),
        "images": found,
    }
