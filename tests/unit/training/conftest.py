"""A small task that can be learned in seconds."""

import numpy as np
import pytest
import torch

from overtile.models import build
from overtile.training import Recipe, TrainingImage

ARGUMENTS = {"base_width": 4, "depth": 2, "padding": "same", "norm": "batch"}


@pytest.fixture
def recipe():
    return Recipe(arguments=ARGUMENTS, patch_px=32, batch=2, learning_rate=1e-2)


@pytest.fixture
def discs():
    """Bright discs on a dark ground: discs(number, seed)."""

    def make(n, seed=0, size=48):
        rng = np.random.default_rng(seed)
        images = []
        for i in range(n):
            y, x = np.mgrid[:size, :size]
            centre = rng.uniform(12, size - 12, 2)
            labels = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 100).astype(np.uint8)
            image = (labels + rng.normal(0, 0.3, labels.shape)).astype(np.float32)[None]
            images.append(TrainingImage(f"{i}", image, labels, np.ones(labels.shape, np.float32)))
        return images

    return make


@pytest.fixture
def network():
    """A tiny network: network(seed, **arguments)."""

    def make(seed=0, **arguments):
        torch.manual_seed(seed)
        return build("unet", 1, 2, **{**ARGUMENTS, **arguments})

    return make
