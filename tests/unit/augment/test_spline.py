import numpy as np
import pytest
import torch
from scipy import ndimage

from overtile.augment.sampling import sample_spline
from overtile.augment.spline import coefficients, displacement, spline_matrix
from overtile.core.errors import ShapeError


@pytest.mark.parametrize("points", [2, 3, 5, 9])
def test_spline_matrix_is_the_mirrored_cubic_spline_of_scipy(points: int) -> None:
    positions = np.linspace(0, points - 1, 23)
    samples = np.random.default_rng(points).normal(size=points)

    read = spline_matrix(points, positions) @ samples

    expected = ndimage.map_coordinates(samples, positions[None], order=3, mode="mirror")
    np.testing.assert_allclose(read, expected, atol=1e-12)


def test_spline_needs_two_points() -> None:
    with pytest.raises(ShapeError, match="at least 2 control points per axis, got 1"):
        spline_matrix(1, np.zeros(3))


def test_displacement_takes_the_vectors_at_the_control_points() -> None:
    grid = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(0))

    field = displacement(grid, (21, 31))

    torch.testing.assert_close(field[:, :, ::10, ::10], grid)


def test_displacement_with_a_spacing_puts_the_points_at_multiples_of_it() -> None:
    grid = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))

    field = displacement(grid, (20, 20), spacing_px=8.0)

    torch.testing.assert_close(field[:, :, ::8, ::8], grid[:, :, :3, :3])


@pytest.mark.parametrize("size", [(40, 33), (5, 3), (1, 7)])
def test_coefficients_equal_scipys_mirrored_filter(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=size)

    c = coefficients(torch.from_numpy(image)[None, None].float())[0, 0].numpy()

    np.testing.assert_allclose(c, ndimage.spline_filter(image, 3, mode="mirror"), atol=1e-5)


def test_sample_spline_equals_scipy_also_beyond_the_border() -> None:
    image = np.random.default_rng(0).normal(size=(30, 41))
    coordinates = np.random.default_rng(1).uniform(-20, 60, size=(2, 9, 11))

    read = sample_spline(
        torch.from_numpy(image)[None, None].float(), torch.from_numpy(coordinates).permute(1, 2, 0)[None].float()
    )

    expected = ndimage.map_coordinates(image, coordinates, order=3, mode="mirror")
    np.testing.assert_allclose(read[0, 0].numpy(), expected, atol=1e-4)
