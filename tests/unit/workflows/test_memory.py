"""How large the tiles of a job are."""

import numpy as np
import pytest

from overtile.bundle import Manifest
from overtile.core import Normalization
from overtile.models import build
from overtile.workflows.memory import Memory
from overtile.workflows.model import Model
from overtile.workflows.predict_options import PredictOptions


@pytest.fixture
def tile_px():
    """The tile of an image of so many pixels, for a tiny network."""

    def chosen(side, precision, **options):
        arguments = {"base_width": 2, "depth": 1}
        manifest = Manifest(
            architecture="unet",
            arguments=arguments,
            in_channels=1,
            num_classes=2,
            normalization=Normalization((0.0,), (1.0,)),
            task="semantic",
            target="classes",
            class_values=(0, 1),
            class_names=("background", "cell"),
        )
        network = build("unet", 1, 2, **arguments).eval()
        model = Model(manifest, network, precision=precision, runner="torch", device="cpu")
        return Memory.of(model, PredictOptions(**options)).tile_px(np.broadcast_to(np.uint8(0), (1, side, side)))

    return chosen


def test_large_tiles_are_for_large_images_in_few_bits(tile_px):
    assert [tile_px(side, "bfloat16") for side in (600, 3000, 3072, 5000)] == [1024, 1024, 1536, 2048]
    assert tile_px(5000, "float32") == 1024


def test_a_stated_memory_decides_about_small_images_too(tile_px):
    sizes = [tile_px(5000, "bfloat16", max_memory=memory) for memory in ("1MB", "20GB")]
    assert sizes == [64, 2048]


def test_a_stated_tile_is_taken(tile_px):
    assert tile_px(5000, "bfloat16", tile_px=300) == 300
