"""The promise holds for every runner: its tiles give what PyTorch gives for the whole image."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overtile.bundle import tiling_for
from overtile.core import read_mirrored
from overtile.models import build, geometry
from overtile.prediction import predict_tiled
from overtile.runners import PACKAGES, RUNNERS, is_installed

CPU = torch.device("cpu")


@cache
def ready(padding, name):
    """A network, its geometry and its runner."""
    torch.manual_seed(0)
    network = build("unet", 1, 2, base_width=4, depth=2, padding=padding).eval()
    return network, geometry(network), RUNNERS[name](network, device=CPU)


def whole_image_pass(network, shape, image):
    """One pass over the whole image; for valid convolutions over its mirrored surroundings."""
    size = image.shape[1:]
    if any(shape.margin):
        window = [slice(-m, n - m) for m, n in zip(shape.margin, shape.input_size(size), strict=True)]
        image = read_mirrored(image, window)
    with torch.inference_mode():
        return network(torch.from_numpy(image)[None])[0, :, : size[0], : size[1]].numpy()


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("name", ["openvino", "onnx"])
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.tuples(st.integers(1, 120), st.integers(1, 120)), tile=st.integers(1, 90), seed=st.integers(0, 9))
def test_tiles_of_every_runner_give_what_pytorch_gives_for_the_whole_image(name, padding, size, tile, seed):
    if not is_installed(name):
        pytest.skip(f"{PACKAGES[name]} is not installed")
    network, shape, runner = ready(padding, name)
    image = np.random.default_rng(seed).normal(size=(1, *size)).astype(np.float32)
    tiled = predict_tiled(image, runner, tiling_for(shape, tile))
    whole = whole_image_pass(network, shape, image)
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * max(1.0, np.abs(whole).max()))
