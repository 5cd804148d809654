import pytest
import torch

from overtile.augment.sampling import SAMPLERS, mirrored, sample_nearest

ROW = torch.tensor([[[[10.0, 20.0, 30.0, 40.0]]]])


def along_x(*x: float) -> torch.Tensor:
    return torch.tensor([[[[0.0, value] for value in x]]])


def test_mirror_does_not_repeat_the_edge() -> None:
    assert mirrored(torch.arange(-4.0, 8.0), 4).tolist() == [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]


def test_mirror_of_one_pixel_is_that_pixel() -> None:
    assert mirrored(torch.arange(-2.0, 3.0), 1).tolist() == [0] * 5


def test_every_sampler_reproduces_pixels_and_mirrors_beyond_them() -> None:
    expected = torch.tensor([[[[30.0, 20.0, 10.0, 20.0, 40.0, 30.0]]]])
    for sampler in SAMPLERS.values():
        torch.testing.assert_close(sampler(ROW, along_x(-2, -1, 0, 1, 3, 4)), expected, atol=1e-4, rtol=0)


def test_every_sampler_reads_an_image_of_one_pixel() -> None:
    for sampler in SAMPLERS.values():
        torch.testing.assert_close(sampler(ROW[..., :1], along_x(-0.5, 0, 2)), torch.full((1, 1, 1, 3), 10.0))


def test_bilinear_halfway_is_the_mean() -> None:
    assert SAMPLERS["bilinear"](ROW, along_x(0.5, 2.25)).flatten().tolist() == pytest.approx([15.0, 32.5])


def test_nearest_keeps_large_label_values_exactly() -> None:
    labels = torch.tensor([[[2**24 + 1, -1, 2**40 + 3]]])

    read = sample_nearest(labels, along_x(0.4, 1.4, 2.4, 3.0))

    assert read.tolist() == [[[2**24 + 1, -1, 2**40 + 3, -1]]]


def test_nearest_reads_every_sample_and_channel_by_its_own_coordinates() -> None:
    values = torch.arange(2 * 3 * 1 * 4).view(2, 3, 1, 4)
    coordinates = torch.cat([along_x(0, 1), along_x(3, 2)])

    read = sample_nearest(values, coordinates)

    assert torch.equal(read[0], values[0, :, :, :2])
    assert torch.equal(read[1], values[1, :, :, [3, 2]])
