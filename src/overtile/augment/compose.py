"""Deformation and grey-value variation together, and the named choices of them."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from overtile.augment.geometric import Deformed, Geometric, deform
from overtile.augment.intensity import Intensity, vary


@dataclass(frozen=True)
class Augmentation:
    """What is varied at random in every training patch.

    Attributes:
        geometric: deformation of image, labels and weights.
        intensity: grey values of the image.
    """

    geometric: Geometric
    intensity: Intensity


PAPER = Augmentation(
    Geometric(rotation_deg=180.0, shift_px=20.0, elastic_sigma_px=10.0, elastic_grid=3, interpolation="bicubic"),
    Intensity(brightness=0.2, contrast=(0.8, 1.25)),
)
"""Ronneberger et al. 2015, Sect. 3.1: shift, rotation, elastic deformation (3 x 3 vectors, 10 px, bicubic), grey value.

The paper gives no ranges for shift, rotation and grey value: any rotation, because the tissues have no preferred
direction; the rest is ours. Missing context is mirrored.
"""

DEFAULT = Augmentation(
    Geometric(rotation_deg=180.0, scale=(0.8, 1.25), flip=True, elastic_sigma_px=10.0, elastic_spacing_px=128.0),
    Intensity(brightness=0.3, contrast=(0.7, 1.4), gamma=(0.7, 1.5), noise_sd=0.2, blur_sigma_px=1.0, probability=0.5),
)
"""For training from few images; the control points keep their distance, so that small patches stay as realistic."""

RIGID = replace(DEFAULT, geometric=replace(DEFAULT.geometric, elastic_sigma_px=0.0))
"""The default without elastic deformation: for objects that do not bend, and to see what the deformation brings."""

UPRIGHT = replace(DEFAULT, geometric=replace(DEFAULT.geometric, rotation_deg=15.0, flip=False))
"""The default without large rotations and mirroring: for images in which up and left mean something, such as MRI slices."""

NONE = Augmentation(Geometric(elastic_sigma_px=0.0), Intensity())
"""The centre of the window as it is."""

AUGMENTATIONS: dict[str, Augmentation] = {
    "paper": PAPER,
    "default": DEFAULT,
    "upright": UPRIGHT,
    "rigid": RIGID,
    "none": NONE,
}


def apply(
    augmentation: Augmentation,
    image: Float[Tensor, "batch channel h w"],
    labels: Integer[Tensor, "batch h w"],
    weight: Float[Tensor, "batch h w"] | None = None,
    *,
    size: tuple[int, int],
    generator: torch.Generator,
) -> Deformed:
    """Augment a batch of source windows to patches about their centres.

    Args:
        augmentation: what is varied.
        image: normalised windows, at least as large as the patch; `source_window` says how large is best.
        labels: class indices or instance numbers; any integer dtype.
        weight: weights of the pixels, 0 to ignore.
        size: size (y, x) of the patches.
        generator: source of randomness. A generator on the CPU gives the same deformations on every device, and
            keeps a GPU from waiting.

    Returns:
        (image, labels, weight) of the patches, in the dtypes that came in.

    Raises:
        ShapeError: when the windows are smaller than the patches.

    >>> image, labels = torch.zeros(2, 1, 8, 8), torch.ones(2, 8, 8, dtype=torch.long)
    >>> patch = apply(AUGMENTATIONS["default"], image, labels, size=(4, 6), generator=torch.Generator())
    >>> patch.image.shape, patch.labels.unique()
    (torch.Size([2, 1, 4, 6]), tensor([1]))
    """
    image, labels, weight = deform(augmentation.geometric, image, labels, weight, size=size, generator=generator)
    return Deformed(vary(augmentation.intensity, image, generator=generator), labels, weight)
