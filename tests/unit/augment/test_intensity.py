import pytest
import torch

from overtile.augment import Intensity, apply_gamma, gaussian_blur, vary


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGE = torch.randn(4, 3, 20, 24, generator=seeded(5))


def test_the_default_changes_nothing() -> None:
    assert torch.equal(vary(Intensity(), IMAGE, generator=seeded()), IMAGE)


def test_the_input_is_left_as_it_is() -> None:
    image = IMAGE.clone()
    vary(Intensity(1.0, (0.5, 2.0), (0.5, 2.0), 1.0, 1.0, 1.0, 0.5), image, generator=seeded())
    assert torch.equal(image, IMAGE)


def test_brightness_is_one_offset_per_sample() -> None:
    offset = vary(Intensity(brightness=0.5), IMAGE, generator=seeded()) - IMAGE

    per_sample = offset.flatten(1)
    torch.testing.assert_close(per_sample, per_sample[:, :1].expand_as(per_sample), atol=1e-5, rtol=0)
    assert per_sample.abs().max() <= 0.5 + 1e-5
    assert len(per_sample[:, 0].unique()) == 4


def test_channels_vary_independently_only_when_asked() -> None:
    offsets = vary(Intensity(brightness=0.5, per_channel=True), IMAGE, generator=seeded()) - IMAGE
    assert (offsets[:, 0, 0, 0] - offsets[:, 1, 0, 0]).abs().min() > 1e-3


def test_contrast_keeps_the_mean_and_scales_the_spread() -> None:
    out = vary(Intensity(contrast=(2.0, 2.0)), IMAGE, generator=seeded())

    torch.testing.assert_close(out.mean((2, 3)), IMAGE.mean((2, 3)), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((2, 3)), 2 * IMAGE.std((2, 3)))


def test_inversion_mirrors_grey_values_about_the_mean() -> None:
    out = vary(Intensity(invert=1.0), IMAGE, generator=seeded())
    torch.testing.assert_close(out + IMAGE, 2 * IMAGE.mean((2, 3), keepdim=True).expand_as(IMAGE))


def test_gamma_keeps_the_extremes_and_the_order() -> None:
    out = vary(Intensity(gamma=(1.8, 1.8)), IMAGE, generator=seeded())

    torch.testing.assert_close(out.amax((2, 3)), IMAGE.amax((2, 3)))
    torch.testing.assert_close(out.amin((2, 3)), IMAGE.amin((2, 3)))
    assert torch.equal(out[0, 0].flatten().argsort(), IMAGE[0, 0].flatten().argsort())
    assert (out <= IMAGE + 1e-5).all()


def test_gamma_of_a_constant_image_is_that_image() -> None:
    flat = torch.full((1, 2, 3, 3), -0.7)
    assert torch.equal(apply_gamma(flat, torch.full((1, 1, 1, 1), 0.5)), flat)


def test_noise_has_at_most_the_stated_spread() -> None:
    noise = vary(Intensity(noise_sd=0.3), torch.zeros(64, 1, 32, 32), generator=seeded())

    spread = noise.flatten(1).std(1)
    assert spread.max() < 0.33
    assert abs(spread.mean() - 0.15) < 0.04


def test_probability_leaves_the_other_samples_alone() -> None:
    image = IMAGE[:1].expand(200, 3, 20, 24)
    out = vary(Intensity(brightness=0.5, probability=0.5), image, generator=seeded())

    same = torch.isclose(out, image, atol=1e-6).flatten(1).all(1).sum()
    assert 70 < same < 130


def test_blur_of_an_impulse_is_the_gaussian() -> None:
    impulse = torch.zeros(2, 1, 9, 9)
    impulse[:, :, 4, 4] = 1

    out = gaussian_blur(impulse, torch.tensor([1.0, 0.5]).view(2, 1, 1, 1), radius=3)

    offsets = torch.arange(-3, 4.0)
    for sample, sigma in ((0, 1.0), (1, 0.5)):
        kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
        kernel /= kernel.sum()
        torch.testing.assert_close(out[sample, 0, 1:8, 1:8], kernel[:, None] * kernel)


def test_blur_of_a_constant_image_is_that_image_even_when_small() -> None:
    flat = torch.full((1, 1, 2, 1), 3.0)
    torch.testing.assert_close(gaussian_blur(flat, torch.full((1, 1, 1, 1), 2.0), radius=6), flat)


def test_blur_lowers_and_sharpening_raises_the_spread() -> None:
    blurred = vary(Intensity(blur_sigma_px=1.5), IMAGE, generator=seeded())
    sharpened = vary(Intensity(sharpen=1.0), IMAGE, generator=seeded())

    assert blurred.std() < IMAGE.std() < sharpened.std()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_everything_at_once_is_finite_reproducible_and_keeps_its_dtype(dtype: torch.dtype) -> None:
    intensity = Intensity(0.3, (0.7, 1.4), (0.7, 1.5), 0.2, 1.0, 0.5, 0.5, per_channel=True, probability=0.5)

    a, b, c = (vary(intensity, IMAGE.to(dtype), generator=seeded(s)) for s in (1, 1, 2))

    assert a.isfinite().all()
    assert a.dtype == dtype
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
