"""A network in 8-bit integers: quantised with NNCF, and run by OpenVINO from the file that holds it."""

import contextlib
import hashlib
import io
import json
import logging
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.core import ModelFileError
from overtile.runners.device import Precision
from overtile.runners.graph import fitted, sizes_of
from overtile.runners.openvino import compile_graph, infer
from overtile.runners.quiet import import_openvino, require
from overtile.runners.runner import refuse_unless

NOTES = "overtile"
"""Under this name an exported file holds, as JSON, what its user must know."""


class QuantizedRunner:
    """Runs the file FILE.xml that `overtile export --int8` made of a model.

    Args:
        model: the network that the file was made of.
        file: FILE.xml; FILE.bin is beside it.
        device: the CPU.

    Raises:
        ModelFileError: the file is missing, was not written by that command, or was made of other weights.
        OptionError: OpenVINO is not installed, or the device is no CPU.
    """

    precision: Precision = "int8"

    def __init__(self, model: nn.Module, file: Path, *, device: torch.device) -> None:
        refuse_unless("openvino", device=device, precision="int8", can=("int8",))
        notes = read_notes(file)
        if notes.get("precision") != "int8":
            raise ModelFileError(f"{file} holds no 8-bit integers: expected what `overtile export --int8 DATA` wrote")
        if notes["weights"] != fingerprint(model):
            raise ModelFileError(
                f"{file} was made of another model: make one of this with `overtile export MODEL -o {file.name} --int8 DATA`"
            )
        self.name = str(file.resolve())
        self.device = device
        self._sizes = sizes_of(model)
        self._request = compile_graph(str(file), "float32")  # what is not in integers

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.batch(image[np.newaxis])[0])

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (image, class, *S') of normalised images (image, channel, *S)."""
        return fitted(self._sizes, images, lambda batch: infer(self._request, batch))


def read_notes(file: Path) -> dict[str, Any]:
    """What an exported file says about itself.

    Raises:
        ModelFileError: it is missing or says nothing.
    """
    if not (file.is_file() and file.with_suffix(".bin").is_file()):
        raise ModelFileError(
            f"there are no {file} and {file.with_suffix('.bin').name}: expected what `overtile export` wrote"
        )
    try:
        network = import_openvino().Core().read_model(str(file))
        return cast(dict[str, Any], json.loads(network.get_rt_info([NOTES]).astype(str)))
    except RuntimeError as error:
        raise ModelFileError(f"{file} is no file that `overtile export` wrote: export the model again") from error


def fingerprint(model: nn.Module) -> str:
    """A short name for the weights of a network."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def quantize(graph: bytes, images: Iterable[NDArray[np.float32]]) -> Any:
    """An OpenVINO model whose convolutions multiply 8-bit integers.

    Args:
        graph: of `to_onnx`.
        images: normalised, (image, channel, *S), of sizes that the graph takes; the ranges of all maps are taken from them.

    Raises:
        OptionError: OpenVINO or NNCF is not installed.
    """
    require("int8")
    network = import_openvino().Core().read_model(graph)
    nncf = import_module("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    samples = list(images)
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars
        return nncf.quantize(
            network, nncf.Dataset(samples), preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples)
        )
