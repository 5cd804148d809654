"""Run a network with ONNX Runtime."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.runners.device import Precision
from overtile.runners.graph import INPUT, fitted, sizes_of, to_onnx
from overtile.runners.quiet import import_onnxruntime
from overtile.runners.runner import refuse_unless

ERRORS_ONLY = 3


class OnnxRunner:
    """Runs a network of this project with ONNX Runtime on the CPU, in float32, with as many threads as PyTorch has.

    Args:
        model: the network, or an ensemble.
        device: the CPU.
        precision: float32.

    Raises:
        OptionError: ONNX Runtime is not installed, or cannot do what is asked for.
    """

    name = "onnx"

    def __init__(self, model: nn.Module, *, device: torch.device, precision: Precision = "float32") -> None:
        refuse_unless(self.name, device=device, precision=precision, can=("float32",))
        self.device = device
        self.precision = precision
        self._sizes = sizes_of(model)
        self._session = open_session(to_onnx(model))

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.batch(image[np.newaxis])[0])

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (image, class, *S') of normalised images (image, channel, *S)."""
        return fitted(self._sizes, images, lambda batch: np.asarray(self._session.run(None, {INPUT: batch})[0]))


def open_session(graph: bytes) -> Any:
    """Make an ONNX graph ready to run.

    Raises:
        OptionError: ONNX Runtime is not installed.
    """
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = ERRORS_ONLY
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
