"""Geometry of random stacks of layers equals what single pixels reach."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from overtile.models import geometry

CONVS = st.tuples(st.sampled_from([1, 3, 5]), st.integers(1, 3))
LEVELS = st.lists(
    st.tuples(
        CONVS, st.sampled_from(["max", "mean", "stride"]), st.sampled_from(["nearest", "bilinear", "transposed"])
    ),
    min_size=1,
    max_size=3,
)


def stack(levels: list[tuple[tuple[int, int], str, str]]) -> nn.Module:
    """Convolution and halving per level, then doubling as often."""
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for (kernel, dilation), halve, double in levels:
        down.append(nn.Conv2d(1, 1, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False))
        halves = {"max": nn.MaxPool2d(2), "mean": nn.AvgPool2d(2), "stride": nn.Conv2d(1, 1, 3, 2, 1, bias=False)}
        down.append(halves[halve])
        doubles = {"transposed": nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)}
        up.append(doubles.get(double) or nn.Upsample(scale_factor=2, mode=double))
    model = nn.Sequential(*down, *up)
    for weight in model.parameters():
        nn.init.ones_(weight)
    return model


@settings(deadline=None, max_examples=25)
@given(LEVELS)
def test_halo_is_what_a_pixel_reaches(levels: list[tuple[tuple[int, int], str, str]]) -> None:
    model = stack(levels)
    found = geometry(model)
    stride, size = found.stride[1], 192
    images = torch.zeros(stride, 1, 8, size)
    pixels = [size // 2 + phase for phase in range(stride)]
    for image, pixel in zip(images, pixels, strict=True):
        image[..., pixel] = 1
    with torch.no_grad():
        outputs = model(images).numpy()
    reach = [np.abs(np.flatnonzero(y.sum((0, 1)) > 0) - p) for y, p in zip(outputs, pixels, strict=True)]
    assert max((r.max() for r in reach if r.size), default=0) == found.halo[1]
    assert stride == 2 ** len(levels)
    assert found.tile_exact
