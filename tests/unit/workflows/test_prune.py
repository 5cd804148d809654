"""Pruning a trained U-Net++: which level is chosen, and what is written."""

import numpy as np
import pytest
import torch

import overtile
from overtile.bundle import load
from overtile.core import OptionError, OutputExistsError, ShapeError
from overtile.data import from_arrays, membranes
from overtile.models import heads_of
from overtile.workflows.prune import Level, cheapest, held_out, prune_model

LEVELS = [
    Level("L1", 1, 0.90, 10, 0.1),
    Level("L2", 2, 0.94, 20, 0.2),
    Level("L3", 3, 0.93, 30, 0.3),
    Level("whole", None, 0.942, 33, 0.4),
]


@pytest.mark.parametrize(("within", "name"), [(0.002, "L2"), (0.005, "L2"), (0.04, "L2"), (0.0425, "L1"), (1.0, "L1")])
def test_the_cheapest_level_within_the_loss_is_chosen(within, name):
    assert cheapest(LEVELS, within).name == name


def test_where_no_level_is_near_the_nearest_is_named():
    with pytest.raises(
        OptionError, match=r"no level is within 0.001 of the best score 0.9420: the nearest, L2, loses 0.0020"
    ):
        cheapest(LEVELS, 0.001)


@pytest.fixture(scope="module")
def data():
    made = [membranes(seed, size=48) for seed in range(4)]
    return from_arrays([image for image, _ in made], [labels for _, labels in made])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    recipe = overtile.recipe(
        "default", architecture="unet_plus_plus", patch_px=32, arguments={"base_width": 2, "depth": 2}
    )
    path = tmp_path_factory.mktemp("prune") / "whole.overtile"
    overtile.train(data, path, recipe=recipe, steps=3, check_learning=False)
    return path


def test_the_written_file_is_the_chosen_head_with_the_table_inside(trained, data, tmp_path):
    told = []
    found = prune_model(
        trained, data, tmp_path / "small.overtile", within=1.0, on_progress=lambda name, _share: told.append(name)
    )
    assert told == ["L1", "L2", "whole"]
    assert found.chosen.name == "L1"
    assert [level.pruned_to for level in found.levels] == [1, 2, None]
    whole, small = load(trained), load(tmp_path / "small.overtile")
    assert found.levels[-1].score == pytest.approx(whole.manifest.metrics["validation_dice"], abs=1e-6)
    assert small.manifest.arguments == {**whole.manifest.arguments, "pruned_to": 1}
    counts = [sum(p.numel() for p in model.parameters()) for model in (small.model, whole.model)]
    assert counts == [found.chosen.parameters, found.levels[-1].parameters]
    image = torch.randn(1, 1, 32, 40)
    whole.model.training = True  # all heads, with the statistics of evaluation
    with torch.no_grad():
        assert torch.equal(small.model(image), heads_of(whole.model(image))[0])
    table = small.manifest.metrics["pruning"]
    assert (table["chosen"], table["within"], len(table["levels"])) == ("L1", 1.0, 3)
    assert table["images"] == list(whole.manifest.training["images"]["validation"])
    assert "that training held out" in table["notes"][0]
    assert all(level["seconds_per_megapixel"] > 0 for level in table["levels"])


def test_object_ids_get_thresholds_of_their_own(tmp_path):
    ids = np.zeros((48, 48), int)
    ids[4:20, 4:20], ids[24:40, 24:44] = 1, 2
    rng = np.random.default_rng(0)
    data = from_arrays([(ids > 0) + rng.normal(0, 0.1, ids.shape) for _ in range(3)], [ids] * 3, task="instances")
    recipe = overtile.recipe(
        "default", architecture="unet_plus_plus", patch_px=32, arguments={"base_width": 2, "depth": 1}
    )
    overtile.train(data, tmp_path / "m.overtile", recipe=recipe, steps=2, check_learning=False)
    prune_model(tmp_path / "m.overtile", data, tmp_path / "s.overtile", within=1.0)
    small = overtile.load(tmp_path / "s.overtile")
    assert small.manifest.postprocessing["method"] == "boundary"
    assert small.predict(data.samples[0].image.array).shape == (48, 48)


def test_what_the_levels_are_measured_on_is_said(trained, data):
    manifest = load(trained).manifest
    validation = set(manifest.training["images"]["validation"])
    samples, note = held_out(data.samples, manifest)
    assert {s.name for s in samples} == validation
    made = membranes(9, size=48)
    new = from_arrays([made[0]], [made[1]]).samples
    training = tuple(s for s in data.samples if s.name not in validation)
    samples, note = held_out([*new, *training], manifest)
    assert samples == new
    assert "measured on 1 that training did not see" in note
    samples, note = held_out(training, manifest)
    assert samples == training
    assert "every image was used in training" in note


def test_what_cannot_be_pruned_is_refused_before_any_work(trained, data, tmp_path):
    with pytest.raises(OptionError, match=r"expected a loss of the score from 0 on, such as 0.005, got -0.1"):
        prune_model(trained, data, tmp_path / "s.overtile", within=-0.1)
    (tmp_path / "taken.overtile").touch()
    with pytest.raises(OutputExistsError, match=r"taken.overtile exists already"):
        prune_model(trained, data, tmp_path / "taken.overtile")
    prune_model(trained, data, tmp_path / "once.overtile", within=1.0)
    with pytest.raises(ShapeError, match="expected a U-Net\\+\\+ with a head per level to prune"):
        prune_model(tmp_path / "once.overtile", data, tmp_path / "twice.overtile")
