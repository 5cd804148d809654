"""The promise: a tiled prediction equals the prediction of the whole image in one pass."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from overtile.bundle import tiling_for
from overtile.core import read_mirrored
from overtile.models import build, geometry
from overtile.prediction import predict_tiled
from overtile.runners import TorchRunner

CPU = torch.device("cpu")


def network(padding, **arguments):
    torch.manual_seed(0)
    model = build("unet", 1, 2, base_width=4, depth=2, padding=padding, norm="batch", **arguments).eval()
    for module in model.modules():  # statistics that are not those of a fresh network
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def whole_image_pass(model, image):
    """One pass over the whole image; for valid convolutions over its mirrored surroundings."""
    shape = geometry(model)
    if not any(shape.margin):
        return TorchRunner(model, device=CPU)(image)
    size = image.shape[1:]
    window = [slice(-m, n - m) for m, n in zip(shape.margin, shape.input_size(size), strict=True)]
    return TorchRunner(model, device=CPU)(read_mirrored(image, window))[:, : size[0], : size[1]]


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    tile=st.integers(1, 90),
    seed=st.integers(0, 9),
)
def test_tiles_give_what_the_whole_image_gives(padding, upsampling, size, tile, seed):
    model = network(padding, upsampling=upsampling)
    image = np.random.default_rng(seed).normal(size=(1, *size)).astype(np.float32)
    tiled = predict_tiled(image, TorchRunner(model, device=CPU), tiling_for(geometry(model), tile))
    whole = whole_image_pass(model, image)
    np.testing.assert_allclose(tiled, whole, atol=1e-4 * max(1.0, np.abs(whole).max()))


def test_a_smaller_halo_than_the_derived_one_shows():
    model = network("same")
    image = np.random.default_rng(0).normal(size=(1, 96, 96)).astype(np.float32)
    tiling = tiling_for(geometry(model), 32)
    assert tiling.halo[0] > 0
    without = type(tiling)(tiling.tile, tiling.stride, (0, 0))
    tiled = predict_tiled(image, TorchRunner(model, device=CPU), without)
    assert np.abs(tiled - whole_image_pass(model, image)).max() > 0.01


def test_folding_batch_norm_changes_nothing_but_the_order_of_operations():
    model = network("same")
    image = np.random.default_rng(0).normal(size=(1, 40, 56)).astype(np.float32)
    with torch.inference_mode():
        plain = model(torch.from_numpy(image)[None])[0].numpy()
    runner = TorchRunner(model, device=CPU)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in runner.model.modules())
    np.testing.assert_allclose(runner(image), plain, atol=1e-4)
