"""Networks against independent implementations, through weights that depend on shapes alone (see the oracles' README)."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from overtile.models import build, preset

Oracle = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]


def shape_hash(model: nn.Module) -> nn.Module:
    """Give every tensor the values that follow from its kind and shape."""
    state = model.state_dict()
    for name, value in state.items():
        kind, shape = name.rpartition(".")[2], tuple(value.shape)
        rng = np.random.default_rng(zlib.crc32(f"{kind}:{shape}".encode()))
        if kind == "weight" and len(shape) > 1:
            drawn = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif kind == "weight":
            drawn = 1 + 0.1 * rng.standard_normal(shape)
        elif kind in ("bias", "running_mean"):
            drawn = 0.1 * rng.standard_normal(shape)
        elif kind == "running_var":
            drawn = 1 + 0.2 * rng.random(shape)
        else:
            continue
        state[name] = torch.from_numpy(drawn.astype(np.float32))
    model.load_state_dict(state)
    return model.eval()


def assert_close(ours: Tensor, theirs: Any) -> None:
    assert np.abs(ours.detach().numpy() - theirs).max() < 1e-4 * np.ptp(theirs)


def all_heads(model: nn.Module, image: Tensor) -> tuple[Tensor, ...]:
    """What the network returns in training, with every layer as in evaluation."""
    model.training = True
    heads: tuple[Tensor, ...] = model(image)
    return heads


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("paper_noReluUp_skipFirst", preset("unet-2015", 1, 2, width=8)),
        ("paper_noReluUp_upFirst", build("unet", 1, 2, base_width=8, skip_order="up_first")),
        ("reluUp_upFirst", build("unet", 1, 2, base_width=8, skip_order="up_first", after_up="activation")),
        ("release_reluUp_upFirst_last128", preset("unet-2015-caffe", 1, 2, width=8)),
    ],
)
def test_unet_2015_equals_a_functional_implementation(oracle: Oracle, key: str, model: nn.Module) -> None:
    arrays, _ = oracle("unet2015")
    with torch.no_grad():
        assert_close(shape_hash(model)(torch.from_numpy(arrays["x"])), arrays[f"{key}/y"])


def test_unet_plus_plus_equals_the_write_up(oracle: Oracle) -> None:
    arrays, meta = oracle("seed_unetpp")
    model = shape_hash(preset("unet-plus-plus-aitech", 3, 1, width=8))
    assert sum(p.numel() for p in model.parameters()) == meta["params"]
    heads = all_heads(model, torch.from_numpy(arrays["x"]))
    assert len(heads) == 4
    for i, head in enumerate(heads):
        assert_close(head, arrays[f"y_shape_hash_{i}"])


def test_unet_3_plus_equals_the_official_code(oracle: Oracle) -> None:
    arrays, meta = oracle("official_unet3p_deepsup")
    model = shape_hash(preset("unet3plus-deepsup", 3, 1, width=8))
    assert sum(p.numel() for p in model.parameters()) == meta["params"]
    heads = all_heads(model, torch.from_numpy(arrays["x"]))
    assert len(heads) == 5
    for i, head in enumerate(heads):
        assert_close(head.sigmoid(), arrays[f"y_shape_hash_{i}"])
