"""A recipe fitted to the images and the machine at hand, line by line with its reason."""

import inspect
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from overtile.core.memory import format_bytes
from overtile.data import AnnotatedImages
from overtile.models import ARCHITECTURES, arguments_of
from overtile.targets import class_counts, two_nearest_distances
from overtile.training.memory import step_memory
from overtile.training.recipe import RECIPES, Recipe
from overtile.training.samples import num_classes

MULTIPLE_PX = 32

GAP_PX = 10.0
"""Two sigma of the border term: gaps up to this width get most of its weight."""

PACKED_SHARE = 0.5
"""From this share of the background in narrow gaps on, the gaps are what has to be learned."""

RARE_SHARE = 0.05
"""A class with less of the pixels than this is rare; docs/decisions/default-recipe.md has the trial."""

LEAST_COARSEST_PX = 4
"""A coarsest map smaller than this is mostly its own padding."""

MEMORY_SHARE = 0.8
"""Share of the free memory that a step may need."""


@dataclass(frozen=True)
class Choice:
    """One line of a plan.

    Attributes:
        setting: of the recipe, as `--set` names it, or of the run.
        value: that it has.
        reason: why, in one line.
        fitted: whether the images or the machine decided, rather than the recipe or the user.
    """

    setting: str
    value: Any
    reason: str
    fitted: bool = False

    def __str__(self) -> str:
        return f"{self.setting} = {self.value}: {self.reason}"


@dataclass(frozen=True)
class Machine:
    """What a recipe has to fit into.

    Attributes:
        memory_bytes: that is free on the device.
        precision: of the computations: float32, bfloat16 or float16.
        processes: that share a batch.
    """

    memory_bytes: int
    precision: str = "float32"
    processes: int = 1


def fitted_to(
    recipe: Recipe, images: AnnotatedImages, machine: Machine | None = None
) -> tuple[Recipe, tuple[Choice, ...]]:
    """Decide what a recipe leaves to the images and the machine; what was chosen by name is left alone.

    Args:
        recipe: to fit.
        images: to train on.
        machine: where; None to leave the memory out of account.

    Returns:
        the recipe, and every line of it that was considered, with the reason.
    """
    asked, choices = recipe, [_kept(recipe, "architecture")]
    choices += [_kept(recipe, "arguments.base_width")] if "base_width" in recipe.arguments else []
    for rule in (_patch, _depth, _weights, _loss):
        recipe, choice = rule(recipe, images)
        choices += [choice] if choice else []
    same = recipe.batch == asked.batch
    batch = (
        _kept(recipe, "batch") if same else Choice("batch", recipe.batch, "as many pixels per step as the recipe has")
    )
    choices += [_kept(recipe, "instance_target")] if images.labelling.task == "instances" else []
    choices += [batch]
    if machine is not None:
        recipe, choice = _pieces(recipe, images, machine)
        choices.append(choice)
    return recipe, tuple(choices)


REASONS = {
    "architecture": "the network that the default recipe was measured with",
    "arguments.base_width": "twice the width was no better in the same time",
    "arguments.depth": "the depth that the default recipe was measured with",
    "instance_target": "the target that the default recipe was measured with; touching objects are kept apart",
    "patch_px": "the size that the default recipe was measured with; the images are no smaller",
    "batch": "the number that the default recipe was measured with",
    "loss": "measured; half of the patches are centred on the foreground, so that rare classes are seen",
}
"""Why the default recipe is as it is; docs/decisions/default-recipe.md holds the trials."""


def _kept(recipe: Recipe, setting: str) -> Choice:
    """The line of a setting that stays as the recipe or the user has it."""
    value = _value(recipe, setting)
    if setting in recipe.chosen:
        return Choice(setting, value, "as you chose")
    if value == _value(RECIPES["default"], setting):
        return Choice(setting, value, REASONS[setting])
    as_paper = value == _value(RECIPES["paper"], setting)
    return Choice(setting, value, "as in the paper" if as_paper else "as the recipe has it")


def _value(recipe: Recipe, setting: str) -> Any:
    if setting == "loss":
        return " + ".join(name if factor == 1 else f"{factor:g} {name}" for name, factor in recipe.loss.items())
    table, _, entry = setting.partition(".")
    return recipe.arguments.get(entry) if entry else getattr(recipe, table)


def _weights(recipe: Recipe, images: AnnotatedImages) -> tuple[Recipe, Choice]:
    """Weight the borders between objects where these are what has to be learned."""
    if recipe.weight_map != "auto":
        return recipe, _kept(recipe, "weight_map")
    borders, reason = _borders(images)
    name = "unet2015" if borders else "uniform"
    return replace(recipe, weight_map=name), Choice("weight_map", name, reason, fitted=True)


def _borders(images: AnnotatedImages) -> tuple[bool, str]:
    """Whether the borders between objects should be weighted, and why."""
    if images.labelling.task == "instances":
        return True, "borders between close objects are weighted, because the labels are object ids"
    if len(images.labelling.values) != 2:
        return False, "all pixels count alike, because there are several classes"
    share = float(np.mean([_share_between_objects(sample.labels, sample.valid) for sample in images.samples]))
    found = f"{share:.0%} of the background lies in narrow gaps between pieces of the foreground"
    if share < PACKED_SHARE:
        return False, f"all pixels count alike, because only {found}"
    return True, f"borders between close objects are weighted, because {found}"


