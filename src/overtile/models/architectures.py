"""The six architectures, and the dictionary that names them.

Every builder maps (in_channels, num_classes, *, ...) to a network from images (batch, in_channels, *S) to logits. Its
arguments are scalars, strings and lists, so that a model file can keep them. The keyword arguments that the builders
share are the fields of `Layers`. `widths`, channels per level and finest first, replaces base_width * 2**level.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Unpack, get_args

from overtile.core.errors import OptionError, UnknownNameError
from overtile.models.blocks import InvertedResidual, Shortcut, residual_unit
from overtile.models.decoders import FullScaleDecoder, NestedDecoder, unet_decoder
from overtile.models.encoders import pooling_encoder, residual_encoder
from overtile.models.heads import FullScaleHeads, Head, NestedHeads
from overtile.models.inverted import MOBILENET_V2, SCALING, inverted_encoder, round_channels, scaled
from overtile.models.layers import BasicChoices, LayerChoices, Layers, Padding, SamePadding
from overtile.models.network import SegmentationNet
from overtile.models.sizes import AnySize, valid_sizes

Mode = Literal["accurate", "fast"]
Guidance = Literal["none", "cgm"]


def unet(
    in_channels: int,
    num_classes: int,
    *,
    base_width: int = 64,
    depth: int = 4,
    widths: Sequence[int] | None = None,
    up_widths: Sequence[int] | None = None,
    decoder_widths: Sequence[int] | None = None,
    padding: Padding = "valid",
    dropout: float = 0.5,
    **choices: Unpack[LayerChoices],
) -> SegmentationNet:
    """U-Net (Ronneberger et al. 2015, Fig. 1); the defaults are the paper's network.

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        base_width: channels at full resolution.
        depth: number of times that maps are halved.
        widths: channels per level of the encoder.
        up_widths: channels of the upsampled map that each level's skip is joined with; None: those of the skip.
        decoder_widths: channels that each level of the decoder returns; None: those of the encoder.
        padding: "valid": the output is smaller than the image. "same": it is of the same size.
        dropout: at the end of the contracting path.
        **choices: fields of `Layers`. Defaults: no normalisation, ReLU, transposed convolutions with nothing after
            them, skips first.
    """
    layers = replace(Layers(padding=padding, norm="none"), **choices)
    widths = _widths(base_width, depth, widths)
    decoded = decoder_widths or widths[:-1]
    depth = len(widths) - 1
    up_loss = 2 if layers.upsampling.startswith("bilinear") else 0
    return SegmentationNet(
        pooling_encoder(in_channels, widths, layers, layers.double_conv, dropout=dropout),
        unet_decoder(
            widths,
            layers,
            lambda level, i, o: layers.double_conv(i, o, widths[level]),
            widths=decoded,
            up_widths=up_widths or widths[:-1],
        ),
        Head(layers.conv(decoded[0], num_classes, 1, bias=True)),
        sizes=_any_size(layers, depth) if padding == "same" else valid_sizes(depth, up_loss=up_loss),
        channels=(in_channels, num_classes),
    )


def unet_plus_plus(
    in_channels: int,
    num_classes: int,
    *,
    base_width: int = 32,
    depth: int = 4,
    widths: Sequence[int] | None = None,
    deep_supervision: bool = True,
    mode: Mode = "accurate",
    pruned_to: int | None = None,
    **choices: Unpack[LayerChoices],
) -> SegmentationNet:
    """U-Net++ (Zhou et al. 2018).

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        base_width: channels at full resolution.
        depth: number of times that maps are halved.
        widths: channels per level.
        deep_supervision: one head on each of x[0][1] .. x[0][depth], all trained; False: one on the last.
        mode: what is predicted with deep supervision. "accurate": mean of the heads' probabilities; "fast": last head.
        pruned_to: keep only the nodes that head number `pruned_to` needs, and that head; None: no pruning.
        **choices: fields of `Layers`. Defaults: batch normalisation, ReLU, transposed convolutions, skips first.
    """
    layers = replace(Layers(), **choices)
    full = _widths(base_width, depth, widths)
    depth = len(full) - 1
    _one_of("mode", mode, get_args(Mode))
    if pruned_to is not None and not 1 <= pruned_to <= depth:
        raise OptionError(f"expected pruned_to between 1 and the depth {depth}, got {pruned_to}")
    kept = full[: (pruned_to or depth) + 1]
    return SegmentationNet(
        pooling_encoder(in_channels, kept, layers, layers.double_conv),
        NestedDecoder(kept, layers, layers.double_conv),
        NestedHeads(kept[0], num_classes, layers, heads=depth, mode=mode)
        if deep_supervision and pruned_to is None
        else Head(layers.conv(kept[0], num_classes, 1, bias=True), level=-1),
        sizes=_any_size(layers, depth),
        channels=(in_channels, num_classes),
    )


def unet3plus(
    in_channels: int,
    num_classes: int,
    *,
    base_width: int = 64,
    depth: int = 4,
    widths: Sequence[int] | None = None,
    channels_per_scale: int | None = None,
    deep_supervision: bool = True,
    guidance: Guidance = "none",
    **choices: Unpack[BasicChoices],
) -> SegmentationNet:
    """U-Net 3+ (Huang et al. 2020).

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        base_width: channels at full resolution.
        depth: number of times that maps are halved.
        widths: channels per level of the encoder.
        channels_per_scale: that each scale gives to a node of the decoder; None: those at full resolution.
        deep_supervision: a head on every decoded map, all trained; False: one on the finest.
        guidance: "cgm": the classification-guided module empties images with nothing to segment. It sees the whole
            image: not tile-exact. Needs deep supervision.
        **choices: fields of `Layers`. Defaults: batch normalisation with a bias before it, ReLU, bilinear upsampling.
    """
    layers = replace(Layers(upsampling="bilinear", conv_bias=True), **choices)
    widths = _widths(base_width, depth, widths)
    _one_of("upsampling", layers.upsampling, ("bilinear", "nearest"))
    _one_of("guidance", guidance, get_args(Guidance))
    if guidance == "cgm" and not deep_supervision:
        raise OptionError("guidance='cgm' was given with deep_supervision=False: switch deep supervision on")
    decoder = FullScaleDecoder(widths, layers, channels=channels_per_scale or widths[0])
    return SegmentationNet(
        pooling_encoder(in_channels, widths, layers, layers.double_conv),
        decoder,
        FullScaleHeads(decoder.widths, num_classes, layers, guidance=guidance)
        if deep_supervision
        else Head(layers.conv(decoder.widths[0], num_classes, 3, bias=True)),
        sizes=_any_size(layers, len(widths) - 1),
        channels=(in_channels, num_classes),
    )


def residual_unet(
    in_channels: int,
    num_classes: int,
    *,
    base_width: int = 64,
    depth: int = 3,
    widths: Sequence[int] | None = None,
    shortcut: Shortcut = "projection",
    **choices: Unpack[LayerChoices],
) -> SegmentationNet:
    """Residual U-Net (Zhang, Liu and Wang 2018, Table 1): pre-activation units, stride 2 instead of pooling.

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        base_width: channels at full resolution.
        depth: number of times that maps are halved.
        widths: channels per level.
        shortcut: what the shortcut does where the identity does not fit, see `residual_unit`.
        **choices: fields of `Layers`. Defaults: batch normalisation with a bias before it, ReLU, and nearest-neighbour
            upsampling, about whose kind the paper is silent. Upsampling keeps the channels. Up first, as in the paper's
            figure.
    """
    layers = replace(Layers(upsampling="nearest", conv_bias=True, skip_order="up_first"), **choices)
    _one_of("shortcut", shortcut, get_args(Shortcut))
    widths = _widths(base_width, depth, widths)
    unit = partial(residual_unit, layers, shortcut=shortcut)
    return SegmentationNet(
        residual_encoder(in_channels, widths, layers, shortcut=shortcut),
        unet_decoder(widths, layers, lambda _, i, o: unit(i, o), widths=widths[:-1], up_widths=widths[1:]),
        Head(layers.conv(widths[0], num_classes, 1, bias=True)),
        sizes=_any_size(layers, len(widths) - 1),
        channels=(in_channels, num_classes),
    )


def mobile_unet(
    in_channels: int,
    num_classes: int,
    *,
    width_multiplier: float = 1.0,
    same_padding: SamePadding = "symmetric",
    decoder_widths: Sequence[int] | None = None,
    **choices: Unpack[LayerChoices],
) -> SegmentationNet:
    """Mobile U-Net: the MobileNetV2 encoder and five deconvolution layers (Jing et al. 2020).

    The paper leaves the decoder open. Here each level is upsampled, joined with the encoder's map of that size (the
    image itself at full resolution) and passed through one inverted residual.

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        width_multiplier: factor on all channels.
        same_padding: of strided convolutions, see `Layers`.
        decoder_widths: channels per level of the decoder; None: 16 at full resolution, then those of the encoder.
        **choices: fields of `Layers`. Defaults: batch normalisation, ReLU6, transposed convolutions, skips first.
    """
    layers = replace(Layers(activation="relu6", same_padding=same_padding), **choices)
    stages = [replace(s, channels=round_channels(s.channels * width_multiplier)) for s in MOBILENET_V2]
    stem = round_channels(32 * width_multiplier)
    encoder = inverted_encoder(in_channels, stem, stages, layers, squeeze=False, drop_connect=0.0)
    widths = decoder_widths or [round_channels(16 * width_multiplier), *encoder.widths[1:-1]]
    return SegmentationNet(
        encoder,
        unet_decoder(
            encoder.widths, layers, lambda _, i, o: InvertedResidual(layers, i, o), widths=widths, up_widths=widths
        ),
        Head(layers.conv(widths[0], num_classes, 1, bias=True)),
        sizes=_any_size(layers, len(encoder.widths) - 1),
        channels=(in_channels, num_classes),
    )


def eff_unet(
    in_channels: int,
    num_classes: int,
    *,
    variant: str = "lite0",
    width_multiplier: float = 1.0,
    drop_connect: float = 0.2,
    same_padding: SamePadding = "tensorflow",
    decoder_widths: Sequence[int] = (16, 32, 64, 128, 256),
    **choices: Unpack[LayerChoices],
) -> SegmentationNet:
    """Eff-UNet: an EfficientNet encoder and a U-Net decoder (Baheti et al. 2020).

    The decoder repeats: bilinear upsampling, concatenation with the encoder's map of that size (the image itself at
    full resolution), two 3x3 convolutions. The paper does not give their channels.

    Args:
        in_channels: of the image.
        num_classes: channels of the logits.
        variant: "b0" .. "b7", or "lite0" .. "lite4", which have no squeeze-excitation and are tile-exact.
        width_multiplier: further factor on the encoder's channels.
        drop_connect: of the last block in training; less before it.
        same_padding: of strided convolutions, see `Layers`; weights are trained for one of them.
        decoder_widths: channels per level of the decoder, finest first.
        **choices: fields of `Layers`; the activation is the decoder's. Defaults: batch normalisation with eps 1e-3,
            ReLU, bilinear upsampling, skips first.
    """
    layers = replace(Layers(norm_eps=1e-3, upsampling="bilinear", same_padding=same_padding), **choices)
    _one_of("variant", variant, SCALING)
    lite = variant.startswith("lite")
    encoder = inverted_encoder(
        in_channels,
        *scaled(variant, width_multiplier),
        replace(layers, activation="relu6" if lite else "silu"),
        squeeze=not lite,
        drop_connect=drop_connect,
    )
    return SegmentationNet(
        encoder,
        unet_decoder(
            encoder.widths,
            layers,
            lambda _, i, o: layers.double_conv(i, o),
            widths=decoder_widths,
            up_widths=decoder_widths,
        ),
        Head(layers.conv(decoder_widths[0], num_classes, 1, bias=True)),
        sizes=_any_size(layers, len(encoder.widths) - 1),
        channels=(in_channels, num_classes),
    )


ARCHITECTURES: dict[str, Callable[..., SegmentationNet]] = {
    "unet": unet,
    "unet_plus_plus": unet_plus_plus,
    "unet3plus": unet3plus,
    "residual_unet": residual_unet,
    "mobile_unet": mobile_unet,
    "eff_unet": eff_unet,
}
"""Maps (in_channels, num_classes, *, ...) to a network."""


def build(name: str, in_channels: int, num_classes: int, **arguments: Any) -> SegmentationNet:
    """Build an architecture by its name.

    Args:
        name: a key of ARCHITECTURES.
        in_channels: of the image.
        num_classes: channels of the logits.
        **arguments: of the builder; every name is checked.

    Raises:
        UnknownNameError: no such architecture, or the architecture has no such argument.

    >>> build("unet", 1, 2, base_width=4, depth=1).num_classes
    2
    """
    _one_of("architecture", name, ARCHITECTURES)
    for argument in arguments:
        _one_of(f"argument of {name}", argument, arguments_of(name))
    return ARCHITECTURES[name](in_channels, num_classes, **arguments)


def arguments_of(name: str) -> list[str]:
    """Names of the keyword arguments that an architecture takes.

    >>> "after_up" in arguments_of("unet"), "after_up" in arguments_of("unet3plus")
    (True, False)
    """
    parameters = list(inspect.signature(ARCHITECTURES[name]).parameters.values())
    (choices,) = get_args(parameters[-1].annotation)
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] + list(choices.__annotations__)


def _one_of(kind: str, name: str, known: Any) -> None:
    if name not in known:
        raise UnknownNameError(kind, name, known)


def _widths(base_width: int, depth: int, widths: Sequence[int] | None) -> list[int]:
    return [base_width * 2**level for level in range(depth + 1)] if widths is None else list(widths)


def _any_size(layers: Layers, depth: int) -> AnySize:
    """Instance normalisation needs more than one sample in the coarsest map."""
    return AnySize(2**depth, smallest=2 ** (depth + 1) if layers.norm == "instance" else 1)
