"""Affine and elastic deformation, fused: image, labels and weights are read once, at the same coordinates.

source(out) = M (out - centre) + shift + d(out) + centre', where M rotates, shears, scales and flips, d is the elastic
field, and centre and centre' are the centres of the patch that comes out and of the window it is read from.
"""

from dataclasses import dataclass
from math import atan2, ceil, cos, log, radians, sin, tan
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from overtile.augment.sampling import SAMPLERS, sample_linear, sample_nearest
from overtile.augment.spline import displacement
from overtile.core.errors import ShapeError, UnknownNameError


@dataclass(frozen=True)
class Geometric:
    """Ranges that a deformation is drawn from, for every sample anew.

    Attributes:
        rotation_deg: rotation, uniform within plus and minus this angle.
        scale: magnification of the objects, log-uniform between the two; both positive.
        shear_deg: shear along x, uniform within plus and minus this angle; under 90.
        shift_px: shift per axis, uniform within plus and minus this distance.
        flip: whether each axis is mirrored with probability 1/2.
        elastic_sigma_px: standard deviation of the displacement vectors; 0 for none.
        elastic_grid: control points per axis, corners included, spread over the patch (Ronneberger et al. 2015: 3).
        elastic_spacing_px: distance of the control points in pixels instead of their number (Falk et al. 2019: 150).
        probability: probability that a sample is deformed at all.
        interpolation: of the image; labels are always read by the nearest pixel, weights bilinearly.
    """

    rotation_deg: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear_deg: float = 0.0
    shift_px: float = 0.0
    flip: bool = False
    elastic_sigma_px: float = 10.0
    elastic_grid: int = 3
    elastic_spacing_px: float | None = None
    probability: float = 1.0
    interpolation: Literal["bilinear", "bicubic", "spline"] = "bilinear"

    @property
    def is_identity(self) -> bool:
        """Whether nothing can be drawn but the identity."""
        moves = self.rotation_deg or self.shear_deg or self.shift_px or self.elastic_sigma_px or self.flip
        return self.probability == 0 or not (moves or self.scale != (1.0, 1.0))


class Deformed(NamedTuple):
    """A batch after augmentation: image (B, C, H, W), labels (B, H, W), weight (B, H, W) or None."""

    image: Tensor
    labels: Tensor
    weight: Tensor | None


def affine_matrices(geometric: Geometric, batch: int, generator: torch.Generator) -> Float[Tensor, "batch 2 2"]:
    """Draw one matrix per sample that maps (y, x) offsets in the patch to offsets in the source.

    M = R(angle) [[1, 0], [tan(shear), 1]] diag(flip) / scale.

    >>> affine_matrices(Geometric(), 1, torch.Generator())
    tensor([[[1., 0.],
             [0., 1.]]])
    """
    angle = _uniform(radians(geometric.rotation_deg), (batch,), generator)
    shear = _uniform(radians(geometric.shear_deg), (batch,), generator).tan()
    low, high = log(geometric.scale[0]), log(geometric.scale[1])
    step = torch.exp(_uniform((high - low) / 2, (batch,), generator) + (high + low) / 2).reciprocal()
    signs = torch.randint(0, 2, (batch, 2), generator=generator, device=generator.device) * 2 - 1
    y, x = (step[:, None] * (signs if geometric.flip else 1)).expand(batch, 2).unbind(-1)
    cosine, sine = angle.cos(), angle.sin()
    row_y = torch.stack([(cosine - sine * shear) * y, -sine * x], dim=-1)
    row_x = torch.stack([(sine + cosine * shear) * y, cosine * x], dim=-1)
    return torch.stack([row_y, row_x], dim=1)


