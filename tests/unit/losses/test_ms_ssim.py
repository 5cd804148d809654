from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity

from overtile.losses import ms_ssim, ms_ssim_loss

BETA = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def images(h: int, w: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(2, 2, h, w, generator=generator, dtype=torch.float64)
    return x, (0.7 * x + 0.3 * torch.rand(2, 2, h, w, generator=generator, dtype=torch.float64)) ** 2


def smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    return correlate1d(correlate1d(image, kernel, 0), kernel, 1)[5:-5, 5:-5]


def reference(x: NDArray[np.float64], y: NDArray[np.float64], definition: str, scales: int) -> float:
    """The equations, one image at a time."""
    beta = BETA[:scales] if scales == 5 else BETA[:scales] / BETA[:scales].sum()
    value = 1.0
    for m in range(scales):
        mx, my = smooth(x), smooth(y)
        sx, sy, sxy = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
        luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        cs = (2 * sxy + 9e-4) / (sx + sy + 9e-4)
        if definition == "unet3plus":
            value *= luminance.mean() ** beta[m] * cs.mean() ** beta[m]
        else:
            value *= (cs if m < scales - 1 else luminance * cs).mean() ** beta[m]
        h, w = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
        x, y = (a[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3)) for a in (x, y))
    return value


@pytest.mark.parametrize("definition", ["wang2003", "unet3plus"])
@pytest.mark.parametrize(("size", "scales"), [((176, 181), 5), ((90, 100), 4), ((44, 46), 3), ((21, 60), 1)])
def test_equals_the_equations(definition: str, size: tuple[int, int], scales: int) -> None:
    x, y = images(*size)

    value = ms_ssim(x, y, definition=definition)  # type: ignore[arg-type]

    for b, c in product(range(2), range(2)):
        assert value[b, c].item() == pytest.approx(reference(x[b, c].numpy(), y[b, c].numpy(), definition, scales))


def test_one_scale_is_the_ssim_of_scikit_image() -> None:
    x, y = images(20, 21)
    expected = structural_similarity(
        x[0, 0].numpy(),
        y[0, 0].numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert ms_ssim(x, y)[0, 0].item() == pytest.approx(expected)


@pytest.mark.parametrize("size", [(1, 1), (3, 30), (10, 10), (64, 64)])
@pytest.mark.parametrize("definition", ["wang2003", "unet3plus"])
def test_equal_images_have_similarity_one_at_any_size(size: tuple[int, int], definition: str) -> None:
    x, _ = images(*size)
    torch.testing.assert_close(ms_ssim(x, x, definition=definition), x.new_ones(2, 2))  # type: ignore[arg-type]


def test_opposite_structure_is_zero_with_a_finite_slope() -> None:
    # Given an image and its negative, whose covariance is negative
    x, _ = images(32, 32)
    x.requires_grad_()

    value = ms_ssim(x, 1 - x.detach())
    value.sum().backward()

    assert (value == 0).all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_ignored_pixels_change_nothing() -> None:
    x, y = images(60, 50)
    weight = torch.ones(2, 60, 50, dtype=torch.float64)
    weight[:, 7:23, 11:40] = 0
    elsewhere = x.clone()
    elsewhere[:, :, 7:23, 11:40] = 0.123

    torch.testing.assert_close(ms_ssim(x, y, weight), ms_ssim(elsewhere, y, weight), atol=1e-12, rtol=0)
    assert (ms_ssim(x, y, weight) - ms_ssim(x, y)).abs().min() > 1e-5


def test_uniform_weights_change_nothing() -> None:
    x, y = images(60, 50)
    torch.testing.assert_close(ms_ssim(x, y, torch.full((2, 60, 50), 3.0)), ms_ssim(x, y))


def test_three_dimensions_of_one_plane_repeated_equal_the_plane_at_one_scale() -> None:
    x, y = images(15, 16)
    volume_x, volume_y = (a[:, :, None].expand(2, 2, 12, 15, 16) for a in (x, y))
    torch.testing.assert_close(ms_ssim(volume_x, volume_y), ms_ssim(x, y))


def test_autocast_does_not_reach_the_filters() -> None:
    x, y = (a.float() for a in images(40, 40))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = ms_ssim(x, y)
    assert torch.equal(value, ms_ssim(x, y))


def test_the_loss_of_a_confident_right_answer_is_zero_and_of_a_wrong_one_near_one() -> None:
    target = (torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.5).long()
    right = (target * 2.0 - 1)[:, None] * 30

    assert ms_ssim_loss(right, target).item() == pytest.approx(0, abs=1e-5)
    assert ms_ssim_loss(-right, target).item() == pytest.approx(1)


def test_an_ignored_image_does_not_dilute_the_mean() -> None:
    logits, _ = images(24, 24)
    target = torch.randint(0, 2, (2, 24, 24), generator=torch.Generator().manual_seed(0))
    weight = torch.ones(2, 24, 24)
    weight[1] = 0

    torch.testing.assert_close(ms_ssim_loss(logits, target, weight), ms_ssim_loss(logits[:1], target[:1], weight[:1]))
