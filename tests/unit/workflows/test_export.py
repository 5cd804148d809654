"""An exported network gives the logits of the model, or is not written."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from overtile.bundle import Manifest, save
from overtile.core import Normalization, OptionError, OutputExistsError, PredictionError, UnknownNameError
from overtile.models import build
from overtile.runners import PACKAGES, is_installed, quiet
from overtile.workflows import export
from overtile.workflows.export import export_model

pytestmark = pytest.mark.usefixtures("as_installed")


@pytest.fixture(scope="module", params=["same", "valid"])
def model_file(tmp_path_factory, request):
    torch.manual_seed(0)
    arguments = {"base_width": 4, "depth": 2, "padding": request.param}
    manifest = Manifest(
        architecture="unet", arguments=arguments, in_channels=1, num_classes=2, normalization=Normalization((9.0,), (3.0,)),
        task="semantic", target="classes", class_values=(0, 255), class_names=("background", "cell"),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "m.overtile"
    save(path, manifest, build("unet", 1, 2, **arguments))
    return path


def needs(runner):
    if not is_installed(runner):
        pytest.skip(f"{PACKAGES[runner]} is not installed")


def test_onnx_is_verified_and_says_what_it_needs(model_file, tmp_path):
    needs("onnx")
    onnx = pytest.importorskip("onnx")
    exported = export_model(model_file, tmp_path / "m.onnx")
    assert exported.files == (tmp_path / "m.onnx",)
    assert len(exported.agreement) == 6
    assert max(found.largest_difference for found in exported.agreement.values()) < 1e-5
    notes = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    told = json.loads(notes["overtile"])
    assert (told["offset"], told["scale"], told["class_names"]) == ([9.0], [3.0], ["background", "cell"])
    assert (told["smallest_px"], told["step_px"]) in {(4, 4), (44, 4)}


def test_openvino_files_are_read_back(model_file, tmp_path):
    needs("openvino")
    exported = export_model(model_file, tmp_path / "m.xml")
    assert exported.files == (tmp_path / "m.bin", tmp_path / "m.xml")
    network = quiet.import_openvino().Core().read_model(tmp_path / "m.xml")
    assert json.loads(network.get_rt_info(["overtile"]).astype(str))["scale"] == [3.0]
    with pytest.raises(OutputExistsError, match=r"m\.bin exists already"):
        export_model(model_file, tmp_path / "m.xml")


@pytest.mark.parametrize(("suffix", "runner"), [(".onnx", "onnx"), (".xml", "openvino")])
def test_what_differs_is_not_written(model_file, tmp_path, monkeypatch, suffix, runner):
    needs(runner)
    honest = export.to_onnx

    def wrong(network: nn.Module) -> bytes:
        with torch.no_grad():
            network.head.conv.bias += 0.1
        graph = honest(network)
        with torch.no_grad():
            network.head.conv.bias -= 0.1
        return graph

    monkeypatch.setattr(export, "to_onnx", wrong)
    with pytest.raises(PredictionError, match=r"is not written: on the image 0 of \d+ x \d+ it differs from PyTorch"):
        export_model(model_file, tmp_path / f"m{suffix}")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_told_before_the_model_is_read(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match=r"unknown format '\.pt'\. Known: \.onnx, \.xml"):
        export_model(tmp_path / "absent", tmp_path / "m.pt")
    monkeypatch.setitem(quiet.PACKAGES, "openvino", "no_such_package")
    with pytest.raises(OptionError, match="no_such_package is not installed"):
        export_model(tmp_path / "absent", tmp_path / "m.xml")


def test_every_channel_is_in_the_right_place(tmp_path):
    needs("onnx")
    torch.manual_seed(0)
    manifest = Manifest(
        architecture="unet", arguments={"base_width": 2, "depth": 1, "padding": "same"}, in_channels=3, num_classes=4,
        normalization=Normalization((0.0,) * 3, (1.0,) * 3), task="semantic", target="classes",
        class_values=(0, 1, 2, 3), class_names=("a", "b", "c", "d"),
    )  # fmt: skip
    save(tmp_path / "m.overtile", manifest, build("unet", 3, 4, **manifest.arguments))
    agreement = export_model(tmp_path / "m.overtile", tmp_path / "m.onnx").agreement
    assert np.isfinite([found.largest_difference for found in agreement.values()]).all()
