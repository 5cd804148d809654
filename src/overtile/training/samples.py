"""Annotated images made ready for training: normalised pixels, target classes and weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core import Normalization
from overtile.data import AnnotatedImages, Sample
from overtile.targets import (
    INSTANCE_TARGETS,
    InstanceTarget,
    beyond_annotation,
    class_counts,
    class_weights,
    weight_map,
)
from overtile.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingImage:
    """One image with what the network should say about it.

    Attributes:
        name: of the image.
        image: normalised samples, (channel, y, x).
        labels: class indices, (y, x); with `shares`, values that stand for a mixture of classes.
        weight: of each pixel in the loss, (y, x); 0 where pixels are ignored.
        shares: (values, classes), share of each label value in each class; None where labels are classes.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    weight: NDArray[np.float32]
    shares: NDArray[np.float32] | None = None

    @property
    def classes(self) -> NDArray[np.uint8]:
        """Class index of each pixel, (y, x); of a mixture that with the largest share."""
        return self.labels if self.shares is None else self.shares.argmax(axis=1).astype(np.uint8)[self.labels]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """False where pixels are ignored."""
        return self.weight > 0


def num_classes(data: AnnotatedImages, recipe: Recipe) -> int:
    """Channels of the logits: the classes; for object ids those of the recipe's target."""
    if data.labelling.task == "instances":
        return len(INSTANCE_TARGETS[recipe.instance_target].classes)
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
    ids, classes = data.labelling.task == "instances", num_classes(data, recipe)
    target = INSTANCE_TARGETS[recipe.instance_target] if ids else None
    images = [_annotated(sample, normalization, target) for sample in samples]
    known = [np.where(image.valid, image.classes.astype(np.int32), -1) for image in images]
    balance = class_weights(class_counts(known, classes)) if recipe.class_balance else (1.0,) * classes
    weigh = weight_map(recipe.weight_map, balance)
    return [
        replace(image, weight=weigh(its_classes, sample.labels if ids else None))
        for image, its_classes, sample in zip(images, known, samples, strict=True)
    ]


def _annotated(sample: Sample, normalization: Normalization, target: InstanceTarget | None) -> TrainingImage:
    """One image with its labels; every annotated pixel weighs the same."""
    array = sample.image.array
    labels: NDArray[Any] = sample.labels
    valid = np.ones(labels.shape) if sample.valid is None else sample.valid
    if target is not None:
        labels = target.labels(labels if sample.valid is None else beyond_annotation(labels, sample.valid))
    return TrainingImage(
        name=sample.name,
        image=normalization.fitted_to(array)(array),
        labels=labels.astype(np.uint8),
        weight=valid.astype(np.float32),
        shares=target.shares if target else None,
    )