def _share_between_objects(labels: NDArray[np.int32], valid: NDArray[np.bool_] | None) -> float:
    """Share of the background that lies in gaps of at most GAP_PX between two pieces of the foreground."""
    near = two_nearest_distances(ndimage.label(labels > 0)[0])
    background = labels == 0 if valid is None else (labels == 0) & valid
    return float(((near.d1 + near.d2)[background] <= GAP_PX).mean()) if background.any() else 0.0


def _loss(recipe: Recipe, images: AnnotatedImages) -> tuple[Recipe, Choice]:
    """Add the soft Dice loss where a class is so rare that cross-entropy alone leaves it out for long."""
    plain = recipe.loss == RECIPES["default"].loss and not recipe.class_balance
    if "loss" in recipe.chosen or not plain or images.labelling.task == "instances":
        return recipe, _kept(recipe, "loss")
    known = [np.where(s.valid, s.labels, -1) if s.valid is not None else s.labels for s in images.samples]
    counts = np.asarray(class_counts(known, len(images.labelling.values)), np.float64)
    share = float(counts[counts > 0].min() / counts.sum())
    if share >= RARE_SHARE:
        return recipe, _kept(recipe, "loss")
    both = replace(recipe, loss={**recipe.loss, "soft_dice": 1.0})
    name = images.labelling.class_names[int(np.flatnonzero(counts / counts.sum() == share)[0])]
    reason = f"soft Dice keeps rare classes from being left out: {name} covers {share:.1%} of the pixels"
    return both, Choice("loss", _value(both, "loss"), reason, fitted=True)


def _patch(recipe: Recipe, images: AnnotatedImages) -> tuple[Recipe, Choice]:
    """Make patches no larger than the images, and large enough for an object, with as many pixels per step.

    Networks of valid convolutions keep the patch, because they see mirrored context around a small image anyway.
    """
    image_px = int(np.median([max(sample.image.size) for sample in images.samples]))
    fits = _rounded_up(float(image_px))
    object_px = _median_diameter_px(images)
    holds = min(_rounded_up(2 * object_px), fits)
    if "patch_px" in recipe.chosen or recipe.arguments.get("padding") == "valid":
        return recipe, _kept(recipe, "patch_px")
    if fits < recipe.patch_px:
        patch, why = fits, f"the images have about {image_px} px"
    elif holds > recipe.patch_px:
        patch, why = holds, f"an object is about {object_px:.0f} px wide, and needs its surroundings"
    else:
        return recipe, _kept(recipe, "patch_px")
    area = (recipe.patch_px / patch) ** 2
    batch = recipe.batch if "batch" in recipe.chosen else max(1, round(recipe.batch * area))
    reason = f"patches of {patch} px, {batch} per step, because {why}"
    return replace(recipe, patch_px=patch, batch=batch), Choice("patch_px", patch, reason, fitted=True)


def _rounded_up(size_px: float) -> int:
    return math.ceil(size_px / MULTIPLE_PX) * MULTIPLE_PX


def _median_diameter_px(images: AnnotatedImages) -> float:
    """Of the circle of an object's area; 0 where the labels are no objects."""
    if images.labelling.task != "instances":
        return 0.0
    areas = np.concatenate([np.bincount(sample.labels.ravel())[1:] for sample in images.samples])
    return 2 * math.sqrt(float(np.median(areas[areas > 0])) / math.pi) if areas.any() else 0.0


def _depth(recipe: Recipe, _images: AnnotatedImages) -> tuple[Recipe, Choice | None]:
    """Leave levels out whose maps would be a few pixels wide."""
    name = "arguments.depth"
    depth = recipe.arguments.get("depth", _default_of(recipe.architecture, "depth"))
    if not isinstance(depth, int):
        return recipe, None
    most = max(1, int(math.log2(recipe.patch_px / LEAST_COARSEST_PX))) if recipe.patch_px > LEAST_COARSEST_PX else 1
    if name in recipe.chosen or recipe.arguments.get("padding") == "valid" or depth <= most:
        return recipe, replace(_kept(recipe, name), value=depth)
    reason = f"with {depth} levels the coarsest map of a {recipe.patch_px} px patch would be under {LEAST_COARSEST_PX} px wide"
    return replace(recipe, arguments={**recipe.arguments, "depth": most}), Choice(name, most, reason, fitted=True)


def _default_of(architecture: str, argument: str) -> Any:
    """What an architecture takes where an argument is not given; None where it has no such argument."""
    if argument not in arguments_of(architecture):
        return None
    parameter = inspect.signature(ARCHITECTURES[architecture]).parameters.get(argument)
    return None if parameter is None else parameter.default


def _pieces(recipe: Recipe, images: AnnotatedImages, machine: Machine) -> tuple[Recipe, Choice]:
    """Compute a batch in as many pieces as the memory asks for."""
    need = step_memory(recipe, images.channels, num_classes(images, recipe), precision=machine.precision)
    own = max(recipe.batch // machine.processes, 1)
    free = format_bytes(machine.memory_bytes)

    def fits(pieces: int) -> bool:
        return need.of(own // pieces) <= MEMORY_SHARE * machine.memory_bytes

    given = recipe.accumulate
    if "accumulate" in recipe.chosen or fits(given):
        return recipe, Choice(
            "accumulate", given, f"a step needs about {format_bytes(need.of(own // given))} of {free} free"
        )
    pieces = next((n for n in range(1, own + 1) if own % n == 0 and fits(n)), own)
    reason = (
        f"the batch at once needs about {format_bytes(need.of(own))}, a piece of it {format_bytes(need.of(own // pieces))}, "
        f"and {free} are free"
    )
    return replace(recipe, accumulate=pieces), Choice("accumulate", pieces, reason, fitted=True)
