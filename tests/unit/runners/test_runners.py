"""Every runner gives what PyTorch gives, for every architecture and any size."""

import numpy as np
import pytest
import torch
from torch import nn

from overtile.core import OptionError
from overtile.models import build
from overtile.models.sizes import ValidSizes
from overtile.runners import PACKAGES, RUNNERS, Runner, fastest_precision, is_installed, precision_named, quiet
from overtile.runners.device import has_bfloat16_units
from overtile.runners.graph import sizes_of

CPU = torch.device("cpu")


def installed(name: str) -> str:
    """The runner's name, or a skip with the reason."""
    if not is_installed(name):
        pytest.skip(f"{PACKAGES[name]} is not installed")
    return name


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("name", RUNNERS)
def test_agrees_with_the_plain_network(name: str, network: nn.Module) -> None:
    runner = RUNNERS[installed(name)](network, device=CPU)
    sizes = [(52, 64), (72, 44)] if isinstance(sizes_of(network), ValidSizes) else [(33, 70), (64, 3)]
    for size in sizes:
        images = torch.randn(2, 2, *size, generator=torch.Generator().manual_seed(1)).numpy()
        with torch.inference_mode():
            expected = network(torch.from_numpy(images)).numpy()
        got = runner.batch(images)
        assert got.dtype == np.float32
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= 1e-5 * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(runner(images[1]), expected[1], atol=1e-5 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("name", RUNNERS)
def test_says_what_it_is_and_takes_arrays_that_cannot_be_written_to(name: str) -> None:
    torch.manual_seed(0)
    network = build("unet", 1, 2, base_width=2, depth=1, padding="same").eval()
    runner = RUNNERS[installed(name)](network, device=CPU, precision="float32")
    assert isinstance(runner, Runner)
    assert (runner.name, runner.precision, runner.device) == (name, "float32", CPU)
    image = np.zeros((1, 9, 9), np.float32)
    image.flags.writeable = False
    first = runner(image)
    copy = first.copy()
    runner(np.ones((1, 9, 9), np.float32))
    np.testing.assert_array_equal(first, copy)  # a later call does not overwrite what an earlier one gave


def test_openvino_in_bfloat16_stays_close_to_float32() -> None:
    installed("openvino")
    if not has_bfloat16_units(CPU):
        pytest.skip("this processor has no units for bfloat16")
    torch.manual_seed(0)
    network = build("unet", 1, 2, base_width=8, depth=2, padding="same", norm="batch").eval()
    image = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    exact, fast = (RUNNERS["openvino"](network, device=CPU, precision=p)(image) for p in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - fast).max() < 0.05 * np.abs(exact).max()


def test_what_a_runner_cannot_do_is_explained() -> None:
    network = build("unet", 1, 2, base_width=2, depth=1, padding="same").eval()
    with pytest.raises(OptionError, match="the runner 'onnx' computes in float32, not in bfloat16"):
        RUNNERS["onnx"](network, device=CPU, precision="bfloat16")
    with pytest.raises(OptionError, match="the runner 'openvino' computes in float32 or bfloat16, not in float16"):
        RUNNERS["openvino"](network, device=CPU, precision="float16")
    with pytest.raises(OptionError, match="computes on the CPU, not on 'meta': choose --runner torch"):
        RUNNERS["openvino"](network, device=torch.device("meta"))
    with pytest.raises(OptionError, match=r"expected a network that overtile.models.build makes, got Conv2d"):
        RUNNERS["openvino"](nn.Conv2d(1, 1, 1), device=CPU)


def test_a_runner_that_is_not_installed_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(quiet.PACKAGES, "openvino", "no_such_package")
    assert not is_installed("openvino")
    with pytest.raises(OptionError, match=r'no_such_package is not installed: pip install "overtile\[openvino\]"'):
        quiet.import_openvino()


def test_precisions_have_names() -> None:
    with pytest.raises(ValueError, match="unknown precision 'bfloat': did you mean 'bfloat16'"):
        precision_named("bfloat")
    assert fastest_precision("onnx", CPU) == "float32"
