"""Multi-scale structural similarity of probabilities and truth."""

from math import exp
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from overtile.losses.pixels import Target, check_name, full_precision, mean_over, pixels

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""beta_m = gamma_m of the scales, finest first (Wang et al. 2003, Sect. 3.2)."""

WINDOW, SIGMA_PX = 11, 1.5
C1, C2 = 0.01**2, 0.03**2

AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}

Definition = Literal["wang2003", "unet3plus"]
"""Luminance at the coarsest scale only (Wang et al. 2003), or at every scale (Huang et al. 2020, Eq. 3)."""


def ms_ssim(
    x: Float[Tensor, "batch channels *space"],
    y: Float[Tensor, "batch channels *space"],
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    definition: Definition = "wang2003",
) -> Float[Tensor, "batch channels"]:
    """Multi-scale structural similarity of images with values 0 to 1, per image and channel.

    l = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1),  cs = (2 s_xy + C2) / (s_x^2 + s_y^2 + C2), with means and
    (co)variances under a Gaussian window of 11 pixels, sigma 1.5, that lies within the image; C1 = 0.01^2, C2 = 0.03^2.
    With < > the mean over windows, and maps halved by 2 x 2 averages from scale m to m + 1:

    wang2003:   <l_M cs_M>^beta_M  prod_{m<M} <cs_m>^beta_m   (Wang et al. 2003, Eq. 7; last scale as in their code)
    unet3plus:  prod_{m<=M} <l_m>^beta_m <cs_m>^beta_m        (Huang et al. 2020, Eq. 3, as printed)

    Where the papers are silent: M is 5, or as many scales as still hold a window, whose exponents are then scaled to
    sum up to 1; an image smaller than one window has a window of its own size. A negative <cs> is 0.
    Pixels of weight 0 are left out of every window and every average; a window counts by the weight under it. An
    image without weight has similarity 1.

    Args:
        x: images.
        y: images to compare with.
        weight: weights of the pixels, 0 to ignore.
        definition: which of the two.

    Returns:
        Similarities, 1 for equal images.

    Raises:
        UnknownNameError: for another definition.

    >>> ms_ssim(torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.01))  # l = 1e-4 / 2e-4, cs = 1
    tensor([[0.5000]])
    """
    check_name("definition", definition, Definition)
    x, y = full_precision(x), full_precision(y)
    w = torch.ones_like(x[:, :1]) if weight is None else weight[:, None].to(x.dtype)
    exponents = _exponents(x.shape[2:])
    similarity = x.new_ones(x.shape[:2])
    for m, beta in enumerate(exponents):
        if m > 0:
            x, y, w = _halve(x, y, w)
        luminance, cs, mass = _local_similarity(x, y, w)
        if definition == "unet3plus":
            similarity = similarity * _power(_mean(luminance, mass), beta)
        elif m == len(exponents) - 1:
            cs = luminance * cs
        similarity = similarity * _power(_mean(cs, mass), beta)
    return similarity


def ms_ssim_loss(
    logits: Float[Tensor, "batch classes *space"],
    target: Target,
    weight: Float[Tensor, " batch *space"] | None = None,
    *,
    definition: Definition = "wang2003",
) -> Float[Tensor, ""]:
    """One minus the multi-scale structural similarity of probabilities and one-hot target.

    L = 1 - mean over images and classes of ms_ssim(p, g). Where a <cs> is negative the similarity is 0 and so is its
    gradient: train with another loss beside it, as U-Net 3+ does. Images whose pixels are all ignored are left out.

    Args:
        logits: one map per class, or a single one for a binary problem.
        target: class indices, or shares.
        weight: weights of the pixels, 0 to ignore.
        definition: see `ms_ssim`.

    Raises:
        ShapeError: when the shapes do not fit.

    >>> ms_ssim_loss(torch.full((1, 1, 16, 16), 50.0), torch.ones(1, 16, 16, dtype=torch.long))
    tensor(0.)
    """
    batch = pixels(logits, target, weight)
    similarity = ms_ssim(batch.probabilities, batch.one_hot, batch.weight, definition=definition)
    counts = (batch.weight.flatten(1) > 0).any(dim=1).to(similarity.dtype)
    return mean_over(1 - similarity.mean(dim=1), counts)


def _exponents(size: torch.Size) -> list[float]:
    """Exponents of the scales whose map still holds a whole window; of the first scale always."""
    kept = [beta for m, beta in enumerate(EXPONENTS) if m == 0 or min(size) >> m >= WINDOW]
    return kept if len(kept) == len(EXPONENTS) else [beta / sum(kept) for beta in kept]


def _local_similarity(x: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Luminance l and contrast-structure cs of every window, (B, C, *S'), and its weight, (B, 1, *S')."""
    counted = (w > 0).to(x.dtype)
    covered = _gaussian(counted)
    covered = torch.where(covered > 0, covered, 1)
    x, y = x * counted, y * counted
    mu_x, mu_y, xx, yy, xy = (_gaussian(maps) / covered for maps in (x, y, x * x, y * y, x * y))
    luminance = (2 * mu_x * mu_y + C1) / (mu_x**2 + mu_y**2 + C1)
    cs = (2 * (xy - mu_x * mu_y) + C2) / (xx - mu_x**2 + yy - mu_y**2 + C2)
    return luminance, cs, _gaussian(w)


