"""Overlap losses: soft Dice and soft IoU (Jaccard)."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from overtile.losses.pixels import Target, check_name, mean_over, pixels

Per = Literal["class", "image", "image_class", "batch"]
Absent = Literal["count", "skip"]


@dataclass(frozen=True)
class Overlap:
    """How overlaps are counted.

    Attributes:
        per: what has a coefficient of its own, over which the loss is the mean. "class": each class, summed over the
            batch; "image": each image, summed over classes; "image_class": each class of each image; "batch": one
            coefficient for everything.
        power: 2 squares the probabilities in the denominator (Milletari et al. 2016), 1 does not.
        smooth: added to numerator and denominator.
        background: whether class 0 counts. A single logit has no background map.
        absent: what becomes of a class, or image, without target pixels. "count": it counts, and what is predicted
            there lowers its coefficient, to smooth / (size + smooth); "skip": it is left out of the mean.

    Where numerator and denominator are both 0 the coefficient is 1. Images whose pixels are all ignored are left out.
    """

    per: Per = "class"
    power: Literal[1, 2] = 1
    smooth: float = 1.0
    background: bool = True
    absent: Absent = "count"

    def __post_init__(self) -> None:
        check_name("per", self.per, Per)
        check_name("absent", self.absent, Absent)


DICE = Overlap()
"""One coefficient per class over the batch, with smooth = 1."""

OFFICIAL_IOU = Overlap(per="image", smooth=0.0)
"""One coefficient per image over classes and space, no smoothing: as in the official code of U-Net 3+."""


def soft_dice(
    logits: Float[Tensor, "batch classes *space"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    overlap: Overlap = DICE,
) -> Float[Tensor, ""]:
    """One minus the soft Dice coefficient (Milletari et al. 2016, Eq. 2).

    L = 1 - mean (2 sum_x w p g + s) / (sum_x w p^k + sum_x w g + s), with p the probabilities, g the one-hot target, w
    the weights, k the power and s the smoothing.

    Args:
        logits: one map per class, or a single one for a binary problem.
        target: class indices, or shares.
        weight: weights of the pixels, 0 to ignore.
        overlap: what is summed and what is averaged.

    Raises:
        ShapeError: when the shapes do not fit.

    >>> soft_dice(torch.zeros(1, 1, 1, 2), torch.tensor([[[1, 0]]]), overlap=Overlap(smooth=0.0))  # 1 - 1 / 2
    tensor(0.5000)
    """
    sums = _sums(logits, target, weight, overlap)
    s = overlap.smooth
    return _one_minus(2 * sums.common + s, sums.predicted + sums.true + s, sums.counts)


def iou(
    logits: Float[Tensor, "batch classes *space"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    overlap: Overlap = OFFICIAL_IOU,
) -> Float[Tensor, ""]:
    """One minus the soft intersection over union, the Jaccard index (Huang et al. 2020, Sect. 2.3).

    L = 1 - mean (sum_x w p g + s) / (sum_x w p^k + sum_x w g - sum_x w p g + s), letters as in `soft_dice`.

    Args:
        logits: one map per class, or a single one for a binary problem.
        target: class indices, or shares.
        weight: weights of the pixels, 0 to ignore.
        overlap: what is summed and what is averaged.

    Raises:
        ShapeError: when the shapes do not fit.

    >>> iou(torch.zeros(1, 1, 1, 2), torch.tensor([[[1, 0]]]))  # 1 - 0.5 / 1.5
    tensor(0.6667)
    """
    sums = _sums(logits, target, weight, overlap)
    s = overlap.smooth
    return _one_minus(sums.common + s, sums.predicted + sums.true - sums.common + s, sums.counts)


@dataclass(frozen=True)
class _Sums:
    """Per coefficient: sum w p g, sum w p^k, sum w g, and 1 where it counts for the mean."""

    common: Tensor
    predicted: Tensor
    true: Tensor
    counts: Tensor


def _sums(logits: Tensor, target: Tensor, weight: Tensor | None, overlap: Overlap) -> _Sums:
    batch = pixels(logits, target, weight)
    p, g, w = batch.probabilities, batch.one_hot, batch.weight[:, None]
    if not overlap.background and p.shape[1] > 1:
        p, g = p[:, 1:], g[:, 1:]
    space = range(2, p.ndim)
    axes = {"class": (0, *space), "image": (1, *space), "image_class": (*space,), "batch": (0, 1, *space)}
    over = axes[overlap.per]
    true = (w * g).sum(over)
    counts = (w.expand_as(g) > 0).sum(over) > 0
    if overlap.absent == "skip":
        counts = counts & (true > 0)
    return _Sums((w * p * g).sum(over), (w * p**overlap.power).sum(over), true, counts.to(p.dtype))


def _one_minus(numerator: Tensor, denominator: Tensor, counts: Tensor) -> Tensor:
    """1 - numerator / denominator, with 0 / 0 = 1, averaged over what counts."""
    defined = denominator > 0
    ratio = torch.where(defined, numerator / torch.where(defined, denominator, 1), 1)
    return mean_over(1 - ratio, counts)
