"""What a training run does, in one visible place: the recipe of the 2015 paper and the default one."""

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from overtile.augment import AUGMENTATIONS
from overtile.core import OptionError, UnknownNameError
from overtile.losses import LOSSES
from overtile.models import ARCHITECTURES, arguments_of
from overtile.targets import WEIGHT_MAPS


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        architecture: a key of overtile.models.ARCHITECTURES.
        arguments: keyword arguments of its builder.
        patch_px: output pixels of a training sample, per axis; networks of valid convolutions see more.
        batch: samples per step.
        optimizer: "sgd" or "adamw".
        learning_rate: the largest of the schedule.
        momentum: of SGD; ignored by AdamW.
        weight_decay: of weights with more than one axis; biases and normalisation weights are not decayed.
        schedule: "constant", or "cosine": linear warm-up over the first 5 %, then a cosine to zero at the end.
        loss: weights of the summed losses, by the names of overtile.losses.LOSSES.
        instance_target: what is learned where labels are object ids. "foreground": objects with a gap of background
            where they touch; "boundary": background, interior and boundary; "distance": background, and how far from
            the border to the middle of its object a pixel is.
        weight_map: a key of overtile.targets.WEIGHT_MAPS; "auto" is unet2015 for object ids and for two
            classes whose objects are densely packed, and uniform otherwise.
        class_balance: w_c of the maps balanced and unet2015 is N / (K N_k) over the training set, instead of 1.
        augmentation: a key of overtile.augment.AUGMENTATIONS.
        foreground: share of the samples that are centred on a foreground pixel.
        gradient_clip: largest norm of the gradient; 0 for none.
        accumulate: pieces that a batch is computed in, one after another, to need less memory. Batch normalisation then
            sees a piece at a time; the batch must be a multiple of it.
        ema: decay of an exponential moving average of the weights, such as 0.999, which is then validated and kept; 0
            for none.
        patience: end the training after this many validations (of about ten) without a better one; 0 for never.
        chosen: settings that were changed by name; a plan leaves them alone.
    """

    architecture: str = "unet"
    arguments: dict[str, Any] = field(default_factory=dict)
    patch_px: Annotated[int, Field(gt=0)] = 256
    batch: Annotated[int, Field(gt=0)] = 2
    optimizer: Literal["sgd", "adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-2
    schedule: Literal["constant", "cosine"] = "cosine"
    loss: dict[str, float] = field(default_factory=lambda: {"cross_entropy": 1.0})
    instance_target: Literal["foreground", "boundary", "distance"] = "foreground"
    weight_map: str = "auto"
    class_balance: bool = False
    augmentation: str = "default"
    foreground: Annotated[float, Field(ge=0, le=1)] = 0.5
    gradient_clip: Annotated[float, Field(ge=0)] = 0.0
    accumulate: Annotated[int, Field(gt=0)] = 1
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: Annotated[int, Field(ge=0)] = 0
    chosen: tuple[str, ...] = ()

    def changed(self, **changes: Any) -> "Recipe":
        """A copy with some settings replaced; entries of `arguments` and `loss` are replaced one by one.

        A loss of weight 0 is left out. Another architecture keeps the width, and takes its own defaults otherwise.

        Raises:
            UnknownNameError: no such setting.
            OptionError: a value that a setting cannot have.

        >>> RECIPES["default"].changed(loss={"cross_entropy": 0, "focal": 1}).loss
        {'focal': 1.0}
        """
        known = [f.name for f in fields(self) if f.name != "chosen"]
        for name in changes:
            if name not in known:
                raise UnknownNameError("setting of a recipe", name, known)
        for name in ("arguments", "loss"):
            if not isinstance(changes.get(name, {}), dict):
                raise OptionError(f"the recipe's {name} is a table: set its entries, such as {name}.NAME=VALUE")
        named = {*self.chosen, *_names_of(changes)}
        arguments = self.arguments
        if changes.get("architecture", self.architecture) != self.architecture:
            arguments = _width_for(changes["architecture"], arguments)
        changes["arguments"] = {**arguments, **changes.get("arguments", {})}
        changes["loss"] = {**self.loss, **changes.get("loss", {})}
        changes["chosen"] = tuple(sorted(named))
        try:
            recipe = TypeAdapter(Recipe).validate_python({**vars(self), **changes})
        except ValidationError as error:
            first = error.errors()[0]
            setting = ".".join(map(str, first["loc"]))
            raise OptionError(f"the recipe's {setting} cannot be {first['input']!r}: {first['msg']}") from error
        recipe = replace(recipe, loss={name: factor for name, factor in recipe.loss.items() if factor})
        _refuse_unknown_names(recipe)
        return recipe


def _names_of(changes: dict[str, Any]) -> list[str]:
    """Names of settings; those of an architecture's arguments with their table."""
    arguments = [f"arguments.{name}" for name in changes.get("arguments", {})]
    return [name for name in changes if name != "arguments"] + arguments


def _refuse_unknown_names(recipe: Recipe) -> None:
    """Raise for names that training would look up only later, and for what it cannot do."""
    for kind, names, known in (
        ("loss", list(recipe.loss), LOSSES),
        ("weight map", [recipe.weight_map], ("auto", *WEIGHT_MAPS)),
        ("augmentation", [recipe.augmentation], AUGMENTATIONS),
        (f"argument of {recipe.architecture}", list(recipe.arguments), arguments_of(recipe.architecture)),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError(kind, name, known)
    if not recipe.loss:
        raise OptionError("the recipe has no loss left: give one a weight, such as loss.cross_entropy=1")
    if recipe.arguments.get("ndim", 2) != 2:
        raise OptionError("training takes images (channel, y, x): arguments.ndim must be 2")


def _width_for(architecture: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The recipe's width, if the architecture has one to choose."""
    if architecture not in ARCHITECTURES:
        raise UnknownNameError("architecture", architecture, ARCHITECTURES)
    known = arguments_of(architecture)
    return {name: value for name, value in arguments.items() if name == "base_width" and name in known}


PAPER = Recipe(
    arguments={"base_width": 64, "depth": 4, "padding": "valid", "norm": "none"},
    patch_px=388,
    batch=1,
    optimizer="sgd",
    # The paper gives the momentum but no learning rate.
    learning_rate=1e-3,
    momentum=0.99,
    weight_decay=0.0,
    schedule="constant",
    weight_map="unet2015",
    class_balance=True,
    augmentation="paper",
    foreground=0.0,
    gradient_clip=1.0,
)
"""Ronneberger et al. 2015, sections 2 and 3. docs/decisions lists what the paper leaves open."""

DEFAULT = Recipe(
    arguments={"base_width": 16, "depth": 4, "padding": "same", "norm": "batch", "dropout": 0.0},
    patch_px=256,
    batch=4,
    learning_rate=2e-3,
    instance_target="boundary",
)
"""What measured best on real images in minutes on two cores; docs/decisions holds the trials."""

RECIPES: dict[str, Recipe] = {"default": DEFAULT, "paper": PAPER}


def recipe_named(name: str, **changes: Any) -> Recipe:
    """Look up a recipe by its name and change some of its settings.

    Raises:
        UnknownNameError: no such recipe or setting.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name].changed(**changes)
