"""Blocks against their equations, written with torch's functions."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtile.models.blocks import DropConnect, InvertedResidual, residual_unit
from overtile.models.layers import Layers


def randomize(module: nn.Module) -> dict[str, Tensor]:
    torch.manual_seed(1)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.5 if name.endswith("var") else torch.randn(value.shape) * 0.3)
    return module.eval().state_dict()


def norm(x: Tensor, s: dict[str, Tensor], prefix: str, eps: float) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(s[f"{prefix}.{n}"] for n in names), eps=eps)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("same_padding", ["symmetric", "tensorflow"])
def test_mbconv_with_stride(kernel: int, same_padding: str) -> None:
    layers = Layers(activation="silu", norm_eps=1e-3, same_padding=same_padding)
    block = InvertedResidual(layers, 8, 12, kernel_size=kernel, stride=2, squeeze=True)
    s = randomize(block)
    x = torch.randn(2, 8, 10, 14)

    h = F.silu(norm(F.conv2d(x, s["expand.0.weight"]), s, "expand.1", 1e-3))
    # on an even size, TensorFlow's SAME puts (k - 2) // 2 pixels before and the rest of k - 2 behind
    before, behind = (kernel // 2, kernel // 2) if same_padding == "symmetric" else ((kernel - 2) // 2, kernel // 2)
    padded = F.pad(h, (before, behind, before, behind))
    i = 1 if same_padding == "tensorflow" else 0
    h = F.conv2d(padded, s[f"depthwise.{i}.weight"], stride=2, groups=48)
    h = F.silu(norm(h, s, f"depthwise.{i + 1}", 1e-3))
    squeezed = F.silu(F.conv2d(h.mean((2, 3), keepdim=True), s["squeeze.reduce.weight"], s["squeeze.reduce.bias"]))
    assert squeezed.shape[1] == 2  # a quarter of the block's input channels, not of the expanded ones
    h = h * F.conv2d(squeezed, s["squeeze.expand.weight"], s["squeeze.expand.bias"]).sigmoid()
    expected = norm(F.conv2d(h, s["project.0.weight"]), s, "project.1", 1e-3)

    assert expected.shape == (2, 12, 5, 7)
    torch.testing.assert_close(block(x), expected)


def test_inverted_residual_adds_its_input_where_shapes_allow() -> None:
    layers = Layers(activation="relu6")
    block = InvertedResidual(layers, 8, 8)
    s = randomize(block)
    x = torch.randn(1, 8, 6, 6)
    h = F.relu6(norm(F.conv2d(x, s["expand.0.weight"]), s, "expand.1", 1e-5))
    h = F.relu6(norm(F.conv2d(h, s["depthwise.0.weight"], padding=1, groups=48), s, "depthwise.1", 1e-5))
    expected = x + norm(F.conv2d(h, s["project.0.weight"]), s, "project.1", 1e-5)
    torch.testing.assert_close(block(x), expected)
    assert not InvertedResidual(layers, 8, 8, stride=2).adds
    assert not InvertedResidual(layers, 8, 12).adds


def test_pre_activation_unit() -> None:
    unit = residual_unit(Layers(conv_bias=True), 4, 6, stride=2)
    s = randomize(unit)
    x = torch.randn(1, 4, 8, 8)
    kept = x.clone()
    h = F.conv2d(F.relu(norm(x, s, "body.0", 1e-5)), s["body.2.weight"], s["body.2.bias"], stride=2, padding=1)
    h = F.conv2d(F.relu(norm(h, s, "body.3", 1e-5)), s["body.5.weight"], s["body.5.bias"], padding=1)
    expected = h + F.conv2d(x, s["shortcut.0.weight"], s["shortcut.0.bias"], stride=2)
    torch.testing.assert_close(unit(x), expected)
    assert torch.equal(x, kept)


def test_first_unit_begins_with_its_convolution_and_equal_shapes_keep_the_identity() -> None:
    first = residual_unit(Layers(), 3, 8, first=True)
    assert isinstance(first.body[0], nn.Conv2d)
    assert isinstance(residual_unit(Layers(), 8, 8).shortcut, nn.Identity)


def test_without_normalisation_the_unit_leaves_its_input_alone() -> None:
    unit = residual_unit(Layers(norm="none"), 4, 4)
    x = torch.randn(1, 4, 8, 8)
    kept = x.clone()
    unit(x)
    assert torch.equal(x, kept)


def test_drop_connect_drops_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop = DropConnect(0.25)
    x = torch.ones(4000, 1, 2, 2)
    y = drop(x)
    per_sample = y.flatten(1)
    assert ((per_sample == 0).all(1) | (per_sample == 4 / 3).all(1)).all()
    assert y.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(drop.eval()(x), x)


def test_dropout_follows_every_activation() -> None:
    block = Layers(norm="none", conv_dropout=0.5).double_conv(1, 2)
    kinds = OrderedDict((n, type(m).__name__) for n, m in block.named_modules() if not list(m.children()))
    assert list(kinds.values()) == ["Conv2d", "ReLU", "Dropout"] * 2
