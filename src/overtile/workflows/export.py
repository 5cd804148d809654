"""A model for other programs: an ONNX file, or OpenVINO's pair of files. Verified before it bears its name."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.bundle import Manifest
from overtile.bundle import load as load_bundle
from overtile.core import PredictionError, UnknownNameError
from overtile.core.atomic import atomic_file, refuse_overwrite
from overtile.models import Geometry, geometry
from overtile.runners import onnx, openvino, require, to_onnx
from overtile.runners.graph import INPUT, grid_of, sizes_of
from overtile.runners.int8 import NOTES
from overtile.runners.quiet import import_openvino
from overtile.workflows.agreement import TOLERANCES, Agreement, agreement, plain, refuse_disagreement

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        files: that belong together.
        agreement: with the model in PyTorch, by size of the image.
        notes: what the file says about itself: normalisation, classes, sizes.
    """

    files: tuple[Path, ...]
    agreement: dict[str, Agreement]
    notes: dict[str, Any]


def export_model(model: str | Path, output: str | Path, *, overwrite: bool = False) -> Exported:
    """Write the network of a model, from normalised images to logits, as FILE.onnx or as FILE.xml and FILE.bin.

    The result is run on images of several sizes, and bears its name only if the logits are those of PyTorch.

    Args:
        model: model file.
        output: .onnx (needs ONNX Runtime), or .xml (needs OpenVINO).
        overwrite: replace the files if they exist.

    Raises:
        UnknownNameError: the suffix is neither.
        OptionError: the package that verifies the file is not installed.
        OutputExistsError: a file exists.
        PredictionError: the exported network gives other logits.
    """
    output = Path(output)
    if output.suffix not in FORMATS:
        raise UnknownNameError("format", output.suffix, FORMATS)
    runner, write = FORMATS[output.suffix]
    require(runner)
    for path in files_of(output):
        refuse_overwrite(path, overwrite=overwrite)
    bundle = load_bundle(Path(model))
    shape = geometry(bundle.model, bundle.manifest.in_channels)
    notes = notes_of(bundle.manifest, shape, grid_of(sizes_of(bundle.model)))
    verified: dict[str, Agreement] = {}

    def verify(run: Run) -> None:
        verified.update(compare(run, bundle.model, bundle.manifest.in_channels, shape))
        try:
            refuse_disagreement(verified, TOLERANCES["float32"])
        except PredictionError as error:
            raise PredictionError(f"{output} is not written: {error}") from error

    write(to_onnx(bundle.model), output, notes, verify)
    return Exported(files_of(output), verified, notes)


def files_of(output: Path) -> tuple[Path, ...]:
    """The files that an export writes, the one that names it last."""
    return (output.with_suffix(".bin"), output) if output.suffix == ".xml" else (output,)


def notes_of(manifest: Manifest, shape: Geometry, grid: tuple[int, int]) -> dict[str, Any]:
    """What a program must know that runs the network without overtile.

    Args:
        manifest: of the model.
        shape: geometry of the network.
        grid: smallest size that the graph takes, and the step to the next.
    """
    normalization, (smallest, step) = manifest.normalization, grid
    return {
        "input": "image (batch, channel, y, x), float32, (stored sample - offset) / scale",
        "output": "logits (batch, class, y, x)",
        "offset": list(normalization.offset) if normalization.scheme == "model" else "mean of the image",
        "scale": list(normalization.scale) if normalization.scheme == "model" else "standard deviation of the image",
        "channels": list(manifest.channels),
        "class_values": list(manifest.class_values),
        "class_names": list(manifest.class_names),
        "task": manifest.task,
        "pixel_size_um": manifest.pixel_size_um,
        "smallest_px": smallest,
        "step_px": step,
        "margin_px": list(shape.margin),
        "halo_px": list(shape.halo),
        "tile_exact": shape.tile_exact,
    }


def compare(run: Run, network: nn.Module, channels: int, shape: Geometry) -> dict[str, Agreement]:
    """How an exported network agrees with the original, on noise of several sizes.

    Args:
        run: maps a batch (image, channel, *S) to logits.
        network: the original, in evaluation mode.
        channels: of the images.
        shape: geometry of the network.
    """
    random = torch.Generator().manual_seed(0)
    found = {}
    for steps in (2, 3, 5):
        size = shape.input_size([(steps + axis) * stride for axis, stride in enumerate(shape.stride)])
        images = torch.randn((2, channels, *size), generator=random).numpy()
        for i, (image, logits) in enumerate(zip(images, run(images), strict=True)):
            found[f"image {i} of {' x '.join(map(str, size))}"] = agreement(logits, plain(network)(image))
    return found


def _write_onnx(graph: bytes, output: Path, notes: dict[str, Any], verify: Callable[[Run], None]) -> None:
    proto = _with_notes(graph, notes)
    session = onnx.open_session(proto)
    verify(lambda batch: np.asarray(session.run(None, {INPUT: batch})[0]))
    with atomic_file(output, overwrite=True) as file:
        file.write(proto)


def _with_notes(graph: bytes, notes: dict[str, Any]) -> bytes:
    library = import_module("onnx")
    proto = library.load_from_string(graph)
    library.helper.set_model_props(proto, {NOTES: json.dumps(notes)})
    library.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def _write_openvino(graph: bytes, output: Path, notes: dict[str, Any], verify: Callable[[Run], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        network = import_openvino().Core().read_model(graph)
        made = save_openvino(network, Path(folder) / output.name, notes)
        request = openvino.compile_graph(str(made), "float32")
        verify(lambda batch: openvino.infer(request, batch))
        move(made, output)


def save_openvino(network: Any, path: Path, notes: dict[str, Any]) -> Path:
    """Write an OpenVINO model, without rounding its weights."""
    network.set_rt_info(json.dumps(notes), [NOTES])
    import_openvino().save_model(network, path, compress_to_fp16=False)
    return path


def move(made: Path, output: Path) -> None:
    """Bring FILE.bin and FILE.xml to their place, where nothing is or may be replaced; the latter comes last."""
    for path in files_of(output):
        with atomic_file(path, overwrite=True) as file:
            file.write(made.with_suffix(path.suffix).read_bytes())


FORMATS: dict[str, tuple[str, Callable[..., None]]] = {
    ".onnx": ("onnx", _write_onnx),
    ".xml": ("openvino", _write_openvino),
}
"""Suffix -> the runner that verifies the file, and what writes it."""
