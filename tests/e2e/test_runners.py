"""Runners and exports from the command line."""

import json

import pytest
import torch

from overtile.bundle import Manifest, save
from overtile.core import Normalization
from overtile.data import read_labels, write_dataset
from overtile.models import build
from overtile.runners import PACKAGES, is_installed

pytestmark = pytest.mark.usefixtures("as_installed")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runners")
    write_dataset(folder / "data", "membranes", 2, seed=1, size=72)
    manifest = Manifest(
        architecture="unet", arguments={"base_width": 4, "depth": 1, "padding": "same"}, in_channels=1, num_classes=2,
        normalization=Normalization((100.0,), (50.0,)), task="semantic", target="classes", class_values=(0, 255),
        class_names=("background", "membrane"),
    )  # fmt: skip
    save(folder / "m.overtile", manifest, build("unet", 1, 2, **manifest.arguments))
    return folder


def needs(*names):
    for name in names:
        if not is_installed(name):
            pytest.skip(f"{PACKAGES[name]} is not installed")


def predict(overtile, project, output, *options):
    return overtile("predict", "-m", project / "m.overtile", "-i", project / "data" / "images", "-o", output, *options)


@pytest.mark.parametrize("runner", ["openvino", "onnx"])
def test_every_runner_gives_the_same_labels(overtile, project, tmp_path, runner):
    needs(runner)
    for name in ("torch", runner):
        done = predict(overtile, project, name, "--runner", name, "--precision", "float32", "-v")
        assert done.code == 0, done.text
    first, second = (read_labels(tmp_path / name / "membranes_00.tif") for name in ("torch", runner))
    assert (first != second).mean() < 0.001
    report = json.loads((tmp_path / runner / "prediction.json").read_text())["images"]["membranes_00"]
    assert report["runner_report"]["runner"] == runner
    assert report["runner_report"]["agreement"]["test case"]["largest_difference"] < 1e-5


def test_integers_are_exported_and_used(overtile, project, tmp_path):
    needs("openvino", "int8")
    made = overtile("export", project / "m.overtile", "-o", "m8.xml", "--int8", project / "data", "--within", "1")
    assert made.code == 0, made.text
    assert "m8.bin and m8.xml: score" in made.text
    assert predict(overtile, project, "out", "--runner", "m8.xml").code == 0
    report = json.loads((tmp_path / "out" / "prediction.json").read_text())["images"]["membranes_00"]
    assert report["precision"] == "int8"


def test_an_export_says_what_the_network_needs(overtile, project):
    needs("onnx")
    made = overtile("export", project / "m.overtile", "-o", "m.onnx")
    assert made.code == 0, made.text
    assert "m.onnx: differs from PyTorch by at most logits by" in made.text
    assert "offset [100.0]" in made.text
    again = overtile("export", project / "m.overtile", "-o", "m.onnx")
    assert again.code == 2
    assert "m.onnx exists already" in again.text


def test_what_cannot_be_had_is_explained(overtile, project):
    for options, message in (
        (("--runner", "tensorrt"), "unknown runner 'tensorrt'"),
        (("--precision", "half"), "unknown precision 'half'. Known: auto, float32"),
        (("--runner", "onnx", "--precision", "bfloat16"), "the runner 'onnx' computes in float32, not in bfloat16"),
        (("--precision", "int8"), "int8 needs --runner FILE.xml"),
    ):
        if "onnx" in options:
            needs("onnx")
        done = predict(overtile, project, "out", *options)
        assert done.code == 2, done.text
        assert message in done.text
