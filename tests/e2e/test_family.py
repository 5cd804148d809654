"""All six architectures with the very same commands, and what goes with them: pruning, guidance, weights, comparison."""

import json

import numpy as np
import pytest
import torch

import overtile as api
from overtile.data import read_labels, write_dataset, write_labels
from overtile.models import build

QUICK = ["--steps", "2", "--set", "patch_px=32", "--set", "weight_map=uniform", "--no-smoke-test"]
SMALL = {"arguments.base_width": 2, "arguments.depth": 2}
NARROW = {"arguments.width_multiplier": 0.25}
TINY = {
    "unet": SMALL,
    "unet_plus_plus": SMALL,
    "unet3plus": SMALL,
    "residual_unet": SMALL,
    "mobile_unet": NARROW,
    "eff_unet": {**NARROW, "arguments.decoder_widths": [4, 4, 4, 8, 8]},
}


def settings(changes):
    return [word for name, value in changes.items() for word in ("--set", f"{name}={json.dumps(value)}")]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Four made images; in the first nothing is annotated as foreground."""
    folder = tmp_path_factory.mktemp("family") / "membranes"
    write_dataset(folder, "membranes", 4, seed=1, size=48)
    write_labels(folder / "labels" / "membranes_00.png", np.zeros((48, 48), np.uint8), overwrite=True)
    return folder


@pytest.mark.parametrize("name", TINY)
def test_each_architecture_trains_predicts_and_evaluates(overtile, images, tmp_path, name):
    trained = overtile("train", images, "-o", "m.overtile", "--architecture", name, *settings(TINY[name]), *QUICK)
    assert trained.code == 0, trained.text
    assert f"architecture {name} " in trained.text
    predicted = overtile("predict", "-m", "m.overtile", "-i", images / "images", "-o", "out")
    assert predicted.code == 0, predicted.text
    assert set(np.unique(read_labels(tmp_path / "out" / "membranes_01.tif"))) <= {0, 255}
    scored = overtile("evaluate", "-m", "m.overtile", images, "--json", "s.json")
    assert scored.code == 0, scored.text
    assert json.loads((tmp_path / "s.json").read_text())["total"]["pixel_accuracy"]["value"] > 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("unet_plus_plus", {"arguments.mode": "fast", "loss.cross_entropy": 0, "loss.unet_plus_plus": 1}),
        ("unet_plus_plus", {"arguments.deep_supervision": False}),
        ("unet3plus", {"arguments.guidance": "cgm", "loss.cross_entropy": 0, "loss.unet3plus": 1}),
    ],
    ids=["fast mode, hybrid loss", "one head", "guided, hybrid loss"],
)
def test_supervision_modes_and_losses_are_settings(overtile, images, name, changes):
    # Given images of which one has no foreground, then no loss is undefined
    command = ["train", images, "-o", "m.overtile", "--architecture", name, *settings({**SMALL, **changes})]
    run = overtile(*command, "--set", "foreground=0", *QUICK)
    assert run.code == 0, run.text
    model = api.load("m.overtile")
    record = model.manifest.training
    assert np.isfinite(record["losses"]).all()
    for setting, value in changes.items():
        table, _, entry = setting.partition(".")
        assert record["recipe"][table].get(entry, 0) == value
    guided = changes.get("arguments.guidance") == "cgm"
    assert model.tile_exact != guided
    predicted = overtile("predict", "-m", "m.overtile", "-i", images / "images", "-o", "out")
    assert ("tiles only approximate the whole image" in predicted.text) == guided


def test_the_guide_learns_which_images_are_empty(tmp_path):
    rng = np.random.default_rng(0)
    labels = [np.zeros((32, 32), int) for _ in range(6)]
    for label in labels[::2]:
        label[4:28, 4:28] = 1
    data = api.from_arrays([label + rng.normal(0, 0.2, label.shape) for label in labels], labels)
    arguments = {"base_width": 4, "depth": 2, "guidance": "cgm"}
    recipe = api.recipe("default", architecture="unet3plus", arguments=arguments, augmentation="none", patch_px=32)
    api.train(data, tmp_path / "m.overtile", recipe=recipe, steps=40, check_learning=False, validate=False)
    model = api.load(tmp_path / "m.overtile")
    # When the first image is shown and the second, of which the guide is asked in the first place
    model.network.training = True  # so that the guidance is returned, with the statistics of evaluation
    shown = np.stack([model.manifest.normalization(s.image.array) for s in data.samples])
    with torch.no_grad():
        guidance = model.network(torch.from_numpy(shown)).guidance
    # Then it says for each whether there is something to segment, and where there is not, nothing is
    assert guidance.argmax(1).tolist() == [1, 0, 1, 0, 1, 0]
    assert [int(model.predict(s.image.array).any()) for s in data.samples] == [1, 0, 1, 0, 1, 0]


def test_a_trained_network_is_pruned(overtile, images, tmp_path):
    assert overtile("train", images, "-o", "m.overtile", "-a", "unet_plus_plus", *settings(SMALL), *QUICK).code == 0
    pruned = overtile("prune", "m.overtile", images, "--within", "1", "-o", "s.overtile", "--json", "levels.json")
    assert pruned.code == 0, pruned.text
    assert "s.overtile: level L1" in pruned.text
    table = json.loads((tmp_path / "levels.json").read_text())
    assert [level["name"] for level in table["levels"]] == ["L1", "L2", "whole"]
    assert overtile("predict", "-m", "s.overtile", "-i", images / "images", "-o", "out").code == 0
    again = overtile("prune", "m.overtile", images, "--within", "1", "-o", "t.overtile", "--json", "levels.json")
    assert again.code == 2
    assert "levels.json exists already" in again.text


def test_weights_from_elsewhere_become_a_model(overtile, images, tmp_path):
    torch.save(build("unet", 1, 2, base_width=2, padding="same", dropout=0.0).state_dict(), tmp_path / "w.pth")
    words = ["import-weights", "w.pth", "--preset", "unet-jasonlee", "--width", "2", "-o", "m.overtile"]
    run = overtile(*words, "--class-values", "0,255", "--offset", "128", "--scale", "64")
    assert run.code == 0, run.text
    assert "unet, 1 channel(s), classes: 0 background, 255 foreground" in run.text
    assert "(image - (128.0,)) / (64.0,)" in run.text
    assert overtile("predict", "-m", "m.overtile", "-i", images / "images", "-o", "out").code == 0
    assert set(np.unique(read_labels(tmp_path / "out" / "membranes_00.tif"))) <= {0, 255}
    assert overtile("evaluate", "-m", "m.overtile", images, "--report", "r.html").code == 0
    refused = overtile(*words, "--scale", "many", "--overwrite")
    assert refused.code == 2
    assert "--scale expects values separated by commas, such as 0,255, got 'many'" in refused.text


def test_an_encoder_starts_from_a_local_checkpoint(overtile, images, tmp_path):
    theirs = build("mobile_unet", 3, 2, width_multiplier=0.25).encoder.state_dict()
    torch.save({**theirs, "classifier.weight": torch.zeros(5, 7)}, tmp_path / "imagenet.pth")
    still = [*settings({**NARROW, "learning_rate": 1e-30}), "--encoder-weights", "imagenet.pth", *QUICK]
    run = overtile("train", images, "-o", "m.overtile", "--architecture", "mobile_unet", *still)
    assert run.code == 0, run.text
    model = api.load("m.overtile")
    assert model.manifest.training["encoder_weights"].startswith("imagenet.pth ")
    ours, (first, second) = model.network.encoder.state_dict(), [n for n in theirs if theirs[n].ndim == 4][:2]
    torch.testing.assert_close(ours[first], theirs[first].sum(1, keepdim=True))  # one channel sees the sum of three
    torch.testing.assert_close(ours[second], theirs[second])
    other = overtile(
        "train", images, "-o", "n.overtile", "--architecture", "unet", *QUICK, "--encoder-weights", "imagenet.pth"
    )
    assert other.code == 2
    assert "imagenet.pth is no checkpoint of this encoder" in other.text
    absent = overtile("train", images, "-o", "n.overtile", *QUICK, "--encoder-weights", "absent.pth")
    assert absent.code == 2
    assert "there is no checkpoint absent.pth" in absent.text


def test_networks_are_listed(overtile):
    run = overtile("models", "unet-2015", "mobile_unet", "--size", "388")
    assert run.code == 0, run.text
    for text in (
        "architectures, as their builders make them: ",
        "mobile_unet 2,382,014",
        "unet-2015 31,030,658",
        "572",
    ):
        assert text in run.text
    networks = json.loads(overtile("models", "unet-2015", "--channels", "3", "--json").text)["networks"]
    assert networks[0]["parameters"] == 31_030_658 + 2 * 576


def test_networks_are_compared_in_processes_of_their_own(overtile, tmp_path):
    write_dataset(tmp_path / "two", "membranes", 2, seed=1, size=48)
    words = ["compare", "two", "-o", "out", "--folds", "2", "--steps", "2", "--architectures", "unet"]
    change = [*settings({"patch_px": 32}), "--set", "unet:arguments.base_width=2", "--set", "unet:arguments.depth=2"]
    run = overtile(*words, *change)
    assert run.code == 0, run.text
    assert "2 training(s) to do, 2 steps each" in run.text
    assert "numbers: out/comparison.json" in run.text
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert found["contenders"][0]["peak_memory_bytes"] > 100 * 2**20
    assert (tmp_path / "out" / "comparison.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in (tmp_path / "out" / "runs").iterdir()) == [f"unet-{k}.json" for k in range(2)]
    assert "0 training(s) to do" in overtile(*words, *change).text
    assert overtile(*words, *change, "--seed", "1").code == 2
