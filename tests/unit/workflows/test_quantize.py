"""8-bit integers are made from and measured on annotated images, and belong to one model."""

import json

import numpy as np
import pytest
import torch

from overtile.bundle import Manifest, save
from overtile.core import ModelFileError, Normalization, OptionError, OutputExistsError, UnknownNameError
from overtile.data import write_dataset
from overtile.models import build
from overtile.runners import PACKAGES, QuantizedRunner, is_installed, make_runner
from overtile.runners.int8 import fingerprint, read_notes
from overtile.workflows.export import export_model
from overtile.workflows.model import load
from overtile.workflows.quantize import quantize_model, refuse_loss

pytestmark = pytest.mark.usefixtures("as_installed")

CPU = torch.device("cpu")


def needs(*names):
    for name in names:
        if not is_installed(name):
            pytest.skip(f"{PACKAGES[name]} is not installed")


def save_model(path, seed):
    torch.manual_seed(seed)
    arguments = {"base_width": 4, "depth": 1, "padding": "same"}
    manifest = Manifest(
        architecture="unet", arguments=arguments, in_channels=1, num_classes=2,
        normalization=Normalization((100.0,), (50.0,)), task="semantic", target="classes", class_values=(0, 255),
        class_names=("background", "membrane"),
    )  # fmt: skip
    save(path, manifest, build("unet", 1, 2, **arguments))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    write_dataset(folder / "data", "membranes", 2, seed=1, size=64)
    for seed in (0, 1):
        save_model(folder / f"m{seed}.overtile", seed)
    return folder


@pytest.fixture(scope="module")
def made(project):
    needs("openvino", "int8")
    return quantize_model(project / "m0.overtile", project / "data", project / "m0.xml", within=1.0)


def test_the_file_says_how_it_scored_and_predicts(project, made):
    assert made.files == (project / "m0.bin", project / "m0.xml")
    notes = read_notes(project / "m0.xml")
    assert notes["scores"] == made.scores
    assert notes["weights"] == fingerprint(load(project / "m0.overtile").network)
    assert len(notes["images"]) == 2
    json.dumps(notes)
    exact = load(project / "m0.overtile", runner="torch", precision="float32")
    fast = load(project / "m0.overtile", runner=str(project / "m0.xml"))
    assert fast.runner_report["precision"] == fast.precision == "int8"
    image = np.random.default_rng(0).integers(0, 255, (45, 51)).astype(np.uint8)
    difference = np.abs(exact.probabilities(image) - fast.probabilities(image))
    assert 0 < difference.max() < 0.5


def test_it_belongs_to_one_model(project, made):
    other = load(project / "m1.overtile").network
    with pytest.raises(ModelFileError, match=r"m0\.xml was made of another model"):
        make_runner(str(project / "m0.xml"), other, device=CPU, precision="int8")
    with pytest.raises(OutputExistsError, match=r"m0\.bin exists already"):
        quantize_model(project / "m0.overtile", project / "data", project / "m0.xml")


def test_files_that_are_no_integers_are_refused(project, tmp_path):
    needs("openvino")
    network = load(project / "m0.overtile").network
    with pytest.raises(ModelFileError, match=r"there are no .*absent\.xml and absent\.bin"):
        QuantizedRunner(network, tmp_path / "absent.xml", device=CPU)
    export_model(project / "m0.overtile", tmp_path / "float.xml")
    with pytest.raises(ModelFileError, match=r"float\.xml holds no 8-bit integers"):
        QuantizedRunner(network, tmp_path / "float.xml", device=CPU)
    (tmp_path / "float.xml").write_text("<net/>")
    with pytest.raises(ModelFileError, match=r"float\.xml is no file that `overtile export` wrote"):
        QuantizedRunner(network, tmp_path / "float.xml", device=CPU)


def test_options_that_cannot_be_met_are_told_at_once(project):
    path = project / "m0.overtile"
    with pytest.raises(UnknownNameError, match=r"unknown format of 8-bit integers '\.onnx'"):
        quantize_model(path, project / "data", project / "m.onnx")
    with pytest.raises(OptionError, match=r"expected a loss of the score from 0 on, such as 0\.005, got -1"):
        quantize_model(path, project / "data", project / "new.xml", within=-1.0)
    with pytest.raises(OptionError, match=r"int8 needs --runner FILE\.xml, .* got 'torch' and 'int8'"):
        load(path, runner="torch", precision="int8")
    with pytest.raises(OptionError, match=r"int8 needs --runner FILE\.xml, .* got 'm\.xml' and 'float32'"):
        load(path, runner="m.xml", precision="float32")
    with pytest.raises(OptionError, match="PyTorch computes in float32, bfloat16 or float16"):
        make_runner("torch", load(path).network, device=CPU, precision="int8")


def test_a_loss_of_the_score_is_an_error():
    refuse_loss({"float32": 0.9, "int8": 0.896}, 0.005, 3)
    refuse_loss({"float32": 0.9, "int8": 0.95}, 0.0, 3)
    message = r"the score on 3 image\(s\) is 0\.8900 instead of 0\.9000, a loss of 0\.0100 where 0\.005 is allowed"
    with pytest.raises(OptionError, match=message):
        refuse_loss({"float32": 0.9, "int8": 0.89}, 0.005, 3)
