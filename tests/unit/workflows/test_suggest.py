"""What to annotate next."""

import csv
import json

import numpy as np
import pytest
import tifffile
import torch

from overtile.bundle import Manifest
from overtile.core import Normalization, OptionError, OutputExistsError
from overtile.models import Ensemble, build
from overtile.workflows.model import Model
from overtile.workflows.suggest import suggest


@pytest.fixture
def model():
    """Two networks that differ about bright pixels only: the second takes them for foreground."""

    members = []
    for weight in (0.0, 8.0):
        network = build("unet", 1, 2, base_width=4, depth=1, padding="same", norm="none").eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
            for layer in network.modules():  # the first channel carries the image through, by way of the skip
                if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3):
                    layer.weight[0, 0, 1, 1] = 1
            network.head.conv.weight[1, 0] = weight
            network.head.conv.bias[0] = 4
        members.append(network)
    manifest = Manifest(
        architecture="unet",
        arguments={"base_width": 4, "depth": 1},
        in_channels=1,
        num_classes=2,
        normalization=Normalization((0.0,), (100.0,)),
        task="semantic",
        target="classes",
        class_values=(0, 1),
        class_names=("background", "foreground"),
    )
    return Model(manifest, Ensemble(members).eval(), device="cpu", precision="float32")


@pytest.fixture
def folder(tmp_path):
    known, strange = np.zeros((64, 80), np.uint8), np.zeros((96, 64), np.uint8)
    known[0:4, 0:4] = 200
    strange[32:64, 16:48] = 200
    for name, image in (("a_known", known), ("b_strange", strange)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    (tmp_path / "c_broken.tif").write_bytes(b"II*\0")
    return tmp_path


def test_what_the_networks_differ_about_comes_first(model, folder, tmp_path):
    found = suggest(model, folder, tmp_path / "out", count=2, box_px=32)
    assert found.measure == "disagreement of 2 networks"
    assert [path.name for path, _ in found.images] == ["b_strange.tif", "a_known.tif"]
    best = found.regions[0]
    assert (best.image.name, best.y, best.x, best.height, best.width) == ("b_strange.tif", 32, 16, 32, 32)
    assert found.regions[0].doubt > 5 * found.regions[1].doubt
    assert [path.name for path, _ in found.failed] == ["c_broken.tif"]
    rows = list(csv.DictReader((tmp_path / "out" / "regions.csv").read_text().splitlines()))
    assert (rows[0]["rank"], rows[0]["y"], rows[0]["x"], rows[0]["plane"]) == ("1", "32", "16", "")
    boxes = json.loads((tmp_path / "out" / "regions" / "b_strange.geojson").read_text())
    assert boxes["features"][0]["geometry"]["coordinates"] == [[[16, 32], [48, 32], [48, 64], [16, 64], [16, 32]]]
    assert (tmp_path / "out" / "images.csv").read_text().splitlines()[1].startswith("1,")
    with pytest.raises(OutputExistsError, match=r"images\.csv exists"):
        suggest(model, folder, tmp_path / "out")


def test_a_region_needs_pixels(model, folder, tmp_path):
    with pytest.raises(OptionError, match="at least 1 region of at least 4 px, got 1 of 3 px"):
        suggest(model, folder, tmp_path / "out", count=1, box_px=3)