def sampling_coordinates(
    geometric: Geometric,
    batch: int,
    *,
    source: tuple[int, int],
    size: tuple[int, int],
    generator: torch.Generator,
    device: torch.device,
) -> Float[Tensor, "batch y x 2"]:
    """Draw one deformation per sample: where in the source window each pixel of the patch is read.

    The few random numbers are drawn on the generator's device, the dense field is made on `device`: one seed gives
    the same deformations on every device.

    Args:
        geometric: the ranges.
        batch: number of samples.
        source: size (y, x) of the window that is read.
        size: size (y, x) of the patch that comes out.
        generator: source of randomness.
        device: where the coordinates are needed.

    Returns:
        Absolute (y, x) coordinates in pixels of the source.
    """
    points = [_control_points(geometric, n) for n in size]
    matrix = affine_matrices(geometric, batch, generator)
    shift = _uniform(geometric.shift_px, (batch, 2), generator)
    vectors = torch.randn((batch, 2, *points), generator=generator, device=generator.device)
    moved = torch.rand(batch, generator=generator, device=generator.device) < geometric.probability

    matrix = torch.where(moved[:, None, None], matrix, torch.eye(2, device=matrix.device)).to(device)
    shift = (shift * moved[:, None]).to(device)
    half = [(n - 1) / 2 for n in size]
    y, x = (torch.arange(n, device=device) - h for n, h in zip(size, half, strict=True))
    centre = torch.tensor([(s - n) // 2 + h for s, n, h in zip(source, size, half, strict=True)], device=device)
    along_y = matrix[:, :, 0, None] * y
    along_x = matrix[:, :, 1, None] * x + (shift + centre)[:, :, None]
    coordinates = along_y[:, :, :, None] + along_x[:, :, None, :]
    if geometric.elastic_sigma_px:
        grid = vectors * (geometric.elastic_sigma_px * moved[:, None, None, None])
        coordinates += displacement(grid.to(device), size, spacing_px=geometric.elastic_spacing_px)
    return coordinates.permute(0, 2, 3, 1)


def warp(
    image: Float[Tensor, "batch channel h w"],
    labels: Integer[Tensor, "batch h w"],
    weight: Float[Tensor, "batch h w"] | None,
    coordinates: Float[Tensor, "batch y x 2"],
    *,
    interpolation: Literal["bilinear", "bicubic", "spline"] = "bilinear",
) -> Deformed:
    """Read image, labels and weight at the same coordinates; beyond the border they are mirrored.

    Labels come from the nearest pixel. Weights are interpolated bilinearly, and stay 0 where the nearest pixel has
    weight 0, so that no pixel to be ignored gains a weight.

    Raises:
        UnknownNameError: for another interpolation.

    >>> image, labels = torch.tensor([[[[0.0, 4.0]]]]), torch.tensor([[[5, 6]]])
    >>> warp(image, labels, None, torch.tensor([[[[0.0, 0.75], [0.0, 0.0]]]]))[:2]
    (tensor([[[[3., 0.]]]]), tensor([[[6, 5]]]))
    """
    if interpolation not in SAMPLERS:
        raise UnknownNameError("interpolation", interpolation, SAMPLERS)
    read = SAMPLERS[interpolation](image.float(), coordinates).to(image.dtype)
    if weight is None:
        return Deformed(read, sample_nearest(labels, coordinates), None)
    smooth = sample_linear(weight[:, None].float(), coordinates)[:, 0]
    counts = sample_nearest(weight, coordinates) > 0
    return Deformed(read, sample_nearest(labels, coordinates), (smooth * counts).to(weight.dtype))


def deform(
    geometric: Geometric,
    image: Float[Tensor, "batch channel h w"],
    labels: Integer[Tensor, "batch h w"],
    weight: Float[Tensor, "batch h w"] | None = None,
    *,
    size: tuple[int, int],
    generator: torch.Generator,
) -> Deformed:
    """Deform a batch at random; the patch that comes out lies about the centre of the window that came in.

    Raises:
        ShapeError: when the window is smaller than the patch.

    >>> image, labels = torch.arange(4.0).view(1, 1, 1, 4), torch.arange(4).view(1, 1, 4)
    >>> deform(Geometric(elastic_sigma_px=0.0), image, labels, size=(1, 2), generator=torch.Generator()).labels
    tensor([[[1, 2]]])
    """
    source = (image.shape[2], image.shape[3])
    if source[0] < size[0] or source[1] < size[1]:
        raise ShapeError(
            f"a patch of {size[0]} x {size[1]} pixels cannot be read from a window of {source[0]} x {source[1]}: "
            "read a window of at least the patch's size (see source_window)"
        )
    if geometric.is_identity:
        y, x = (slice((s - n) // 2, (s - n) // 2 + n) for s, n in zip(source, size, strict=True))
        return Deformed(image[..., y, x], labels[..., y, x], None if weight is None else weight[..., y, x])
    coordinates = sampling_coordinates(
        geometric, image.shape[0], source=source, size=size, generator=generator, device=image.device
    )
    return warp(image, labels, weight, coordinates, interpolation=geometric.interpolation)


def source_window(size: tuple[int, int], geometric: Geometric) -> tuple[int, int]:
    """Size of the window to read so that a patch of `size` seldom needs anything beyond it.

    It holds every rotation, shear, scale and shift in range, and elastic displacements of up to two standard
    deviations. The rare rest is mirrored.

    >>> source_window((101, 101), Geometric(rotation_deg=45.0, elastic_sigma_px=0.0))
    (143, 143)
    >>> source_window((64, 32), Geometric(shift_px=3.0, elastic_sigma_px=10.0))
    (110, 78)
    """
    if geometric.is_identity:
        return size
    step = 1 / geometric.scale[0]
    y = step * (size[0] - 1) / 2
    x = step * (size[1] - 1) / 2 + tan(radians(geometric.shear_deg)) * y
    extents = (_turned(y, x, geometric.rotation_deg), _turned(x, y, geometric.rotation_deg))
    extra = geometric.shift_px + 2 * geometric.elastic_sigma_px
    margins = [max(ceil(extent + extra - (n - 1) / 2 - 1e-6), 0) for n, extent in zip(size, extents, strict=True)]
    return size[0] + 2 * margins[0], size[1] + 2 * margins[1]


def _turned(along: float, across: float, rotation_deg: float) -> float:
    """Largest extent of a rectangle along one axis over all rotations up to the given angle."""
    angle = min(radians(rotation_deg), atan2(across, along))
    return along * cos(angle) + across * sin(angle)


def _control_points(geometric: Geometric, size: int) -> int:
    """Control points along one axis of a patch."""
    if geometric.elastic_spacing_px is None:
        return geometric.elastic_grid
    return max(ceil((size - 1) / geometric.elastic_spacing_px), 1) + 1


def _uniform(bound: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform random numbers within plus and minus `bound`."""
    return (torch.rand(shape, generator=generator, device=generator.device) * 2 - 1) * bound
