import pytest
import torch

from overtile.augment import Geometric, affine_matrices, deform, sampling_coordinates, source_window, warp
from overtile.core.errors import ShapeError, UnknownNameError

STILL = Geometric(elastic_sigma_px=0.0)
STRONG = Geometric(rotation_deg=180.0, scale=(0.5, 2.0), shear_deg=20.0, shift_px=5.0, flip=True, elastic_sigma_px=3.0)
CPU = torch.device("cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(h: int = 24, w: int = 30) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    image = torch.randn(2, 3, h, w, generator=seeded(7))
    labels = torch.randint(0, 5, (2, h, w), generator=seeded(8))
    return image, labels, torch.rand(2, h, w, generator=seeded(9))


@pytest.mark.parametrize("geometric", [STILL, Geometric(rotation_deg=90.0, probability=0.0)])
def test_identity_is_the_centre_crop_exactly(geometric: Geometric) -> None:
    image, labels, weight = batch()

    out = deform(geometric, image, labels, weight, size=(10, 11), generator=seeded())

    assert torch.equal(out.image, image[..., 7:17, 9:20])
    assert torch.equal(out.labels, labels[..., 7:17, 9:20])
    assert out.weight is not None
    assert torch.equal(out.weight, weight[..., 7:17, 9:20])


def test_identity_coordinates_are_the_centre_crop() -> None:
    coordinates = sampling_coordinates(STILL, 1, source=(24, 30), size=(10, 11), generator=seeded(), device=CPU)

    assert torch.equal(coordinates[0, :, 0, 0], torch.arange(7.0, 17.0))
    assert torch.equal(coordinates[0, 0, :, 1], torch.arange(9.0, 20.0))


def test_matrix_of_a_pure_rotation_is_orthogonal_with_determinant_one() -> None:
    matrices = affine_matrices(Geometric(rotation_deg=180.0), 8, seeded())

    torch.testing.assert_close(matrices @ matrices.mT, torch.eye(2).expand(8, 2, 2))
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(8))
    assert len(matrices.unique(dim=0)) == 8


def test_magnification_of_two_reads_every_half_pixel() -> None:
    torch.testing.assert_close(affine_matrices(Geometric(scale=(2.0, 2.0)), 1, seeded()), torch.eye(2)[None] / 2)


def test_scale_is_log_uniform_within_its_range() -> None:
    scales = torch.linalg.det(affine_matrices(Geometric(scale=(0.25, 4.0)), 2000, seeded())) ** -0.5

    assert scales.min() >= 0.25
    assert scales.max() <= 4
    assert abs(scales.log2().mean()) < 0.1


def test_flips_change_each_axis_in_about_half_of_the_samples() -> None:
    matrices = affine_matrices(Geometric(flip=True), 400, seeded())

    assert set(map(tuple, matrices.diagonal(dim1=1, dim2=2).tolist())) == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    assert (matrices.diagonal(dim1=1, dim2=2).mean(0).abs() < 0.15).all()


def test_shear_moves_x_with_y_only() -> None:
    matrices = affine_matrices(Geometric(shear_deg=30.0), 4, seeded())

    torch.testing.assert_close(matrices[:, 0], torch.tensor([1.0, 0.0]).expand(4, 2))
    assert (matrices[:, 1, 0].abs() <= 0.578).all()
    assert (matrices[:, 1, 0] != 0).all()


def test_probability_leaves_the_other_samples_alone() -> None:
    geometric = Geometric(rotation_deg=90.0, shift_px=3.0, probability=0.5)

    coordinates = sampling_coordinates(geometric, 200, source=(8, 8), size=(8, 8), generator=seeded(), device=CPU)

    still = coordinates == coordinates.new_tensor(0) + torch.cartesian_prod(*[torch.arange(8.0)] * 2).view(8, 8, 2)
    assert 70 < still.flatten(1).all(1).sum() < 130


def test_elastic_field_has_the_stated_standard_deviation_at_its_control_points() -> None:
    coordinates = sampling_coordinates(
        Geometric(elastic_sigma_px=10.0), 500, source=(21, 21), size=(21, 21), generator=seeded(), device=CPU
    )

    moved = coordinates[:, ::10, ::10] - torch.cartesian_prod(*[torch.tensor([0.0, 10, 20])] * 2).view(3, 3, 2)
    assert abs(moved.std() - 10) < 0.3
    assert abs(moved.mean()) < 0.3


def test_one_seed_gives_one_result_and_another_seed_another() -> None:
    image, labels, weight = batch()

    a, b, c = (deform(STRONG, image, labels, weight, size=(16, 16), generator=seeded(s)) for s in (1, 1, 2))

    assert torch.equal(a.image, b.image)
    assert torch.equal(a.labels, b.labels)
    assert not torch.equal(a.image, c.image)
    assert not torch.equal(a.image[0], a.image[1])


def test_ignored_pixels_gain_no_weight() -> None:
    labels = torch.tensor([[[1, 1, 255, 255, 1]]])
    weight = torch.tensor([[[1.0, 1.0, 0.0, 0.0, 2.0]]])
    x = torch.linspace(0, 4, 41)
    coordinates = torch.stack([torch.zeros_like(x), x], dim=-1)[None, None]

    out = warp(torch.zeros(1, 1, 1, 5), labels, weight, coordinates)

    assert out.weight is not None
    assert (out.weight[out.labels == 255] == 0).all()
    assert out.weight[0, 0, 12].item() == pytest.approx(0.8)
    assert (out.weight[out.labels == 1] > 0).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_dtypes_stay(dtype: torch.dtype) -> None:
    image, labels, weight = batch()

    out = deform(STRONG, image.bfloat16(), labels.to(dtype), weight, size=(16, 16), generator=seeded())

    assert out.labels.dtype == dtype
    assert out.image.dtype == torch.bfloat16


def test_a_window_smaller_than_the_patch_is_refused() -> None:
    image, labels, weight = batch()
    with pytest.raises(ShapeError, match="patch of 32 x 16 pixels cannot be read from a window of 24 x 30"):
        deform(STRONG, image, labels, weight, size=(32, 16), generator=seeded())


def test_source_window_of_the_identity_is_the_patch() -> None:
    assert source_window((33, 20), STILL) == (33, 20)


def test_source_window_swaps_the_sides_under_a_quarter_turn() -> None:
    assert source_window((100, 2), Geometric(rotation_deg=90.0, elastic_sigma_px=0.0)) == (102, 102)


def test_source_window_grows_when_objects_shrink() -> None:
    assert source_window((101, 101), Geometric(scale=(0.5, 2.0), elastic_sigma_px=0.0)) == (201, 201)


def test_fixed_spacing_needs_as_many_points_as_the_patch_asks_for() -> None:
    geometric = Geometric(elastic_sigma_px=5.0, elastic_spacing_px=16.0)

    coordinates = sampling_coordinates(geometric, 2, source=(70, 9), size=(70, 9), generator=seeded(), device=CPU)

    assert coordinates.shape == (2, 70, 9, 2)
    assert coordinates.isfinite().all()


def test_an_unknown_interpolation_is_refused() -> None:
    image, labels, _ = batch()
    # TypeError: with run-time type checks on, they refuse the name first
    with pytest.raises((UnknownNameError, TypeError), match="lanczos"):
        warp(image, labels, None, torch.zeros(2, 1, 1, 2), interpolation="lanczos")  # type: ignore[arg-type]
