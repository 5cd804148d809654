"""Folds trained one after another, and the one model of them."""

from dataclasses import replace

import numpy as np
import pytest

from overtile.core import OptionError, OutputExistsError, TrainingError
from overtile.data import from_arrays, membranes
from overtile.data.synthetic_cells import cells
from overtile.training import recipe_named
from overtile.workflows.folds import train_folds
from overtile.workflows.model import load
from overtile.workflows.options import TrainOptions

TINY = recipe_named("default", patch_px=32, batch=2, arguments={"base_width": 4, "depth": 2})
OPTIONS = TrainOptions(recipe=TINY, steps=3, check_learning=False, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def images():
    made = [membranes(seed, size=48) for seed in range(2)]
    return from_arrays([image for image, _ in made], [labels for _, labels in made])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, images):
    """Trained folds, their file, and the first of them."""
    file, first = tmp_path_factory.mktemp("folds") / "m.overtile", []

    def keep_the_first(number, count):
        assert count == 2
        if number == 2:
            first.append(load(file.with_name("m.overtile.folds") / "fold-0.overtile", precision="float32"))

    found = train_folds(images, file, OPTIONS, on_fold=keep_the_first)
    return found, file, first[0]


def test_the_model_of_folds_is_the_mean_of_all_and_is_scored_on_what_each_had_not_seen(images, finished):
    found, file, own = finished
    stored = load(file, precision="float32")
    assert stored.manifest.members == 2
    picture = images.samples[0].image.array
    first, whole = own.probabilities(picture), stored.probabilities(picture)
    second = 2 * whole - first
    assert not np.allclose(first, second, atol=1e-3)
    assert second.min() > -1e-4
    np.testing.assert_allclose(second.sum(axis=0), 1, atol=1e-3)
    assert stored.tile_exact
    # Every image is scored by the fold that held it out.
    (held_out,) = own.manifest.training["images"]["validation"]
    scores = {example.name: example.score for example in found.evaluation.examples}
    assert set(scores) == {"000", "001"}
    truth = next(s for s in images.samples if s.name == held_out)
    predicted = own.predict(truth.image.array) > 0
    dice = 2 * (predicted & (truth.labels > 0)).sum() / (predicted.sum() + (truth.labels > 0).sum())
    background = 2 * (~predicted & (truth.labels == 0)).sum() / ((~predicted).sum() + (truth.labels == 0).sum())
    assert scores[held_out] == pytest.approx((dice + background) / 2, abs=1e-6)
    stated = stored.manifest.metrics["held_out"]
    assert stated["folds"] == pytest.approx(list(found.scores))
    assert stated["spread_over_folds"] == pytest.approx(np.std(found.scores, ddof=1))
    assert stated["low"] <= stated["value"] <= stated["high"]
    assert len(stored.manifest.training["images"]["training"]) == 2
    assert list(file.parent.iterdir()) == [file]


def test_the_best_fold_can_be_kept_alone(tmp_path, images):
    found = train_folds(images, tmp_path / "m.overtile", OPTIONS, keep="best")
    stored = load(tmp_path / "m.overtile")
    assert stored.manifest.members == 1
    assert stored.manifest.training["fold"] == [int(np.argmax(found.scores)), 2]
    assert stored.manifest.metrics["held_out"]["folds"] == pytest.approx(list(found.scores))


class PowerCutError(Exception):
    pass


def cut(at):
    def listener(progress):
        if progress.fraction > at:
            raise PowerCutError

    return listener


def test_folds_go_on_where_they_stopped(tmp_path, images, finished):
    file, (whole, *_) = tmp_path / "m.overtile", finished
    with pytest.raises(PowerCutError):
        train_folds(images, file, replace(OPTIONS, on_progress=cut(0.6), checkpoint_every_s=0.0))
    first = file.with_name("m.overtile.folds") / "fold-0.overtile"
    written = first.stat().st_mtime_ns
    with pytest.raises(OutputExistsError, match="holds the folds of an unfinished run: go on with --resume"):
        train_folds(images, file, OPTIONS)
    assert first.stat().st_mtime_ns == written
    with pytest.raises(TrainingError, match=r"fold-0\.overtile belongs to a run with other images or settings"):
        train_folds(images, file, replace(OPTIONS, resume=True, seed=5))
    again = train_folds(images, file, replace(OPTIONS, resume=True))
    assert again.scores == pytest.approx(whole.scores)


def test_an_interrupted_fold_is_not_taken_for_a_finished_one(tmp_path, images):
    def interrupt(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_folds(images, tmp_path / "m.overtile", replace(OPTIONS, on_progress=interrupt))
    found = train_folds(images, tmp_path / "m.overtile", replace(OPTIONS, resume=True))
    steps = [fold["steps"] for fold in found.model.manifest.training["folds"]]
    assert steps == [3, 3]


def test_objects_get_thresholds_that_were_chosen_on_all_folds(tmp_path):
    made = [cells(seed, size=64, count=6) for seed in range(2)]
    images = from_arrays([image for image, _ in made], [ids for _, ids in made], task="instances")
    found = train_folds(images, tmp_path / "m.overtile", OPTIONS)
    assert found.metric == "ap_50"
    assert "threshold" in " ".join(found.model.manifest.postprocessing)


def test_another_way_to_keep_folds_is_refused(tmp_path, images):
    with pytest.raises(OptionError, match="--keep expects ensemble or best, got 'all'"):
        train_folds(images, tmp_path / "m.overtile", OPTIONS, keep="all")
