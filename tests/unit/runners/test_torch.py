import numpy as np
import pytest
import torch

from overtile.core import OptionError
from overtile.models import build
from overtile.runners import TorchRunner, pick_device, pick_precision


def test_a_device_that_is_not_there_is_explained():
    with pytest.raises(OptionError, match="the device 'gpu' cannot be used"):
        pick_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="the device 'cuda' cannot be used"):
            pick_device("cuda")
        assert pick_device("auto") == torch.device("cpu")


def test_bfloat16_stays_close_to_float32():
    torch.manual_seed(0)
    model = build("unet", 1, 2, base_width=8, depth=2, padding="same", norm="batch")
    image = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    exact, fast = (TorchRunner(model, device=torch.device("cpu"), precision=p)(image) for p in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - fast).max() < 0.05 * np.abs(exact).max()


def test_the_precision_is_one_the_chip_has_units_for():
    capabilities = torch.cpu.get_capabilities()
    fast = bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
    assert pick_precision(torch.device("cpu")) == ("bfloat16" if fast else "float32")


def test_the_network_that_is_given_is_left_as_it_was():
    model = build("unet", 1, 2, base_width=4, depth=1, padding="same", norm="batch")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    TorchRunner(model, device=torch.device("cpu"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
