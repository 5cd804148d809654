"""How good a network is on held-out images while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from overtile.prediction import Tiling, predict_tiled
from overtile.training.samples import TrainingImage

MOST_PIXELS = 1 << 20
"""Pixels that a validation looks at, so that ten of them cost a few percent of ten minutes."""

LEAST_SIDE_PX = 512
"""Images are rather left out than cut smaller than this."""


@dataclass(frozen=True)
class Validation:
    """What a validation found, over all valid pixels of the held-out images together.

    Attributes:
        score: mean Dice of the classes apart from the first (the background); higher is better. A pixel that is a
            mixture of classes counts for the one with the largest share.
        loss: mean unweighted cross-entropy.
        dice: Dice coefficient of each class; NaN where neither truth nor prediction has it.
        predicted: share of the pixels that are predicted as each class.
    """

    score: float
    loss: float
    dice: list[float]
    predicted: list[float]


def centre_parts(images: Sequence[TrainingImage]) -> list[TrainingImage]:
    """The centres of some images, spread evenly over them, with about MOST_PIXELS in all."""
    total = sum(image.labels.size for image in images)
    if total <= MOST_PIXELS:
        return list(images)
    count = min(len(images), MOST_PIXELS // LEAST_SIDE_PX**2)
    side = isqrt(MOST_PIXELS // count)
    return [_centre(images[i * len(images) // count], side) for i in range(count)]


def _centre(image: TrainingImage, side: int) -> TrainingImage:
    """The centre of an image; of one that is annotated in part, where most of its annotation lies."""
    starts = [max((n - side) // 2, 0) for n in image.labels.shape]
    if not image.valid.all():
        starts = _fullest(image.valid, side)
    y, x = (slice(start, start + side) for start in starts)
    return replace(image, image=image.image[:, y, x], labels=image.labels[y, x], weight=image.weight[y, x])


def _fullest(valid: NDArray[np.bool_], side: int) -> list[int]:
    """First row and column of the square that holds most valid pixels."""
    sums = np.pad(valid.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = (min(side, n) for n in valid.shape)
    counts = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    return [int(i) for i in np.unravel_index(int(counts.argmax()), counts.shape)]


def validate(
    model: nn.Module, images: Sequence[TrainingImage], tiling: Tiling, *, device: torch.device, precision: str
) -> Validation:
    """Predict the images tile by tile, as a user would, and compare with their labels.

    Args:
        model: the network; it is left in evaluation mode.
        images: at least one.
        tiling: of the network.
        device: of the network.
        precision: to compute in: float32, bfloat16 or float16.
    """
    model.eval()

    def run(part: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(np.ascontiguousarray(part))[None].to(device, memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(device.type, getattr(torch, precision), enabled=precision != "float32"),
        ):
            return np.asarray(model(batch)[0].float().cpu().numpy())

    losses, weights, counts = [], [], []
    for image in images:
        logits = torch.from_numpy(predict_tiled(image.image, run, tiling))
        valid = torch.from_numpy(image.valid)
        labels, classes = (torch.from_numpy(array[image.valid]).long() for array in (image.labels, image.classes))
        target = labels if image.shares is None else torch.from_numpy(image.shares)[labels]
        losses.append(float(F.cross_entropy(logits[:, valid].T, target, reduction="sum")))
        weights.append(int(valid.sum()))
        counts.append(_confusion(classes, logits.argmax(0)[valid], logits.shape[0]))
    confusion = np.sum(counts, axis=0)
    dice = _dice(confusion)
    return Validation(
        score=float(np.nanmean(dice[1:])) if np.isfinite(dice[1:]).any() else 1.0,
        loss=sum(losses) / max(sum(weights), 1),
        dice=dice.tolist(),
        predicted=(confusion.sum(axis=0) / max(confusion.sum(), 1)).tolist(),
    )


def _confusion(truth: torch.Tensor, predicted: torch.Tensor, classes: int) -> NDArray[np.int64]:
    return torch.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes).numpy()


def _dice(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 TP / (|truth| + |prediction|) per class."""
    both, size = np.diag(confusion), confusion.sum(0) + confusion.sum(1)
    return np.where(size > 0, 2 * both / np.maximum(size, 1), np.nan)
