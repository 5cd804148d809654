"""A trained model in memory: call it on arrays."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.bundle import TILE_PX, Manifest, tiling_for
from overtile.bundle import load as load_bundle
from overtile.core import ShapeError, read_mirrored, with_channel_axis
from overtile.instances import PostProcessing, segment
from overtile.models import geometry
from overtile.prediction import averaged, predict_blended, predict_tiled, tiles
from overtile.runners import Precision, Runner, pick_device
from overtile.workflows.runner_choice import AUTO, RunnerChoice, Wish

TileListener = Callable[[int, int], None]
"""Called after each tile with the number of tiles done and of all tiles."""


@dataclass(frozen=True)
class Prediction:
    """What a model says about one image.

    Attributes:
        labels: (y, x); the training labels' own values for classes, or one id per object.
        probabilities: (class, y, x), between 0 and 1.
    """

    labels: NDArray[Any]
    probabilities: NDArray[np.float32]


class Model:
    """A trained network with all that belongs to it.

    Args:
        manifest: the content of its file.
        network: in evaluation mode.
        name: of its file.
        path: of its file, which workers open; None for a network that was never saved.
        device: "auto", "cpu", "cuda", ...
        precision: to compute in; None for the fastest that the device has units for and that agrees with float32.
        runner: a key of overtile.runners.RUNNERS; "auto" for the fastest that is installed and agrees.

    Raises:
        OptionError: there is no such device, or the runner is not installed.
        UnknownNameError: there is no such runner.
    """

    def __init__(
        self,
        manifest: Manifest,
        network: nn.Module,
        *,
        name: str = "",
        path: Path | None = None,
        device: str = "auto",
        precision: Precision | None = None,
        runner: str = AUTO,
    ) -> None:
        self.name = name
        self.path = path
        self.manifest = manifest
        self.network = network
        wish = Wish(pick_device(device), runner, precision)
        self.geometry = geometry(network, manifest.in_channels)
        self._choice = RunnerChoice(network, self.geometry, wish)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its file, which says whether a later model is the same; empty where there is no file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path else ""

    @property
    def tile_exact(self) -> bool:
        """Whether tiles give what the whole image would give; networks with global context cannot."""
        return self.geometry.tile_exact

    def prepare(self, image: Any, images: int = 1) -> None:
        """Choose the runner for a job, and check it on the middle of an image; the first job decides for all later ones.

        Args:
            image: samples as they are stored, (channel, [z], y, x), in memory or on disk.
            images: number of images like it.

        Raises:
            PredictionError: no runner agrees with plain PyTorch in float32.
        """
        self._choice.decide_for(image, images, self.manifest.normalization)

    @property
    def runner_report(self) -> dict[str, Any]:
        """The runner in use, its precision, and how it agrees with plain PyTorch in float32; JSON values."""
        return self._choice.chosen.report

    @property
    def runner(self) -> str:
        """Name of the runner in use."""
        return self._runner.name

    @property
    def precision(self) -> Precision:
        """That the runner in use computes in."""
        return self._runner.precision

    @property
    def device(self) -> str:
        """That the runner in use computes on."""
        return str(self._runner.device)

    @property
    def _runner(self) -> Runner:
        return self._choice.chosen.runner

    def predict(self, image: NDArray[Any], *, tta: str = "none", tile_px: int = TILE_PX) -> NDArray[Any]:
        """Segment an image of any size.

        Args:
            image: samples as they were stored, (y, x) or (channel, y, x); not normalised.
            tta: test-time augmentation, a key of overtile.prediction.TRANSFORMS.
            tile_px: largest number of output pixels per tile and axis; the result does not depend on it.

        Returns:
            labels, (y, x): class values as in the training labels, or object ids.
        """
        return self.segment(image, tta=tta, tile_px=tile_px).labels

    def segment(
        self, image: NDArray[Any], *, tta: str = "none", tile_px: int = TILE_PX, listener: TileListener | None = None
    ) -> Prediction:
        """Segment an image, and give the class probabilities too; arguments as for `predict`."""
        probabilities = self.probabilities(image, tta=tta, tile_px=tile_px, listener=listener)
        return Prediction(self.labels(probabilities), probabilities)

    def probabilities(
        self, image: NDArray[Any], *, tta: str = "none", tile_px: int = TILE_PX, listener: TileListener | None = None
    ) -> NDArray[np.float32]:
        """Class probabilities, (class, y, x); arguments as for `predict`."""
        array = with_channel_axis(np.asarray(image))
        if array.ndim != 3 or 0 in array.shape:
            raise ShapeError(f"expected an image (y, x) or (channel, y, x) with at least one pixel, got {image.shape}")
        self.prepare(array)
        predict = predict_tiled if self.tile_exact else predict_blended
        return predict(
            array,
            averaged(self.maps, tta),
            tiling_for(self.geometry, tile_px),
            prepare=self.manifest.normalization.fitted_to(array),
            progress=listener,
        )

    def logits(self, image: NDArray[Any], *, tile_px: int = TILE_PX) -> NDArray[np.float32]:
        """Raw network output, (class, y, x); arguments as for `predict`."""
        array = with_channel_axis(np.asarray(image))
        self.prepare(array)
        tiling = tiling_for(self.geometry, tile_px)
        return predict_tiled(array, self._runner, tiling, prepare=self.manifest.normalization.fitted_to(array))

    def segment_batch(self, images: Sequence[NDArray[Any]], *, tta: str = "none") -> list[Prediction]:
        """Segment small images of one size together, each in one pass; equal to `segment` of each.

        Args:
            images: samples as they were stored, (channel, y, x), of one shape.
            tta: test-time augmentation, a key of overtile.prediction.TRANSFORMS.
        """
        self.prepare(images[0], len(images))
        size = images[0].shape[1:]
        tile = next(tiles(size, tiling_for(self.geometry, max(size))))
        parts = [self.manifest.normalization.fitted_to(image)(read_mirrored(image, tile.read)) for image in images]
        maps = averaged(lambda batch: softmax(self._runner.batch(batch)), tta)(np.stack(parts))
        return [Prediction(self.labels(found), found) for found in maps[(slice(None), slice(None), *tile.keep)]]

    def labels(self, probabilities: NDArray[Any]) -> NDArray[Any]:
        """Turn class probabilities (class, y, x) into labels (y, x).

        Objects are found in probabilities rounded to 16 bits, as they are stored for images that do not fit in memory.
        """
        if self.manifest.task == "instances":
            return segment(probabilities.astype(np.float16), PostProcessing.from_dict(self.manifest.postprocessing))
        labels: NDArray[Any] = np.asarray(self.manifest.class_values, self.label_dtype)[probabilities.argmax(axis=0)]
        return labels

    @property
    def label_dtype(self) -> np.dtype[Any]:
        """Type of the labels of classes."""
        return np.dtype(np.min_scalar_type(max(self.manifest.class_values)))

    def foreground(self, probabilities: NDArray[Any]) -> NDArray[np.float32]:
        """Probability that a pixel belongs to any class but the background, (*S), of class probabilities (class, *S)."""
        return np.asarray(1 - probabilities[0], np.float32)

    @property
    def object_classes(self) -> dict[int, str] | None:
        """Name of each class value that is not background; None where labels are object ids."""
        if self.manifest.task == "instances":
            return None
        return dict(zip(self.manifest.class_values[1:], self.manifest.class_names[1:], strict=True))

    def background_maps(self, size: tuple[int, ...]) -> NDArray[np.float32]:
        """Class probabilities (class, *size) of what is background without doubt."""
        maps = np.zeros((self.manifest.num_classes, *size), np.float32)
        maps[0] = 1
        return maps

    def maps(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities (class, y, x) of a normalised part of an image (channel, y, x), in one pass."""
        return softmax(self._runner(part))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (..., class, y, x) of logits.

    >>> softmax(np.zeros((2, 1, 1), np.float32)).ravel()
    array([0.5, 0.5], dtype=float32)
    """
    probabilities: NDArray[np.float32] = torch.from_numpy(logits).softmax(dim=-3).numpy()  # on all cores
    return probabilities


def load(path: str | Path, *, device: str = "auto", precision: Precision | None = None, runner: str = AUTO) -> Model:
    """Load a model file.

    Args:
        path: a file that `overtile train` wrote.
        device: "auto", "cpu", "cuda", ...
        precision: to compute in; None for the fastest that the device has units for and that agrees with float32.
        runner: a key of overtile.runners.RUNNERS; "auto" for the fastest that is installed and agrees.

    Raises:
        OptionError: there is no such device, or the runner is not installed.
        UnknownNameError: there is no such runner.
        ModelFileError: the file is missing, truncated, altered or no model.
    """
    bundle = load_bundle(Path(path))
    return Model(
        bundle.manifest,
        bundle.model,
        name=Path(path).name,
        path=Path(path),
        device=device,
        precision=precision,
        runner=runner,
    )
