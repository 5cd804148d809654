"""Parameters of public networks that no architecture is: put together from the same parts, or from an encoder's."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
import torch
from torch import nn

from overtile.models import build
from overtile.models.decoders import Merge, make_merge
from overtile.models.encoders import pooling_encoder
from overtile.models.inverted import SCALING, round_channels
from overtile.models.layers import Layers

WIDTHS = [64, 128, 256, 512, 1024]
BARE, NORMED = Layers(norm="none"), Layers(conv_bias=True)


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def head_of_1280(last: int, width: float = 1.0) -> tuple[int, int]:
    """Parameters of the 1x1 convolution with normalisation that classifiers end with, and its channels."""
    channels = round_channels(1280 * width)
    return last * channels + 2 * channels, channels


def zju_merge(below: int, here: int, skips: int) -> Merge:
    """4x4 transposed convolution with stride 2, two 3x3 convolutions without normalisation."""
    up = nn.ConvTranspose2d(below, here, 4, 2, 1)
    return Merge(up, BARE.double_conv((skips + 1) * here, here), up_first=True, crop=False)


def test_unet_of_zju() -> None:
    with torch.device("meta"):
        encoder = pooling_encoder(3, WIDTHS, NORMED, NORMED.double_conv)
        merges = [zju_merge(below, here, 1) for here, below in pairwise(WIDTHS)]
        total = count(encoder, *merges, BARE.conv(64, 1, 3))
    assert total == 39_396_033


def test_unet_plus_plus_of_zju() -> None:
    with torch.device("meta"):
        encoder = pooling_encoder(3, WIDTHS, NORMED, NORMED.double_conv)
        levels = list(enumerate(pairwise(WIDTHS)))
        merges = [zju_merge(below, here, j) for i, (here, below) in levels for j in range(1, 5 - i)]
        total = count(encoder, *merges, *(BARE.conv(64, 1, 1) for _ in range(4)))
    assert total == 47_176_132


@pytest.mark.parametrize(
    ("variant", "classifier"),
    [
        ("b0", 5_288_548),
        ("b1", 7_794_184),
        ("b2", 9_109_994),
        ("b3", 12_233_232),
        ("b4", 19_341_616),
        ("b5", 30_389_784),
        ("b6", 43_040_704),
        ("b7", 66_347_960),
    ],
)
def test_efficientnet_classifiers_of_1000_classes(variant: str, classifier: int) -> None:
    with torch.device("meta"):
        encoder = build("eff_unet", 3, 2, variant=variant).encoder
    head, channels = head_of_1280(encoder.widths[-1], SCALING[variant][0])
    assert count(encoder) + head + 1000 * channels + 1000 == classifier


def test_mobilenet_classifier_of_1000_classes() -> None:
    with torch.device("meta"):
        encoder = build("mobile_unet", 3, 2).encoder
    head, channels = head_of_1280(320)
    assert count(encoder) + head + 1000 * channels + 1000 == 3_504_872


def smp_decoder(skips: Iterable[int], classes: int) -> int:
    """Parameters of a decoder of 256, 128, 64, 32, 16 channels, the last without a skip, and its 3x3 head."""
    layers = Layers(upsampling="nearest")
    below, *outs = 0, 256, 128, 64, 32, 16
    *skips, below = skips
    total = 0
    for skip, out in zip([*reversed(skips), 0], outs, strict=True):
        total += count(make_merge(layers, layers.double_conv, (below, out), skip, out))
        below = out
    return total + count(layers.conv(16, classes, 3, bias=True))


@pytest.mark.parametrize(("variant", "unet"), [("b0", 6_251_614), ("b3", 13_159_178), ("b7", 67_095_474)])
def test_smp_efficientnet(variant: str, unet: int) -> None:
    """Its /2 skip is the stem, and its encoder keeps the classifier's last convolution."""
    with torch.device("meta"):
        encoder = build("eff_unet", 3, 2, variant=variant).encoder
        stem = encoder.stages[1][0][1].out_channels
        _, _, *skips = encoder.widths
        decoder = smp_decoder([stem, *skips], 2)
    head, _ = head_of_1280(encoder.widths[-1], SCALING[variant][0])
    assert count(encoder) + head + decoder == unet


def test_smp_mobilenet() -> None:
    with torch.device("meta"):
        encoder = build("mobile_unet", 3, 2).encoder
        decoder = smp_decoder(encoder.widths[1:], 2)
    assert count(encoder) + decoder == 4_005_090


def test_decoder_of_unet3plus_by_the_papers_formula() -> None:
    """P_i = 9 [(sum_{k <= i} d(En_k) + sum_{k > i} d(De_k)) 64 + 320^2]."""
    with torch.device("meta"):
        nodes = build("unet3plus", 3, 1).decoder.nodes
    decoded = [320, 320, 320, 320, 1024]
    for i, node in zip((3, 2, 1, 0), nodes, strict=True):
        weights = sum(p.numel() for p in node.parameters() if p.ndim == 4)
        assert weights == 9 * ((sum(WIDTHS[: i + 1]) + sum(decoded[i + 1 :])) * 64 + 320**2)
