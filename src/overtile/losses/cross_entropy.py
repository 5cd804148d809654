"""Cross-entropy weighted pixel by pixel, and its focal form."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from overtile.core.errors import OptionError
from overtile.losses.pixels import Pixels, Target, check_name, mean_over, pixels

Reduction = Literal["weighted_mean", "sum", "mean"]
"""sum w e / sum w, sum w e, or sum w e / number of pixels, ignored ones included."""


def cross_entropy(
    logits: Float[Tensor, "batch classes *space"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    class_weights: Float[Tensor, " classes_or_two"] | None = None,
    reduction: Reduction = "weighted_mean",
) -> Float[Tensor, ""]:
    """Weighted cross-entropy, the energy of Ronneberger et al. (2015), Eq. 1.

    E = - sum_x w(x) log p_l(x)(x), where l(x) is the class of pixel x; with shares y_c(x) in the classes instead,
    E = - sum_x w(x) sum_c y_c(x) log p_c(x), which is smallest at p = y. The paper prints no minus sign and names no
    reduction: "sum" is the formula; the default divides it by sum_x w(x), so that the learning rate does not depend
    on the size of the tile.

    Args:
        logits: one map per class, or a single one for a binary problem.
        target: class indices, or shares.
        weight: w(x), 0 to ignore a pixel.
        class_weights: factor of w(x) by the pixel's class, for a binary problem (background, foreground).
        reduction: how pixels are put together.

    Raises:
        ShapeError: when the shapes do not fit.
        UnknownNameError: for another reduction.

    >>> cross_entropy(torch.zeros(1, 2, 1, 4), torch.tensor([[[0, 1, 1, 0]]]), reduction="sum")  # 4 ln 2
    tensor(2.7726)
    """
    batch = pixels(logits, target, weight)
    w = batch.weight
    if class_weights is not None:
        w = w * _mixed(batch, class_weights.to(w))
    return _reduce(_surprise(batch), w, reduction)


def focal(
    logits: Float[Tensor, "batch classes *space"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    gamma: float = 2.0,
    alpha: float | None = 0.25,
    reduction: Reduction = "weighted_mean",
) -> Float[Tensor, ""]:
    """Focal loss (Lin et al. 2017, Eq. 5): pixels that are right already count less.

    e(x) = - alpha_t (1 - p_t)^gamma log p_t, where p_t is the probability of the target's class, alpha_t = alpha for
    the foreground and 1 - alpha for class 0. Computed from log p_t, so that no probability is rounded to 0.

    Args:
        logits: one map per class, or a single one for a binary problem.
        target: class indices.
        weight: weights of the pixels, 0 to ignore.
        gamma: focusing exponent, 0 or more; 0 gives the cross-entropy.
        alpha: weight of the foreground, 0 to 1; None for no class balance.
        reduction: how pixels are put together; "weighted_mean" divides by the pixels' weights alone, not by alpha.

    Raises:
        ShapeError: when the shapes do not fit.
        OptionError: the target holds shares, which the smallest focal loss would not give back.
        UnknownNameError: for another reduction.

    >>> focal(torch.zeros(1, 1, 1, 1), torch.tensor([[[1]]]))  # 0.25 * 0.5^2 * ln 2
    tensor(0.0433)
    """
    if target.is_floating_point():
        raise OptionError(
            "the focal loss takes class indices, got shares of classes: use loss.cross_entropy, loss.soft_dice"
        )
    batch = pixels(logits, target, weight)
    surprise = _surprise(batch)
    # 1 - p_t; the floor keeps the slope of the power finite at p_t = 1
    wrong = (-torch.expm1(-surprise)).clamp(min=1e-12)
    error = wrong**gamma * surprise
    if alpha is not None:
        error = error * torch.where(batch.target > 0, alpha, 1 - alpha)
    return _reduce(error, batch.weight, reduction)


def _surprise(batch: Pixels) -> Tensor:
    """- log p_t of every pixel, (B, *S)."""
    if batch.logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(batch.logits[:, 0], batch.one_hot[:, 0], reduction="none")
    return F.cross_entropy(batch.logits, batch.target, reduction="none")


def _mixed(batch: Pixels, values: Tensor) -> Tensor:
    """The value of each pixel's class, (B, *S); of several classes by their shares."""
    if not batch.target.is_floating_point():
        return values[batch.target]
    shares = batch.target if batch.logits.shape[1] > 1 else torch.cat([1 - batch.target, batch.target], dim=1)
    return torch.einsum("bc...,c->b...", shares, values)


def _reduce(error: Tensor, weight: Tensor, reduction: Reduction) -> Tensor:
    check_name("reduction", reduction, Reduction)
    if reduction == "weighted_mean":
        return mean_over(error, weight)
    total = (error * weight).sum()
    return total if reduction == "sum" else total / max(error.numel(), 1)
