"""How a saved network is executed."""

from overtile.runners.allocator import keep_freed_memory
from overtile.runners.catalogue import RUNNERS, is_file, library_of, make_runner
from overtile.runners.device import (
    Precision,
    fastest_precision,
    free_on,
    has_bfloat16_units,
    peak_on,
    pick_device,
    pick_precision,
    precision_named,
)
from overtile.runners.folding import fold_batch_norm
from overtile.runners.graph import to_onnx
from overtile.runners.int8 import QuantizedRunner
from overtile.runners.onnx import OnnxRunner
from overtile.runners.openvino import OpenVinoRunner
from overtile.runners.quiet import PACKAGES, is_installed, require
from overtile.runners.runner import Runner
from overtile.runners.torch import TorchRunner

__all__ = [
    "PACKAGES",
    "RUNNERS",
    "OnnxRunner",
    "OpenVinoRunner",
    "Precision",
    "QuantizedRunner",
    "Runner",
    "TorchRunner",
    "fastest_precision",
    "fold_batch_norm",
    "free_on",
    "has_bfloat16_units",
    "is_file",
    "is_installed",
    "keep_freed_memory",
    "library_of",
    "make_runner",
    "peak_on",
    "pick_device",
    "pick_precision",
    "precision_named",
    "require",
    "to_onnx",
]
