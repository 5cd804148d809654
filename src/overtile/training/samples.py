"""Annotated images made ready for training: normalised pixels, target classes and weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtile.core import Normalization
from overtile.data import AnnotatedImages, Sample
from overtile.targets import boundary_classes, class_counts, class_weights, separate_touching, weight_map
from overtile.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingImage:
    """One image with what the network should say about it.

    Attributes:
        name: of the image.
        image: normalised samples, (channel, y, x).
        labels: class indices, (y, x).
        weight: of each pixel in the loss, (y, x); 0 where pixels are ignored.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    weight: NDArray[np.float32]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """False where pixels are ignored."""
        return self.weight > 0


def num_classes(data: AnnotatedImages, recipe: Recipe) -> int:
    """Channels of the logits: the classes; for object ids those of the recipe's target."""
    if data.labelling.task == "instances":
        return 3 if recipe.instance_target == "boundary" else 2
    return len(data.labelling.class_names)


def prepare(
    data: AnnotatedImages, samples: Sequence[Sample], normalization: Normalization, recipe: Recipe
) -> list[TrainingImage]:
    """Prepare some of the annotated images for training.

    Object ids become the recipe's target. The class balance is counted over these images.

    Args:
        data: says what the labels mean.
        samples: those of its samples that are wanted.
        normalization: of the model.
        recipe: says what is learned and how pixels are weighted.
    """
    classes, ids = num_classes(data, recipe), data.labelling.task == "instances"
    targets = [_target(sample, recipe.instance_target if ids else "classes") for sample in samples]
    balance = class_weights(class_counts(targets, classes)) if recipe.class_balance else (1.0,) * classes
    weigh = weight_map(recipe.weight_map, balance)
    images = []
    for sample, target in zip(samples, targets, strict=True):
        array = sample.image.array
        images.append(
            TrainingImage(
                name=sample.name,
                image=normalization.fitted_to(array)(array),
                labels=target.clip(min=0).astype(np.uint8),
                weight=weigh(target, sample.labels if ids else None),
            )
        )
    return images


def _target(sample: Sample, target: str) -> NDArray[np.int32]:
    """Class indices to be learned, (y, x); -1 where pixels are ignored."""
    classes = TARGETS[target](sample.labels)
    return classes if sample.valid is None else np.where(sample.valid, classes, -1)


TARGETS: dict[str, Callable[[NDArray[np.int32]], NDArray[np.int32]]] = {
    "classes": lambda labels: labels,
    "foreground": lambda ids: (separate_touching(ids) > 0).astype(np.int32),
    "boundary": lambda ids: boundary_classes(ids).astype(np.int32),
}
"""Class indices to be learned, from labels: classes as they are, or object ids by the name of the instance target."""
