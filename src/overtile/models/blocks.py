"""Residual blocks: pre-activation units, and inverted residuals with or without squeeze-excitation."""

from typing import Literal

from torch import Tensor, nn

from overtile.models.layers import Layers

Shortcut = Literal["projection", "projection_norm", "convolution_norm"]


class Residual(nn.Module):
    """y = body(x) + shortcut(x); no activation after the sum."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + self.shortcut(x)
        return y


def residual_unit(
    layers: Layers,
    in_channels: int,
    out_channels: int,
    *,
    stride: int = 1,
    first: bool = False,
    shortcut: Shortcut = "projection",
) -> Residual:
    """Full pre-activation residual unit with identity mapping (Zhang et al. 2018, Fig. 1b).

    body = norm, activation, convolution(stride), norm, activation, convolution. The first unit of a network begins
    with its convolution, since it sees the image.

    Args:
        layers: choices of the network.
        in_channels: of the input.
        out_channels: of the result.
        stride: of the first convolution.
        first: whether the unit sees the image.
        shortcut: where the stride or the channels change, the identity needs help, about which the paper is silent.
            "projection": a 1x1 convolution; "projection_norm": that and a normalisation. "convolution_norm": a 3x3
            convolution and a normalisation, in every unit but the first, where nothing normalises it.
    """
    body = nn.Sequential(
        *([] if first else layers.norm_act(in_channels)),
        layers.conv(in_channels, out_channels, stride=stride),
        *layers.norm_act(out_channels),
        layers.conv(out_channels, out_channels),
    )
    if shortcut == "convolution_norm":
        across = [layers.conv(in_channels, out_channels, stride=stride)]
        return Residual(body, nn.Sequential(*across, *([] if first else [layers.normalize(out_channels)])))
    if stride == 1 and in_channels == out_channels:
        return Residual(body, nn.Identity())
    across = [layers.conv(in_channels, out_channels, 1, stride=stride)]
    if shortcut == "projection_norm":
        across.append(layers.normalize(out_channels))
    return Residual(body, nn.Sequential(*across))


class SqueezeExcitation(nn.Module):
    """y = x * sigmoid(expand(act(reduce(mean over space of x))))  (Hu et al. 2018, Eq. 2-4).

    The mean sees the whole map: a network with it is not tile-exact.
    """

    def __init__(self, channels: int, squeezed: int, layers: Layers) -> None:
        super().__init__()
        self.reduce = layers.conv(channels, squeezed, 1, bias=True)
        self.act = layers.activate()
        self.expand = layers.conv(squeezed, channels, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
        gate: Tensor = self.expand(self.act(self.reduce(mean)))
        return x * gate.sigmoid()


class DropConnect(nn.Module):
    """In training, drop a sample's whole branch with probability `rate`, and scale the kept ones by 1 / (1 - rate).

    (Huang et al. 2016, called drop-connect in EfficientNet.)
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)


class InvertedResidual(nn.Module):
    """Inverted residual with linear bottleneck (Sandler et al. 2018, Table 1), and MBConv (Tan and Le 2019).

    1x1 expansion (absent where it is 1), depthwise convolution, squeeze-excitation (absent in MobileNetV2), linear 1x1
    projection; the input is added where shapes allow. Squeeze-excitation has a quarter of the block's input channels.

    Args:
        layers: choices of the network; its activation is used within the block.
        in_channels: of the input.
        out_channels: of the result.
        kernel_size: of the depthwise convolution.
        stride: of the depthwise convolution.
        expansion: hidden channels per input channel.
        squeeze: whether to have squeeze-excitation.
        drop_connect: probability to drop the branch in training, where there is an input to add.
    """

    def __init__(
        self,
        layers: Layers,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        expansion: int = 6,
        squeeze: bool = False,
        drop_connect: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.expand = layers.conv_norm_act(in_channels, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = layers.conv_norm_act(hidden, hidden, kernel_size, stride=stride, groups=hidden)
        self.squeeze = SqueezeExcitation(hidden, max(1, in_channels // 4), layers) if squeeze else nn.Identity()
        self.project = nn.Sequential(*layers.conv_norm(hidden, out_channels, 1))
        self.adds = stride == 1 and in_channels == out_channels
        self.drop = DropConnect(drop_connect)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.squeeze(self.depthwise(self.expand(x))))
        return x + self.drop(y) if self.adds else y