def _gaussian(maps: Tensor) -> Tensor:
    """Mean under the Gaussian window along every spatial axis; (B, C, *S) to (B, C, *S - 10)."""
    for axis in range(2, maps.ndim):
        n = min(WINDOW, maps.shape[axis])
        kernel = [exp(-((k - (n - 1) / 2) ** 2) / (2 * SIGMA_PX**2)) for k in range(n)]
        maps = _Filter.apply(maps, axis, [value / sum(kernel) for value in kernel])  # type: ignore[no-untyped-call]
    return maps


class _Filter(torch.autograd.Function):
    """Correlation with a kernel along one axis, where it lies within the map, and its adjoint.

    A sum of shifted maps: on a CPU the gradient of a convolution with one channel takes many times as long, and
    autocast, which would run a convolution in half precision, leaves it alone.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, axis: int, kernel: list[float]) -> Tensor:
        ctx.axis, ctx.kernel = axis, kernel
        n = maps.shape[axis] - len(kernel) + 1
        out = maps.narrow(axis, 0, n) * kernel[0]
        for k, value in enumerate(kernel[1:], start=1):
            out.add_(maps.narrow(axis, k, n), alpha=value)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        n = gradient.shape[ctx.axis]
        shape = list(gradient.shape)
        shape[ctx.axis] = n + len(ctx.kernel) - 1
        out = gradient.new_zeros(shape)
        for k, value in enumerate(ctx.kernel):
            out.narrow(ctx.axis, k, n).add_(gradient, alpha=value)
        return out, None, None


def _halve(x: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """2 x 2 averages over the pixels that count."""
    pool = AVERAGE_POOL[x.ndim - 2]
    counted = (w > 0).to(x.dtype)
    covered = pool(counted, 2)
    covered = torch.where(covered > 0, covered, 1)
    return pool(x * counted, 2) / covered, pool(y * counted, 2) / covered, pool(w, 2)


def _mean(maps: Tensor, mass: Tensor) -> Tensor:
    """Mean over windows by their weight, (B, C); 1 where no window has any."""
    total = mass.flatten(2).sum(-1)
    mean = (maps * mass).flatten(2).sum(-1) / torch.where(total > 0, total, 1)
    return torch.where(total > 0, mean, 1)


def _power(base: Tensor, exponent: float) -> Tensor:
    """max(base, 0)^exponent, with slope 0 instead of an infinite one at 0."""
    positive = base > 0
    return torch.where(positive, torch.where(positive, base, 1) ** exponent, 0)
