"""What will be trained on what, and why."""

from dataclasses import dataclass

import torch

from overtile.core import Normalization
from overtile.core.memory import available_bytes
from overtile.data import AnnotatedImages, Sample, Split, intensity_statistics
from overtile.runners import Precision, has_bfloat16_units, pick_device, pick_precision
from overtile.training import Choice, Machine, Recipe, fitted_to, processes
from overtile.workflows.budget import duration

SCALE_RATIO = 20.0
"""Images whose intensity ranges differ by more than this cannot share one normalisation."""


@dataclass(frozen=True)
class Plan:
    """What will be trained on what.

    Attributes:
        recipe: fitted to the images and the machine.
        split: images to train on and to validate on.
        normalization: of the model.
        device: to train on.
        precision: to compute in.
        seconds: time budget, or None.
        steps: number of steps, or None.
        seed: of everything random.
        choices: every line, with its reason.
    """

    recipe: Recipe
    split: Split
    normalization: Normalization
    device: torch.device
    precision: Precision
    seconds: float | None
    steps: int | None
    seed: int
    choices: tuple[Choice, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the images or the machine decided, in words."""
        return tuple(choice.reason for choice in self.choices if choice.fitted)


def make_plan(
    images: AnnotatedImages,
    split: Split,
    recipe: Recipe,
    *,
    length: tuple[float | None, int | None],
    seed: int,
    hardware: tuple[str, Precision | None],
) -> Plan:
    """Decide how to train on these images.

    Args:
        images: all of them.
        split: those to train on and those to hold out.
        recipe: to fit to the images and the machine.
        length: time budget in seconds and number of steps; one of them is None.
        seed: of everything random.
        hardware: device ("auto", "cpu", "cuda", ...) and precision; None for the fastest that the device has units for.
    """
    place = pick_device(hardware[0])
    precision = hardware[1] or pick_precision(place)
    machine = Machine(_free_bytes(place), precision, processes())
    fitted, choices = fitted_to(recipe, images, machine)
    normalization, how = normalization_of(split.train)
    seconds, steps = length
    return Plan(
        fitted,
        split,
        normalization,
        place,
        precision,
        seconds,
        steps,
        seed,
        (*choices, _length(length, recipe), _precision(place, hardware[1], precision), how, _held_out(images, split)),
    )


def normalization_of(samples: tuple[Sample, ...]) -> tuple[Normalization, Choice]:
    """One normalisation for all images, or where their scales are too far apart, one for each."""
    statistics = intensity_statistics(samples)
    if statistics.scale_ratio <= SCALE_RATIO:
        return Normalization(statistics.mean, statistics.std), Choice(
            "normalization", "model", "measured once, so that a crop and the slide it came from agree"
        )
    reason = (
        f"intensity ranges differ {statistics.scale_ratio:.0f}-fold between images, so that each image is normalised "
        "by its own mean and standard deviation; a crop may then differ from the slide it came from"
    )
    each = Normalization(statistics.mean, statistics.std, scheme="image")
    return each, Choice("normalization", "image", reason, fitted=True)


def _free_bytes(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else available_bytes()


def _length(length: tuple[float | None, int | None], recipe: Recipe) -> Choice:
    seconds, steps = length
    falls = "; the learning rate falls to zero at its end" if recipe.schedule == "cosine" else ""
    if seconds is None:
        return Choice("steps", steps, f"the same number gives the same result{falls}")
    return Choice("budget", duration(seconds), f"as many steps as fit{falls}")


def _precision(device: torch.device, asked: Precision | None, precision: Precision) -> Choice:
    if asked is not None:
        reason = "as you chose"
    elif has_bfloat16_units(device):
        reason = f"this {device.type} multiplies bfloat16 in hardware"
    else:
        reason = f"this {device.type} has no units for bfloat16"
    return Choice("precision", f"{precision} on {device}", reason)


def _held_out(images: AnnotatedImages, split: Split) -> Choice:
    if not split.validation:
        reason = "no image is held out: the last state of the network is kept, and its quality is not known"
        return Choice("held out", "nothing", reason, fitted=True)
    count = f"{len(split.validation)} of {len(images.samples)}"
    return Choice(
        "held out", count if len(images.samples) > 1 else "a strip", "to choose the best state of the network"
    )
