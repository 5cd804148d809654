"""Random training patches: windows of the images, augmented in one go on the training device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from overtile.augment import AUGMENTATIONS, apply, source_window
from overtile.core import read_mirrored
from overtile.data import PatchSampler
from overtile.models import geometry
from overtile.training.recipe import Recipe
from overtile.training.samples import TrainingImage


@dataclass(frozen=True)
class Batch:
    """Training patches, labels and weight at the output's size.

    Attributes:
        image: (batch, channel, y, x).
        labels: class indices (batch, y', x'), or shares in the classes (batch, class, y', x').
        weight: (batch, y', x').
    """

    image: Tensor
    labels: Tensor
    weight: Tensor


class Batches:
    """Draws batches from a few images; any number of them, each from the generator it is given.

    Args:
        images: to draw from, each with the same probability.
        model: its geometry says how much larger than the output its input is.
        recipe: size, number and variation of the patches.
        device: to put the batches on.
    """

    def __init__(self, images: Sequence[TrainingImage], model: nn.Module, recipe: Recipe, device: torch.device) -> None:
        self.geometry = geometry(model, images[0].image.shape[0])
        self.images, self.recipe, self.device = images, recipe, device
        self.input_size = _pair(self.geometry.input_size((recipe.patch_px, recipe.patch_px)))
        self.output_size = _pair(self.geometry.output_size(self.input_size))
        self.augmentation = AUGMENTATIONS[recipe.augmentation]
        self.window = source_window(self.input_size, self.augmentation.geometric)
        self.samplers = [PatchSampler(i.classes, i.valid, self.output_size) for i in images]
        self.shares = None if images[0].shares is None else torch.from_numpy(images[0].shares).to(device)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Draw one batch."""
        windows = [self._window(rng) for _ in range(self.recipe.batch)]
        image, labels, weight = (
            torch.from_numpy(np.stack(parts)).to(self.device) for parts in zip(*windows, strict=True)
        )
        patch = apply(
            self.augmentation,
            image,
            labels,
            weight,
            size=self.input_size,
            generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
        )
        labels = self._output_part(patch.labels).long()
        return Batch(
            patch.image.contiguous(memory_format=torch.channels_last),
            labels if self.shares is None else self.shares[labels].movedim(-1, 1),
            self._output_part(patch.weight),  # type: ignore[arg-type]  # weights went in, so weights come out
        )

    def _window(self, rng: np.random.Generator) -> list[np.ndarray]:
        which = int(rng.integers(len(self.images)))
        image = self.images[which]
        (centre,) = self.samplers[which].centres(1, rng, foreground_fraction=self.recipe.foreground)
        starts = [int(c) - n // 2 for c, n in zip(centre, self.window, strict=True)]
        window = [slice(s, s + n) for s, n in zip(starts, self.window, strict=True)]
        return [read_mirrored(array, window) for array in (image.image, image.labels, image.weight)]

    def _output_part(self, maps: Tensor) -> Tensor:
        """The centre of (batch, y, x) that the network has an output for."""
        for axis, (before, after) in enumerate(zip(self.input_size, self.output_size, strict=True), start=1):
            maps = maps.narrow(axis, (before - after) // 2, after)
        return maps


def _pair(size: Sequence[int]) -> tuple[int, int]:
    y, x = size
    return y, x
