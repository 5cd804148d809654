"""Run a network with PyTorch."""

import copy
from itertools import pairwise
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from overtile.core import OptionError
from overtile.models import channels_last

Precision = Literal["float32", "bfloat16", "float16"]


def has_bfloat16_units(device: torch.device) -> bool:
    """Whether the chip multiplies bfloat16 in hardware; elsewhere it is emulated and slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def pick_device(name: str = "auto") -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device; "auto" takes a GPU where there is one.

    Raises:
        OptionError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(f"the device {name!r} cannot be used ({reason}): choose auto, cpu or cuda") from error
    return device


def pick_precision(device: torch.device) -> Precision:
    """bfloat16 where the chip has the units for it, else float16 on a GPU and float32 on a CPU."""
    if has_bfloat16_units(device):
        return "bfloat16"
    return "float16" if device.type == "cuda" else "float32"


class TorchRunner:
    """Maps one normalised image (channel, *S) to logits (class, *S').

    The network is copied; BatchNorm is folded into the convolution before it, and channels are moved last, where
    the convolutions are fastest.
    """

    def __init__(self, model: nn.Module, *, device: torch.device, precision: Precision = "float32") -> None:
        folded = fold_batch_norm(copy.deepcopy(model).eval())
        self.model = channels_last(folded.to(device))
        self.device = device
        self.precision = precision

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        dtype = getattr(torch, self.precision)
        batch = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)[None]
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=dtype, enabled=self.precision != "float32"),
        ):
            logits = self.model(batch.contiguous(memory_format=torch.channels_last))
        return cast(NDArray[np.float32], logits[0].float().cpu().numpy())


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Fold each BatchNorm that directly follows a convolution in an nn.Sequential into that convolution.

    The result is the same up to the order of floating-point operations, with one pass less over every map.
    """
    for module in model.modules():
        if not isinstance(module, nn.Sequential):
            continue
        children = list(module)
        for i, (first, second) in enumerate(pairwise(children)):
            if isinstance(first, nn.Conv2d | nn.Conv3d) and isinstance(second, nn.BatchNorm2d | nn.BatchNorm3d):
                module[i] = fuse_conv_bn_eval(first, second)
                module[i + 1] = nn.Identity()
    return model
