"""Where a network is computed, and in which precision."""

from collections.abc import Callable
from typing import Literal, cast, get_args

import torch

from overtile.core import OptionError, UnknownNameError

Precision = Literal["float32", "bfloat16", "float16", "int8"]
"""What factors are rounded to; int8 needs a file that `overtile export --int8` wrote."""

GPU_SHARE = 0.8
"""Of the free memory of a GPU that a prediction may take; the libraries' own buffers and the display need some."""


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


def free_on(name: str) -> int | None:
    """Bytes that a prediction may take on a GPU, which is most of what is free; None for a CPU."""
    device = torch.device(name)
    return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None


def peak_on(name: str, action: Callable[[], object]) -> int:
    """Most bytes of a GPU that tensors held while `action` ran."""
    device = torch.device(name)
    torch.cuda.reset_peak_memory_stats(device)
    action()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def pick_precision(device: torch.device) -> Precision:
    """bfloat16 where the chip has the units for it, else float16 on a GPU and float32 on a CPU."""
    if has_bfloat16_units(device):
        return "bfloat16"
    return "float16" if device.type == "cuda" else "float32"


def fastest_precision(runner: str, device: torch.device) -> Precision:
    """The fastest precision that a runner has on a device; ONNX Runtime has no other than float32."""
    return "float32" if runner == "onnx" else pick_precision(device)


def precision_named(name: str) -> Precision | None:
    """Read a precision; None for "auto".

    Raises:
        UnknownNameError: there is no such precision.

    >>> precision_named("float32"), precision_named("auto")
    ('float32', None)
    """
    if name == "auto":
        return None
    if name not in get_args(Precision):
        raise UnknownNameError("precision", name, ["auto", *get_args(Precision)])
    return cast(Precision, name)
