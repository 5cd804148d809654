"""Cubic B-splines: the dense elastic field from a coarse grid, and the coefficients of an image."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from overtile.core.errors import ShapeError
from overtile.core.mirror import mirrored_indices

POLE = 3**0.5 - 2
"""Pole of the recursive filter that turns samples into cubic B-spline coefficients (Unser 1999, Table 1)."""

PREFILTER_RADIUS = 13
"""|POLE| ** 13 < 4e-8: beyond it the filter's response is under the precision of float32."""


def cubic_bspline(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic B-spline kernel b(t) (Unser 1999, Eq. 3), zero for |t| >= 2.

    b(t) = 2/3 - t^2 + |t|^3 / 2 for |t| < 1, (2 - |t|)^3 / 6 for 1 <= |t| < 2.

    >>> cubic_bspline(np.array([0.0, 1.0, 2.0])).round(4)
    array([0.6667, 0.1667, 0.    ])
    """
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)


def spline_matrix(points: int, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix W whose product with `points` samples is the cubic spline through them, read at `positions`.

    W = B A^-1 with B[x, k] = b(x - k) and A[j, k] = b(j - k), samples mirrored about the first and the last one.

    Args:
        points: number of samples, at 0, 1, ..., points - 1; at least 2.
        positions: where the spline is read, between 0 and points - 1.

    Returns:
        (len(positions), points).

    Raises:
        ShapeError: for fewer than 2 points.

    >>> (spline_matrix(3, np.array([0.0, 1.0, 1.5])) @ [0.0, 8.0, 0.0]).round(6)
    array([0., 8., 4.])
    """
    if points < 2:
        raise ShapeError(f"a spline needs at least 2 control points per axis, got {points}: use a finer grid")
    reach = np.arange(-1.0, points + 1)
    mirrored = np.eye(points)[mirrored_indices(-1, points + 1, points)]
    basis = cubic_bspline(positions[:, None] - reach) @ mirrored
    at_points = cubic_bspline(np.arange(float(points))[:, None] - reach) @ mirrored
    return np.linalg.solve(at_points.T, basis.T).T.astype(np.float64, copy=False)


@lru_cache(maxsize=64)
def _field_matrix(points: int, size: int, spacing_px: float | None, device: torch.device) -> Tensor:
    """The spline matrix of one axis, kept because every training step asks for the same one."""
    spacing = (size - 1) / (points - 1) if spacing_px is None else spacing_px
    positions = np.arange(size) / (spacing or 1.0)
    return torch.from_numpy(spline_matrix(points, positions)).to(device, torch.float32)


def displacement(
    grid: Float[Tensor, "batch 2 grid_y grid_x"],
    size: tuple[int, int],
    *,
    spacing_px: float | None = None,
) -> Float[Tensor, "batch 2 y x"]:
    """Dense elastic field from displacement vectors on a coarse grid (Ronneberger et al. 2015, Sect. 3.1).

    d(y, x) = sum_jk W_y[y, j] grid[j, k] W_x[x, k]: the bicubic spline through the vectors, so that the field takes
    their values at the control points.

    Args:
        grid: displacement vectors (y, x) in pixels. Every axis needs at least 2 control points.
        size: size (y, x) of the field.
        spacing_px: distance of the control points, the first at pixel 0; None spreads them evenly from the first to
            the last pixel of each axis.

    Returns:
        Displacement (y, x) of every pixel, in pixels.

    >>> displacement(torch.full((1, 2, 3, 3), 10.0), (5, 5)).unique().round()
    tensor([10.])
    """
    along_y = _field_matrix(grid.shape[2], size[0], spacing_px, grid.device)
    along_x = _field_matrix(grid.shape[3], size[1], spacing_px, grid.device)
    return along_y @ (grid @ along_x.T)


def coefficients(image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
    """B-spline coefficients of an image that is mirrored at its border (Unser 1999, Box 2).

    c = h * image per axis with h[k] = 6 z / (z^2 - 1) z^|k| and z = sqrt(3) - 2.
    """
    radius = PREFILTER_RADIUS
    response = [6 * POLE / (POLE**2 - 1) * POLE ** abs(k) for k in range(-radius, radius + 1)]
    for axis in (2, 3):
        n = image.shape[axis]
        indices = torch.from_numpy(mirrored_indices(-radius, n + radius, n)).to(image.device)
        padded = image.index_select(axis, indices)
        image = response[0] * padded.narrow(axis, 0, n)
        for k, weight in enumerate(response[1:], start=1):
            image.add_(padded.narrow(axis, k, n), alpha=weight)
    return image
