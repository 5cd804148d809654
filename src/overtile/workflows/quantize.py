"""A model in 8-bit integers, as a file for OpenVINO; written only if it scores as well on annotated images."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from overtile.bundle import tiling_for
from overtile.core import OptionError, UnknownNameError, read_mirrored
from overtile.core.atomic import refuse_overwrite
from overtile.data import AnnotatedImages
from overtile.data import load as load_images
from overtile.models import Geometry
from overtile.prediction import tiles
from overtile.runners import QuantizedRunner, Runner, require, to_onnx
from overtile.runners.graph import grid_of, sizes_of
from overtile.runners.int8 import fingerprint, quantize
from overtile.training import TrainingImage, prepare
from overtile.training.validation import validate
from overtile.workflows.agreement import TOLERANCES, Agreement, check_runner, plain, refuse_disagreement
from overtile.workflows.export import files_of, move, notes_of, save_openvino
from overtile.workflows.model import load
from overtile.workflows.prune import held_out, measuring_recipe
from overtile.workflows.runner_choice import noise_image

CPU = torch.device("cpu")

WITHIN = 0.005
"""Loss of the score that is allowed unless stated: half a point of Dice."""

TILE_PX, TILES = 256, 48
"""Size and number of the tiles from which the ranges of all maps are taken."""


@dataclass(frozen=True)
class Quantized:
    """What was written, and what it costs.

    Attributes:
        files: that belong together.
        scores: mean Dice in float32 and in int8.
        images: that were measured.
        note: about the images.
        agreement: with the model in float32, on its test case.
    """

    files: tuple[Path, ...]
    scores: dict[str, float]
    images: tuple[str, ...]
    note: str
    agreement: Agreement


def quantize_model(
    model: str | Path,
    data: str | Path | AnnotatedImages,
    output: str | Path,
    *,
    within: float = WITHIN,
    overwrite: bool = False,
) -> Quantized:
    """Write FILE.xml and FILE.bin: the network of a model, in 8-bit integers, to predict with runner=FILE.xml.

    It is measured on the images that training held out, where `data` has them; else on those that were not trained on;
    else on all.

    Args:
        model: model file.
        data: a folder of annotated images, or images already read; they also tell the ranges of the integers.
        output: FILE.xml.
        within: loss of the score that is allowed, from 0 on.
        overwrite: replace the files if they exist.

    Raises:
        OptionError: the score would be lower by more, the loss is negative, or OpenVINO or NNCF is not installed.
        UnknownNameError: the suffix is another.
        DataError: the images cannot be used.
        OutputExistsError: a file exists.
        PredictionError: on the test case of the model, the logits are far from those of PyTorch.
    """
    output = Path(output)
    refuse_options(output, within, overwrite=overwrite)
    whole = load(model, device="cpu", precision="float32", runner="torch")
    manifest, network, shape = whole.manifest, whole.network, whole.geometry
    images = (
        data
        if isinstance(data, AnnotatedImages)
        else load_images(data, labelling=manifest.labelling, channels=manifest.channels)
    )
    samples, note = held_out(images.samples, manifest)
    every, measured = (
        prepare(images, some, manifest.normalization, measuring_recipe(manifest)) for some in (images.samples, samples)
    )
    graph = quantize(to_onnx(network), calibration_tiles(every, network, shape))
    notes = {
        **notes_of(manifest, shape, grid_of(sizes_of(network))),
        "precision": "int8",
        "weights": fingerprint(network),
    }
    with tempfile.TemporaryDirectory() as folder:
        made = save_openvino(graph, Path(folder) / "measured.xml", notes)
        runner = QuantizedRunner(network, made, device=CPU)
        agreement = check_runner(runner, plain(network), noise_image(network, shape))
        refuse_disagreement({"test case": agreement}, TOLERANCES["int8"])
        scores = {
            name: validate(one, measured, tiling_for(shape), device=CPU, precision="float32").score
            for name, one in (("float32", network), ("int8", AsModule(runner)))
        }
        refuse_loss(scores, within, len(measured))
        record = {"scores": scores, "images": [s.name for s in samples], "note": note, "agreement": asdict(agreement)}
        move(save_openvino(graph, Path(folder) / output.name, {**notes, **record}), output)
    return Quantized(files_of(output), scores, tuple(s.name for s in samples), note, agreement)


def refuse_options(output: Path, within: float, *, overwrite: bool) -> None:
    """Stop before any work.

    Raises:
        UnknownNameError: the suffix is not .xml.
        OptionError: the loss is negative, or a package is not installed.
        OutputExistsError: a file exists.
    """
    if output.suffix != ".xml":
        raise UnknownNameError("format of 8-bit integers", output.suffix, [".xml"])
    if not within >= 0:
        raise OptionError(f"expected a loss of the score from 0 on, such as {WITHIN}, got {within}")
    for name in ("openvino", "int8"):
        require(name)
    for path in files_of(output):
        refuse_overwrite(path, overwrite=overwrite)


def refuse_loss(scores: dict[str, float], within: float, images: int) -> None:
    """Stop where integers cost too much.

    Raises:
        OptionError: they do.
    """
    loss = scores["float32"] - scores["int8"]
    if not loss <= within:
        raise OptionError(
            f"in 8-bit integers the score on {images} image(s) is {scores['int8']:.4f} instead of {scores['float32']:.4f}, "
            f"a loss of {loss:.4f} where {within:g} is allowed: nothing is written. Allow more with --within, or stay "
            "with the other precisions"
        )


def calibration_tiles(
    images: Sequence[TrainingImage], network: nn.Module, shape: Geometry
) -> Iterator[NDArray[np.float32]]:
    """Batches of one tile, as the network will see them, evenly out of all images.

    Args:
        images: prepared for training.
        network: that is to see them.
        shape: its geometry.
    """
    tiling, sizes = tiling_for(shape, TILE_PX), sizes_of(network)
    every = [(image, tile) for image in images for tile in tiles(image.labels.shape, tiling)]
    for image, tile in islice(every, 0, None, -(-len(every) // TILES)):
        part = np.ascontiguousarray(read_mirrored(image.image, tile.read), np.float32)
        yield sizes.fit(torch.from_numpy(part)[None]).numpy()


class AsModule(nn.Module):
    """A runner in the place of a network."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner

    def forward(self, images: Tensor) -> Tensor:
        return torch.from_numpy(self._runner.batch(images.numpy()))
