"""Published networks, rebuilt exactly: what to build, and with which arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from overtile.core.errors import UnknownNameError
from overtile.models.architectures import build
from overtile.models.inverted import SCALING
from overtile.models.network import SegmentationNet

Arguments = dict[str, Any]

PAPER: Arguments = {"padding": "valid", "norm": "none"}
BATCH_NORM: Arguments = {"padding": "same", "norm": "batch", "dropout": 0.0}


@dataclass(frozen=True)
class Preset:
    """A published network.

    Attributes:
        architecture: key of ARCHITECTURES.
        width: its channels at full resolution.
        arguments: those of the builder, from the channels at full resolution.
        source: where it was published.
    """

    architecture: str
    width: int
    arguments: Callable[[int], Arguments]
    source: str


def _eff_unet(variant: str, w: int) -> Arguments:
    widths = [w * 2**level for level in range(5)]
    return {"variant": variant, "width_multiplier": w / 16, "decoder_widths": widths, "norm_momentum": 0.01}


PRESETS: dict[str, Preset] = {
    "unet-2015": Preset(
        "unet",
        64,
        lambda w: PAPER | {"base_width": w},
        "Ronneberger et al. 2015, Fig. 1: no ReLU after up-convolutions, the copied map first",
    ),
    "unet-2015-caffe": Preset(
        "unet",
        64,
        lambda w: (
            PAPER
            | {
                "base_width": w,
                "up_widths": [2 * w, 2 * w, 4 * w, 8 * w],
                "after_up": "activation",
                "skip_order": "up_first",
            }
        ),
        "the authors' release of 2015-10-02: ReLU after up-convolutions, the last of which keeps its channels",
    ),
    "unet-aitech": Preset(
        "unet",
        64,
        lambda w: (
            BATCH_NORM
            | {
                "base_width": w,
                "decoder_widths": [w, w, 4 * w, 8 * w],
                "conv_bias": True,
                "skip_order": "up_first",
            }
        ),
        "write-up of the AITech lecture: padding and batch normalisation; level 1 of the decoder returns 64 channels",
    ),
    "unet-bpius": Preset(
        "unet",
        64,
        lambda w: (
            BATCH_NORM | {"base_width": w, "conv_bias": True, "after_up": "norm_activation", "skip_order": "up_first"}
        ),
        "write-up of Bpius: padding and batch normalisation, also after up-convolutions",
    ),
    "unet-jasonlee": Preset(
        "unet",
        64,
        lambda w: PAPER | {"base_width": w, "dropout": 0.0},
        "write-up of JasonLee, with the up-convolutions registered as its author meant",
    ),
    "unet-milesial": Preset(
        "unet",
        64,
        lambda w: BATCH_NORM | {"base_width": w},
        "milesial/Pytorch-UNet with transposed convolutions",
    ),
    "unet-milesial-bilinear": Preset(
        "unet",
        64,
        lambda w: (
            BATCH_NORM
            | {
                "widths": [w, 2 * w, 4 * w, 8 * w, 8 * w],
                "decoder_widths": [w, w, 2 * w, 4 * w],
                "upsampling": "bilinear",
                "align_corners": True,
            }
        ),
        "milesial/Pytorch-UNet with bilinear upsampling",
    ),
    "unet-plus-plus-keras": Preset(
        "unet_plus_plus",
        32,
        lambda w: {"base_width": w, "norm": "none", "conv_dropout": 0.5, "skip_order": "up_first"},
        "the authors' Keras code: no normalisation, dropout after every convolution, upsampled map first",
    ),
    "unet-plus-plus-aitech": Preset(
        "unet_plus_plus",
        64,
        lambda w: {"base_width": w, "conv_bias": True, "upsampling": "bilinear", "align_corners": True},
        "write-up of the AITech lecture: batch normalisation, bilinear upsampling with align_corners, skips first",
    ),
    "unet3plus": Preset(
        "unet3plus",
        64,
        lambda w: {"base_width": w, "deep_supervision": False},
        "Huang et al. 2020, without deep supervision",
    ),
    "unet3plus-deepsup": Preset(
        "unet3plus", 64, lambda w: {"base_width": w}, "Huang et al. 2020, with deep supervision"
    ),
    "unet3plus-cgm": Preset(
        "unet3plus",
        64,
        lambda w: {"base_width": w, "guidance": "cgm"},
        "Huang et al. 2020, with deep supervision and the classification-guided module",
    ),
    "residual-unet-2018": Preset("residual_unet", 64, lambda w: {"base_width": w}, "Zhang, Liu and Wang 2018, Table 1"),
    "mobile-unet": Preset(
        "mobile_unet", 16, lambda w: {"width_multiplier": w / 16}, "Sandler et al. 2018 and Jing et al. 2020"
    ),
    **{
        f"eff-unet-{variant}": Preset(
            "eff_unet",
            16,
            partial(_eff_unet, variant),
            f"Tan and Le 2019, EfficientNet-{variant.capitalize()}, and Baheti et al. 2020",
        )
        for variant in SCALING
    },
}
"""Published networks by name."""


def preset_arguments(name: str, width: int | None = None) -> tuple[str, Arguments]:
    """Which architecture a preset is, and its arguments, as a model file keeps them.

    >>> preset_arguments("unet3plus-cgm", width=8)
    ('unet3plus', {'base_width': 8, 'guidance': 'cgm'})
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    chosen = PRESETS[name]
    return chosen.architecture, chosen.arguments(chosen.width if width is None else width)


def preset(name: str, in_channels: int, num_classes: int, *, width: int | None = None) -> SegmentationNet:
    """Rebuild a published network.

    Args:
        name: a key of PRESETS.
        in_channels: of the image.
        num_classes: channels of the logits.
        width: channels at full resolution (of the decoder, for mobile-unet and eff-unet); all others follow.

    Raises:
        UnknownNameError: no such preset.

    >>> preset("unet-2015", 1, 2, width=4).decoder.merges[0].up[0]
    ConvTranspose2d(64, 32, kernel_size=(2, 2), stride=(2, 2))
    """
    architecture, arguments = preset_arguments(name, width)
    return build(architecture, in_channels, num_classes, **arguments)
