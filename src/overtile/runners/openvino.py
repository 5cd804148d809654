"""Run a network with OpenVINO."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.runners.device import Precision
from overtile.runners.graph import fitted, sizes_of, to_onnx
from overtile.runners.quiet import import_openvino
from overtile.runners.runner import refuse_unless

HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoRunner:
    """Runs a network of this project with OpenVINO on the CPU, with as many threads as PyTorch has.

    Args:
        model: the network, or an ensemble.
        device: the CPU.
        precision: float32 or bfloat16; stated to OpenVINO, which would choose by itself.

    Raises:
        OptionError: OpenVINO is not installed, or cannot do what is asked for.
    """

    name = "openvino"

    def __init__(self, model: nn.Module, *, device: torch.device, precision: Precision = "float32") -> None:
        refuse_unless(self.name, device=device, precision=precision, can=tuple(HINTS))
        self.device = device
        self.precision = precision
        self._sizes = sizes_of(model)
        self._request = compile_graph(to_onnx(model), precision)

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.batch(image[np.newaxis])[0])

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (image, class, *S') of normalised images (image, channel, *S)."""
        return fitted(self._sizes, images, lambda batch: infer(self._request, batch))


def compile_graph(graph: bytes | str, precision: Precision) -> Any:
    """Make a graph ready to run.

    Args:
        graph: an ONNX graph, or the path of a file that OpenVINO reads.
        precision: to multiply in.

    Raises:
        OptionError: OpenVINO is not installed.
    """
    core = import_openvino().Core()
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # several processes on one machine would be pinned to the same cores
    }
    return core.compile_model(core.read_model(graph), "CPU", settings).create_infer_request()


def infer(request: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a graph that is ready; the result is a copy, since the next run overwrites the original."""
    return np.asarray(request.infer([batch], share_inputs=True)[0])
