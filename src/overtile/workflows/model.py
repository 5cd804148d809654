"""A trained model in memory: call it on arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from overtile.bundle import TILE_PX, Manifest, tiling_for
from overtile.bundle import load as load_bundle
from overtile.core import ShapeError, with_channel_axis
from overtile.instances import PostProcessing, segment
from overtile.models import geometry
from overtile.prediction import averaged, predict_tiled
from overtile.runners import Precision, TorchRunner, pick_device, pick_precision

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
        device: "auto", "cpu", "cuda", ...
        precision: to compute in; None for the fastest the device has units for.
    """

    def __init__(
        self,
        manifest: Manifest,
        network: nn.Module,
        *,
        name: str = "",
        device: str = "auto",
        precision: Precision | None = None,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self.network = network
        place = pick_device(device)
        self.geometry = geometry(network, manifest.in_channels)
        self._runner = TorchRunner(network, device=place, precision=precision or pick_precision(place))

    @property
    def tile_exact(self) -> bool:
        """Whether tiles give what the whole image would give; networks with global context cannot."""
        return self.geometry.tile_exact

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
        return predict_tiled(
            array,
            averaged(self._class_probabilities, tta),
            tiling_for(self.geometry, tile_px),
            prepare=self.manifest.normalization.fitted_to(array),
            progress=listener,
        )

    def logits(self, image: NDArray[Any], *, tile_px: int = TILE_PX) -> NDArray[np.float32]:
        """Raw network output, (class, y, x); arguments as for `predict`."""
        array = with_channel_axis(np.asarray(image))
        tiling = tiling_for(self.geometry, tile_px)
        return predict_tiled(array, self._runner, tiling, prepare=self.manifest.normalization.fitted_to(array))

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[Any]:
        """Turn class probabilities (class, y, x) into labels (y, x)."""
        if self.manifest.task == "instances":
            return segment(probabilities, PostProcessing.from_dict(self.manifest.postprocessing))
        values = np.asarray(self.manifest.class_values)
        labels: NDArray[Any] = values.astype(np.min_scalar_type(int(values.max())))[probabilities.argmax(axis=0)]
        return labels

    def _class_probabilities(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = self._runner(part)
        exp = np.exp(logits - logits.max(axis=0, keepdims=True))
        return np.asarray(exp / exp.sum(axis=0, keepdims=True))


def load(path: str | Path, *, device: str = "auto", precision: Precision | None = None) -> Model:
    """Load a model file.

    Args:
        path: a file that `overtile train` wrote.
        device: "auto", "cpu", "cuda", ...
        precision: to compute in; None for the fastest the device has units for.

    Raises:
        ModelFileError: the file is missing, truncated, altered or no model.
    """
    bundle = load_bundle(Path(path))
    return Model(bundle.manifest, bundle.model, name=Path(path).name, device=device, precision=precision)
