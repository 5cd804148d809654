"""The layers that every architecture is written with; the choices are bound once, in `Layers`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from overtile.core.errors import OptionError, UnknownNameError
from overtile.models.sizes import crop_to

Norm = Literal["none", "batch", "instance", "group"]
Padding = Literal["same", "valid"]
Upsampling = Literal["transposed", "bilinear", "nearest", "bilinear_conv", "nearest_conv"]
Activation = Literal["relu", "leaky_relu", "silu", "relu6"]
AfterUp = Literal["nothing", "activation", "norm_activation"]
SkipOrder = Literal["skips_first", "up_first"]
SamePadding = Literal["symmetric", "tensorflow"]

Block = Callable[[int, int], nn.Module]
"""Makes a block from its number of input and output channels."""

CONV: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED_CONV: dict[int, type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
MAX_POOL: dict[int, type[nn.MaxPool2d] | type[nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
GLOBAL_MAX_POOL: dict[int, type[nn.Module]] = {2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}
ZERO_PAD: dict[int, Callable[[Any], nn.Module]] = {2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
BATCH_NORM: dict[int, type[nn.BatchNorm2d] | type[nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORM: dict[int, type[nn.InstanceNorm2d] | type[nn.InstanceNorm3d]] = {
    2: nn.InstanceNorm2d,
    3: nn.InstanceNorm3d,
}
ACTIVATION: dict[str, Callable[[bool], nn.Module]] = {
    "relu": lambda inplace: nn.ReLU(inplace),
    "leaky_relu": lambda inplace: nn.LeakyReLU(0.01, inplace),
    "silu": lambda inplace: nn.SiLU(inplace),
    "relu6": lambda inplace: nn.ReLU6(inplace),
}
NAMED = {
    "norm": Norm,
    "padding": Padding,
    "upsampling": Upsampling,
    "activation": Activation,
    "after_up": AfterUp,
    "skip_order": SkipOrder,
    "same_padding": SamePadding,
}
"""The choices that are one of several names."""


class BasicChoices(TypedDict, total=False):
    """The fields of `Layers` that every architecture takes as keyword arguments."""

    ndim: int
    norm: Norm
    norm_eps: float
    norm_momentum: float
    activation: Activation
    conv_bias: bool | None
    conv_dropout: float
    upsampling: Upsampling
    align_corners: bool


class LayerChoices(BasicChoices, total=False):
    """Those that architectures with up-convolutions take as well."""

    after_up: AfterUp
    skip_order: SkipOrder


@dataclass(frozen=True)
class Layers:
    """Choices shared by a whole network.

    Attributes:
        ndim: number of spatial axes, 2 or 3.
        padding: "same" pads convolutions with zeros so that maps keep their size; "valid" does not pad.
        norm: after each convolution. "instance" and "group" take their statistics from the whole map, so that a
            network with them is not tile-exact. "group" makes as many groups, up to 8, as divide the channels.
        norm_eps: added to the variance.
        norm_momentum: weight of a batch in the running mean and variance of batch normalisation.
        activation: after each normalisation.
        conv_bias: whether convolutions that a normalisation follows have a bias; None: only where norm is "none".
        conv_dropout: probability that an element is dropped after each activation, in training.
        upsampling: "transposed": 2x2 transposed convolution with stride 2. "bilinear", "nearest": interpolation that
            keeps the channels. "bilinear_conv", "nearest_conv": the same after a 1x1 convolution to the new channels
            (it commutes with interpolation and is four times cheaper on the coarse map).
        align_corners: of the interpolation. True makes it depend on the size of the map: not tile-exact.
        after_up: what follows the transposed convolution or the interpolation.
        skip_order: order of the concatenation in a decoder.
        same_padding: where strided convolutions pad an even size: "symmetric" on both sides, as PyTorch;
            "tensorflow" more at the far end, as TensorFlow's "SAME".
    """

    ndim: int = 2
    padding: Padding = "same"
    norm: Norm = "batch"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1
    activation: Activation = "relu"
    conv_bias: bool | None = None
    conv_dropout: float = 0.0
    upsampling: Upsampling = "transposed"
    align_corners: bool = False
    after_up: AfterUp = "nothing"
    skip_order: SkipOrder = "skips_first"
    same_padding: SamePadding = "symmetric"

    def __post_init__(self) -> None:
        if self.ndim not in CONV:
            raise OptionError(f"ndim must be 2 or 3, got {self.ndim}: images have the axes y, x or z, y, x")
        for field in fields(self):
            if field.name in NAMED and getattr(self, field.name) not in get_args(NAMED[field.name]):
                raise UnknownNameError(field.name, str(getattr(self, field.name)), get_args(NAMED[field.name]))

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool | None = None,
    ) -> nn.Module:
        """A convolution; `bias=None` follows `conv_bias`."""
        padding = kernel_size // 2 if self.padding == "same" and not self._pads_far_end(stride) else 0
        bias = self.bias if bias is None else bias
        return CONV[self.ndim](in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=bias)

    @property
    def bias(self) -> bool:
        """Whether a convolution that may be followed by a normalisation has a bias."""
        return self.norm == "none" if self.conv_bias is None else self.conv_bias

    def _pads_far_end(self, stride: int) -> bool:
        return stride > 1 and self.same_padding == "tensorflow"

    def normalize(self, channels: int) -> nn.Module:
        """A normalisation."""
        match self.norm:
            case "none":
                return nn.Identity()
            case "batch":
                return BATCH_NORM[self.ndim](channels, eps=self.norm_eps, momentum=self.norm_momentum)
            case "instance":
                return INSTANCE_NORM[self.ndim](channels, eps=self.norm_eps, affine=True)
            case "group":
                return nn.GroupNorm(math.gcd(8, channels), channels, eps=self.norm_eps)

    def activate(self, *, inplace: bool = True) -> nn.Module:
        """An activation."""
        return ACTIVATION[self.activation](inplace)

    def conv_norm(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, *, stride: int = 1, groups: int = 1
    ) -> list[nn.Module]:
        """The padding where it is a layer of its own, the convolution, and the normalisation where there is one."""
        layers = [self.conv(in_channels, out_channels, kernel_size, stride=stride, groups=groups)]
        if self._pads_far_end(stride):
            total = max(kernel_size - stride, 0)
            layers.insert(0, ZERO_PAD[self.ndim]((total // 2, total - total // 2) * self.ndim))
        if self.norm != "none":
            layers.append(self.normalize(out_channels))
        return layers

    def conv_norm_act(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, *, stride: int = 1, groups: int = 1
    ) -> nn.Sequential:
        """Convolution, normalisation, activation and dropout, each where it is chosen."""
        layers = self.conv_norm(in_channels, out_channels, kernel_size, stride=stride, groups=groups)
        return nn.Sequential(*layers, self.activate(), *self._dropout())

    def norm_act(self, channels: int) -> list[nn.Module]:
        """Pre-activation: normalisation, activation and dropout, each where it is chosen; the input is left alone."""
        norm = [] if self.norm == "none" else [self.normalize(channels)]
        return [*norm, self.activate(inplace=bool(norm)), *self._dropout()]

    def _dropout(self) -> list[nn.Module]:
        return [nn.Dropout(self.conv_dropout)] if self.conv_dropout else []

    def double_conv(self, in_channels: int, out_channels: int, between: int | None = None) -> nn.Sequential:
        """Two 3x3 convolutions: the block of Ronneberger et al. (2015), Fig. 1."""
        between = between or out_channels
        return nn.Sequential(self.conv_norm_act(in_channels, between), self.conv_norm_act(between, out_channels))

    def pool(self, factor: int = 2) -> nn.Module:
        """Max pooling over factor x factor pixels."""
        return MAX_POOL[self.ndim](factor, ceil_mode=True) if factor > 2 else MAX_POOL[self.ndim](factor)

    def upsampled_channels(self, in_channels: int, out_channels: int) -> int:
        """Channels that `up(in_channels, out_channels)` returns: interpolation alone keeps those it gets."""
        return in_channels if self.upsampling in ("bilinear", "nearest") else out_channels

    def up(self, in_channels: int, out_channels: int) -> nn.Sequential:
        """Upsampling by two on the way up the decoder."""
        channels = self.upsampled_channels(in_channels, out_channels)
        bias = self.bias if self.after_up == "norm_activation" else True
        layers: list[nn.Module] = []
        if self.upsampling == "transposed":
            layers = [TRANSPOSED_CONV[self.ndim](in_channels, channels, kernel_size=2, stride=2, bias=bias)]
        else:
            if self.upsampling.endswith("_conv"):
                layers = [self.conv(in_channels, channels, 1, bias=bias)]
            layers.append(self.interpolate(2))
        if self.after_up == "norm_activation":
            layers.append(self.normalize(channels))
        if self.after_up != "nothing":
            layers.append(self.activate(inplace=self.upsampling == "transposed"))
        return nn.Sequential(*layers)

    def interpolate(self, factor: int) -> "Interpolate":
        """Interpolation to `factor` times the size."""
        if self.upsampling.startswith("nearest"):
            return Interpolate(factor, "nearest")
        mode = "bilinear" if self.ndim == 2 else "trilinear"
        border = factor // 2 if self.padding == "valid" else 0
        return Interpolate(factor, mode, align_corners=self.align_corners, border=border)


class Interpolate(nn.Module):
    """Enlarge a map; `border` pixels are cut off each side, those that lack a neighbour to interpolate with."""

    def __init__(self, factor: int, mode: str, *, align_corners: bool | None = None, border: int = 0) -> None:
        super().__init__()
        self.factor = factor
        self.mode = mode
        self.align_corners = align_corners
        self.border = border

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=float(self.factor), mode=self.mode, align_corners=self.align_corners)
        if self.border:
            x = crop_to(x, [n - 2 * self.border for n in x.shape[2:]])
        return x
