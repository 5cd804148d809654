"""Losses put together: weighted sums, the hybrids of the papers, deep supervision; and every loss by its name."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from overtile.core.errors import OptionError, ShapeError, UnknownNameError
from overtile.losses.cross_entropy import cross_entropy, focal
from overtile.losses.ms_ssim import ms_ssim_loss
from overtile.losses.overlap import Overlap, iou, soft_dice
from overtile.losses.pixels import Loss, Target, check_name, full_precision, mean_over

HeadReduction = Literal["mean", "sum"]


def weighted_sum(*terms: tuple[float, Loss]) -> Loss:
    """The loss sum_k a_k L_k from pairs (a_k, L_k).

    >>> half = weighted_sum((0.25, cross_entropy), (0.25, cross_entropy))
    >>> half(torch.zeros(1, 2, 1), torch.tensor([[0]]))  # ln 2 / 2
    tensor(0.3466)
    """

    def loss(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        values = [factor * term(logits, target, weight) for factor, term in terms]
        return torch.stack(values).sum()

    return loss


def deep_supervision(
    heads: Sequence[Tensor],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    loss: Loss,
    reduction: HeadReduction = "mean",
    head_weights: Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """One loss for each head of a deeply supervised network.

    L = sum_i eta_i L(P_i, Y), as printed (Zhou et al. 2020: eta_i = 1); "mean" divides it by sum_i eta_i, so that the
    value and the learning rate do not depend on the number of heads.

    Args:
        heads: logits (B, C, *S), all of the target's size.
        target: class indices, or shares.
        weight: weights of the pixels, 0 to ignore.
        loss: the loss of a head.
        reduction: mean or sum.
        head_weights: eta_i, one per head; None for 1.

    Raises:
        ShapeError: without heads, or with another number of weights.
        OptionError: all weights are 0, or one is negative.
        UnknownNameError: for another reduction.

    >>> heads = [torch.zeros(1, 2, 1), torch.zeros(1, 2, 1)]
    >>> deep_supervision(heads, torch.tensor([[0]]), loss=cross_entropy, reduction="sum")  # 2 ln 2
    tensor(1.3863)
    """
    check_name("reduction", reduction, HeadReduction)
    eta = [1.0] * len(heads) if head_weights is None else list(head_weights)
    if not heads or len(eta) != len(heads):
        raise ShapeError(
            f"deep supervision needs heads and one weight for each, got {len(heads)} head(s) and {len(eta)} weight(s): "
            "give as many head_weights as the network returns heads"
        )
    if min(eta) < 0 or sum(eta) == 0:
        raise OptionError(f"expected head_weights of 0 or more, one of them above 0, got {eta}")
    total = weighted_sum(*((e, partial(_of_head, loss, head)) for e, head in zip(eta, heads, strict=True)))(
        heads[0], target, weight
    )
    return total / sum(eta) if reduction == "mean" else total


def guidance(
    presence: Float[Tensor, "batch outputs"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
) -> Float[Tensor, ""]:
    """Loss of the classification head of U-Net 3+ (Huang et al. 2020, Sect. 2.4): is there any foreground?

    Binary cross-entropy of the head's logits with the image-level label, which is 1 where any pixel that counts is
    not background. Images whose pixels are all ignored have no label and are left out.

    Args:
        presence: logits, one for "foreground", or two for ("background only", "foreground").
        target: class indices of the pixels, or shares.
        weight: weights of the pixels, 0 to ignore.

    Raises:
        ShapeError: for another number of outputs.

    >>> guidance(torch.tensor([[0.0]]), torch.tensor([[0, 0, 2]]))  # ln 2
    tensor(0.6931)
    """
    if presence.shape[1] not in (1, 2):
        raise ShapeError(f"a classification head has 1 or 2 outputs, got {presence.shape[1]}")
    presence = full_precision(presence)
    foreground = target[:, 0] < 1 if target.is_floating_point() else target > 0
    counted = torch.ones_like(foreground) if weight is None else weight > 0
    present = (foreground & counted).flatten(1).any(dim=1)
    label = present[:, None] if presence.shape[1] == 1 else torch.stack([~present, present], dim=1)
    error = F.binary_cross_entropy_with_logits(presence, label.to(presence.dtype), reduction="none").mean(dim=1)
    return mean_over(error, counted.flatten(1).any(dim=1).to(error.dtype))


unet_plus_plus = weighted_sum((1.0, cross_entropy), (1.0, partial(soft_dice, overlap=Overlap(power=2))))
"""Cross-entropy + soft Dice with squared denominator (Zhou et al. 2020, Eq. 3).

As printed, the second term is a sum over pixels of 2 y p / (y^2 + p^2), undefined at y = p = 0. It is read as the soft
Dice coefficient of each class, and the first as the whole cross-entropy; "1 -" makes the best value 0.
"""

unet_plus_plus_2018 = weighted_sum((0.5, cross_entropy), (1.0, partial(soft_dice, overlap=Overlap(per="batch"))))
"""Half the cross-entropy + soft Dice over the whole batch, smooth 1 (Zhou et al. 2018, Eq. 3); "1 -" added."""

unet3plus = weighted_sum((1.0, focal), (1.0, ms_ssim_loss), (1.0, iou))
"""Focal + MS-SSIM + IoU (Huang et al. 2020, Sect. 2.3); gamma and alpha, which the paper leaves open, of Lin et al."""

LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "focal": focal,
    "soft_dice": soft_dice,
    "iou": iou,
    "ms_ssim": ms_ssim_loss,
    "ms_ssim_unet3plus": partial(ms_ssim_loss, definition="unet3plus"),
    "cross_entropy_dice": weighted_sum((1.0, cross_entropy), (1.0, soft_dice)),
    "unet_plus_plus": unet_plus_plus,
    "unet_plus_plus_2018": unet_plus_plus_2018,
    "unet3plus": unet3plus,
}
"""Every loss by its name."""


def by_name(name: str) -> Loss:
    """The loss of that name.

    Raises:
        UnknownNameError: for a name that is not in `LOSSES`.
    """
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)
    return LOSSES[name]


def _of_head(loss: Loss, head: Tensor, _: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return loss(head, target, weight)
