"""The encoders of Mobile U-Net and Eff-UNet: MobileNetV2 and EfficientNet, both made of inverted residuals.

They halve the image before their first feature map, so that the image itself is the pyramid's full-size element.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from torch import nn

from overtile.models.blocks import InvertedResidual
from overtile.models.encoders import Encoder
from overtile.models.layers import Layers


@dataclass(frozen=True)
class Stage:
    """A row of the papers' tables.

    Attributes:
        expansion: hidden channels per input channel, t.
        kernel_size: of the depthwise convolutions, k.
        stride: of the first block, s.
        channels: of the result, c.
        repeats: number of blocks, n.
    """

    expansion: int
    kernel_size: int
    stride: int
    channels: int
    repeats: int


MOBILENET_V2 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 3, 2, 32, 3),
    Stage(6, 3, 2, 64, 4),
    Stage(6, 3, 1, 96, 3),
    Stage(6, 3, 2, 160, 3),
    Stage(6, 3, 1, 320, 1),
)
"""Sandler et al. (2018), Table 2."""

EFFICIENTNET_B0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
"""Tan and Le (2019), Table 1."""

SCALING = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "lite0": (1.0, 1.0),
    "lite1": (1.0, 1.1),
    "lite2": (1.1, 1.2),
    "lite3": (1.2, 1.4),
    "lite4": (1.4, 1.8),
}
"""Compound scaling: factor on the channels, factor on the repeats. The lite networks have no squeeze-excitation and
ReLU6, and keep the stem and the repeats of the first and the last stage."""


def round_channels(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and at least 90 % of `channels`.

    >>> round_channels(32 * 1.1), round_channels(16 * 1.1), round_channels(12.0)
    (32, 16, 16)
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def scaled(variant: str, width: float = 1.0) -> tuple[int, tuple[Stage, ...]]:
    """Channels of the stem, and the stages, of an EfficientNet; `width` is a further factor on all channels.

    >>> scaled("b2")[1][-1]
    Stage(expansion=6, kernel_size=3, stride=1, channels=352, repeats=2)
    """
    factor, depth = SCALING[variant]
    lite = variant.startswith("lite")
    last = len(EFFICIENTNET_B0) - 1
    stages = tuple(
        replace(
            stage,
            channels=round_channels(stage.channels * factor * width),
            repeats=stage.repeats if lite and i in (0, last) else ceil(stage.repeats * depth),
        )
        for i, stage in enumerate(EFFICIENTNET_B0)
    )
    return round_channels(32 * width if lite else 32 * factor * width), stages


def inverted_encoder(
    in_channels: int, stem: int, stages: Sequence[Stage], layers: Layers, *, squeeze: bool, drop_connect: float
) -> Encoder:
    """An image, a 3x3 convolution with stride 2, and inverted residuals; a new map of the pyramid at every stride.

    Args:
        in_channels: of the image.
        stem: channels of the first convolution.
        stages: rows of the table.
        layers: choices of the network.
        squeeze: whether blocks have squeeze-excitation.
        drop_connect: block i of n is dropped with probability drop_connect * i / n in training.
    """
    total = sum(stage.repeats for stage in stages)
    maps: list[list[nn.Module]] = [[layers.conv_norm_act(in_channels, stem, stride=2)]]
    widths, before, index = [in_channels], stem, 0
    for stage in stages:
        if stage.stride == 2:
            widths.append(before)
            maps.append([])
        for repeat in range(stage.repeats):
            block = InvertedResidual(
                layers,
                before,
                stage.channels,
                kernel_size=stage.kernel_size,
                stride=stage.stride if repeat == 0 else 1,
                expansion=stage.expansion,
                squeeze=squeeze,
                drop_connect=drop_connect * index / total,
            )
            maps[-1].append(block)
            before, index = stage.channels, index + 1
    return Encoder([nn.Identity(), *(nn.Sequential(*parts) for parts in maps)], [*widths, before])
