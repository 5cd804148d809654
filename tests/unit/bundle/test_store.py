import json
import zipfile

import pytest
import torch

from overtile.bundle import Manifest, load, save
from overtile.core import ModelFileError, Normalization, OutputExistsError
from overtile.models import Ensemble, build

ARGUMENTS = {"base_width": 4, "depth": 2, "padding": "same", "norm": "batch"}


def manifest(**changes):
    content = {
        "architecture": "unet",
        "arguments": ARGUMENTS,
        "in_channels": 1,
        "num_classes": 2,
        "normalization": Normalization((10.0,), (2.0,)),
        "task": "semantic",
        "target": "classes",
        "class_values": (0, 255),
        "class_names": ("background", "foreground"),
        "pixel_size_um": (0.5, 0.5),
    }
    return Manifest(**{**content, **changes})


@pytest.fixture
def model_file(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "cells.overtile"
    save(path, manifest(), build("unet", 1, 2, **ARGUMENTS))
    return path


def rewrite(path, **replacements):
    """Write the zip again with some members changed; the checksums of the zip itself are then right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= replacements
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return members


def test_what_was_saved_comes_back(model_file):
    bundle = load(model_file)
    assert bundle.manifest == manifest()
    with torch.inference_mode():
        assert torch.allclose(bundle.model(bundle.test_input), bundle.test_output, atol=1e-5)


def test_the_file_holds_no_pickle(model_file):
    with zipfile.ZipFile(model_file) as archive:
        assert set(archive.namelist()) == {"manifest.json", "weights.safetensors", "test_case.safetensors"}


def test_an_existing_file_is_kept(model_file):
    before = model_file.read_bytes()
    with pytest.raises(OutputExistsError, match=r"cells\.overtile exists"):
        save(model_file, manifest(), build("unet", 1, 2, **ARGUMENTS))
    assert model_file.read_bytes() == before
    save(model_file, manifest(), build("unet", 1, 2, **ARGUMENTS), overwrite=True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_named(model_file, share):
    data = model_file.read_bytes()
    model_file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelFileError, match=r"cells.overtile is no overtile model, or is truncated"):
        load(model_file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match="there is no model file"):
        load(tmp_path / "none.overtile")


def test_a_foreign_zip_is_refused(tmp_path):
    path = tmp_path / "other.overtile"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", "")
    with pytest.raises(ModelFileError, match=r"manifest.json"):
        load(path)


def test_altered_weights_are_noticed(model_file):
    with zipfile.ZipFile(model_file) as archive:
        weights = bytearray(archive.read("weights.safetensors"))
    weights[-1] ^= 1
    rewrite(model_file, **{"weights.safetensors": bytes(weights)})
    with pytest.raises(ModelFileError, match=r"was altered: weights\.safetensors"):
        load(model_file)


def test_another_architecture_in_the_manifest_is_noticed(model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    content["arguments"]["depth"] = 3
    rewrite(model_file, **{"manifest.json": json.dumps(content)})
    with pytest.raises(ModelFileError, match="do not fit its architecture"):
        load(model_file)


def test_an_option_that_changes_the_output_is_noticed_by_the_test_case(model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    content["arguments"]["after_up"] = "activation"
    rewrite(model_file, **{"manifest.json": json.dumps(content)})
    with pytest.raises(ModelFileError, match="does not give its own test output"):
        load(model_file)


@pytest.mark.parametrize("version", [0, 99, None, "1"])
def test_a_newer_schema_asks_for_an_update(model_file, version):
    with zipfile.ZipFile(model_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    rewrite(model_file, **{"manifest.json": json.dumps({**content, "schema_version": version})})
    with pytest.raises(ModelFileError, match=f"schema version {version!r}"):
        load(model_file)


def test_a_manifest_that_is_no_json_is_named(model_file):
    rewrite(model_file, **{"manifest.json": b"{"})
    with pytest.raises(ModelFileError, match="no JSON"):
        load(model_file)


def test_an_incomplete_manifest_is_named(model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    del content["normalization"]
    rewrite(model_file, **{"manifest.json": json.dumps(content)})
    with pytest.raises(ModelFileError, match=r"incomplete.*normalization"):
        load(model_file)


@pytest.fixture
def ensemble_file(tmp_path):
    path = tmp_path / "ensemble.overtile"
    members = []
    for seed in range(3):
        torch.manual_seed(seed)
        members.append(build("unet", 1, 2, **ARGUMENTS))
    save(path, manifest(), Ensemble(members))
    return path


def test_an_ensemble_comes_back_with_all_its_members(ensemble_file):
    bundle = load(ensemble_file)
    assert bundle.manifest == manifest(members=3)
    with torch.inference_mode():
        each = [member(bundle.test_input).softmax(1) for member in bundle.model.members]
        whole = bundle.model(bundle.test_input)
    assert not torch.equal(each[0], each[1])
    assert torch.allclose(whole.softmax(1), sum(each) / 3, atol=1e-6)
    assert torch.allclose(whole, bundle.test_output, atol=1e-5)


def test_only_a_file_with_several_networks_asks_for_a_new_version(model_file, ensemble_file):
    for path, version in ((model_file, 1), (ensemble_file, 2)):
        with zipfile.ZipFile(path) as archive:
            assert json.loads(archive.read("manifest.json"))["schema_version"] == version


def test_a_file_of_the_first_version_is_read(model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    del content["members"]  # which the first version did not write
    rewrite(model_file, **{"manifest.json": json.dumps(content)})
    assert load(model_file).manifest.members == 1


def test_a_lost_or_altered_member_is_noticed(ensemble_file):
    with zipfile.ZipFile(ensemble_file) as archive:
        content = json.loads(archive.read("manifest.json"))
    rewrite(ensemble_file, **{"manifest.json": json.dumps({**content, "members": 4})})
    with pytest.raises(ModelFileError, match=r"weights-3\.safetensors does not have the checksum"):
        load(ensemble_file)
    rewrite(ensemble_file, **{"manifest.json": json.dumps({**content, "members": 0})})
    with pytest.raises(ModelFileError, match="names 0 networks: expected 1 or more"):
        load(ensemble_file)
