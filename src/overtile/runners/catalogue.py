"""The runners, and how one is made by its name."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from overtile.runners.device import Precision
from overtile.runners.int8 import QuantizedRunner
from overtile.runners.onnx import OnnxRunner
from overtile.runners.openvino import OpenVinoRunner
from overtile.runners.runner import Runner
from overtile.runners.torch import TorchRunner

RUNNERS: dict[str, Callable[..., Runner]] = {
    "torch": TorchRunner,
    "openvino": OpenVinoRunner,
    "onnx": OnnxRunner,
}
"""Name -> what makes a runner from (model, *, device, precision)."""


def make_runner(name: str, model: nn.Module, *, device: torch.device, precision: Precision) -> Runner:
    """Make a runner.

    Args:
        name: a key of RUNNERS, or the path of a file that `overtile export --int8` wrote.
        model: the network, in evaluation mode.
        device: to compute on.
        precision: to multiply in; of a file, what it says.
    """
    if is_file(name):
        return QuantizedRunner(model, Path(name), device=device)
    return RUNNERS[name](model, device=device, precision=precision)


def is_file(name: str) -> bool:
    """Whether a runner is named by a file.

    >>> is_file("cells-int8.xml"), is_file("torch")
    (True, False)
    """
    return name.endswith(".xml")


def library_of(name: str) -> str:
    """The runner whose library runs a runner of that name.

    >>> library_of("onnx"), library_of("cells-int8.xml")
    ('onnx', 'openvino')
    """
    return "openvino" if is_file(name) else name
