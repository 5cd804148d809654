"""Reading images and labels at absolute (y, x) coordinates; what lies beyond the border is mirrored.

The mirror does not repeat the edge pixel. Every function takes a batch with its own coordinates per sample.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from overtile.augment.spline import coefficients

Sampler = Callable[[Tensor, Tensor], Tensor]
"""(image (B, C, h, w), coordinates (B, H, W, 2)) -> (B, C, H, W)."""


def sample_nearest(
    values: Shaped[Tensor, "batch *channel h w"], coordinates: Float[Tensor, "batch y x 2"]
) -> Shaped[Tensor, "batch *channel y x"]:
    """Read the pixel nearest to each coordinate; any dtype, no value is invented.

    >>> sample_nearest(torch.tensor([[[7, 8, 9]]]), torch.tensor([[[[0.0, 1.6], [0.0, -1.1]]]]))
    tensor([[[9, 8]]])
    """
    h, w = values.shape[-2:]
    nearest = coordinates.round()
    index = mirrored(nearest[..., 0], h).long() * w + mirrored(nearest[..., 1], w).long()
    flat = values.flatten(-2)
    index = index.reshape(len(index), *[1] * (flat.ndim - 2), -1).expand(*flat.shape[:-1], -1)
    return flat.gather(-1, index).reshape(*flat.shape[:-1], *coordinates.shape[1:3])


def sample_linear(
    image: Float[Tensor, "batch channel h w"], coordinates: Float[Tensor, "batch y x 2"]
) -> Float[Tensor, "batch channel y x"]:
    """Read by bilinear interpolation.

    >>> sample_linear(torch.tensor([[[[0.0, 2.0, 4.0]]]]), torch.tensor([[[[0.0, 0.5], [0.0, -1.0]]]]))
    tensor([[[[1., 2.]]]])
    """
    grid = _grid(coordinates, image)
    return F.grid_sample(image, grid, "bilinear", padding_mode="reflection", align_corners=True)


def sample_cubic(
    image: Float[Tensor, "batch channel h w"], coordinates: Float[Tensor, "batch y x 2"]
) -> Float[Tensor, "batch channel y x"]:
    """Read by cubic convolution (Keys 1981, with a = -3/4)."""
    grid = _grid(coordinates, image)
    return F.grid_sample(image, grid, "bicubic", padding_mode="reflection", align_corners=True)


def sample_spline(
    image: Float[Tensor, "batch channel h w"], coordinates: Float[Tensor, "batch y x 2"]
) -> Float[Tensor, "batch channel y x"]:
    """Read the bicubic spline that interpolates the image (Unser 1999).

    Along an axis, the four coefficients around a position are read as two linear interpolations (Sigg and Hadwiger
    2005): b(-1) c[-1] + b(0) c[0] = g c(-1 + b(0) / g) with g = b(-1) + b(0), and likewise for the other two.
    """
    c = coefficients(image)
    start = coordinates.floor()
    t = coordinates - start
    centre = 2 / 3 - t**2 + t**3 / 2
    mass = (1 - t) ** 3 / 6 + centre
    low = (start - 1 + centre / mass, mass)
    high = (start + 1 + t**3 / 6 / (1 - mass), 1 - mass)
    terms = [
        sample_linear(c, torch.stack([y[..., 0], x[..., 1]], dim=-1)) * (g_y[..., 0] * g_x[..., 1])[:, None]
        for y, g_y in (low, high)
        for x, g_x in (low, high)
    ]
    return terms[0] + terms[1] + terms[2] + terms[3]


SAMPLERS: dict[str, Sampler] = {
    "bilinear": sample_linear,
    "bicubic": sample_cubic,
    "spline": sample_spline,
}


def mirrored(position: Float[Tensor, "*any"], size: int) -> Float[Tensor, "*any"]:
    """Fold positions back into 0 .. size - 1 by mirroring about the first and the last pixel.

    >>> mirrored(torch.tensor([-2.0, 3.0, 4.0, 7.0]), 4)
    tensor([2., 3., 2., 1.])
    """
    period = max(2 * (size - 1), 1)
    folded = position.remainder(period)
    return torch.minimum(folded, period - folded)


def _grid(coordinates: Tensor, image: Tensor) -> Tensor:
    """Coordinates in the units of `grid_sample`: (x, y), -1 at the first and 1 at the last pixel."""
    (h, w), (y, x) = image.shape[2:], coordinates.unbind(-1)
    return torch.stack([x * (2 / max(w - 1, 1)) - 1, y * (2 / max(h - 1, 1)) - 1], dim=-1)
