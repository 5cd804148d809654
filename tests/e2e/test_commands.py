"""From annotated images to measured segmentations, one command each."""

import json
import shutil

import numpy as np
import pytest
import tifffile

import overtile as api
from overtile.data import read_image, read_labels, write_dataset

QUICK = ["--steps", "4", "--set", "patch_px=32", "--set", "arguments.base_width=4", "--set", "arguments.depth=2"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Made images, and a model trained on them for a moment."""
    folder = tmp_path_factory.mktemp("project")
    write_dataset(folder / "cells", "cells", 5, seed=1, size=96)
    write_dataset(folder / "membranes", "membranes", 4, seed=1, size=96)
    recipe = api.recipe("default", patch_px=32, arguments={"base_width": 4, "depth": 2})
    for name in ("cells", "membranes"):
        api.train(folder / name, folder / f"{name}.overtile", recipe=recipe, steps=4)
    return folder


@pytest.mark.parametrize("kind", ["cells", "membranes"])
def test_check_train_predict_evaluate(overtile, tmp_path, kind):
    assert overtile("synthesize", "data", "--kind", kind, "--count", 4, "--size", 96).code == 0
    checked = overtile("check", "data", "--json", "check.json")
    assert checked.code == 0
    assert "4 annotated images" in checked.text
    assert json.loads((tmp_path / "check.json").read_text())["summary"]["channels"] == 1
    trained = overtile("train", "data", "-o", "m.overtile", *QUICK)
    assert trained.code == 0, trained.text
    assert "hold out 1" in trained.text
    predicted = overtile("predict", "-m", "m.overtile", "-i", "data/images", "-o", "out", "-p")
    assert predicted.code == 0, predicted.text
    labels = read_labels(tmp_path / "out" / f"{kind}_00.tif")
    assert labels.shape == (96, 96)
    maps = read_image(tmp_path / "out" / "probabilities" / f"{kind}_00.tif").array
    assert maps.dtype == np.float16
    np.testing.assert_allclose(maps.astype(float).sum(axis=0), 1, atol=0.01)
    scored = overtile("evaluate", "-m", "m.overtile", "data", "--json", "s.json", "--report", "r.html")
    assert scored.code == 0, scored.text
    assert "3 of 4 images were used in training and are left out" in scored.text
    page = (tmp_path / "r.html").read_text()
    assert "m.overtile" in page
    scores = json.loads((tmp_path / "s.json").read_text())
    assert {"value", "low", "high"} <= set(scores["total"]["dice"])
    assert not (tmp_path / "m.overtile.checkpoint").exists()


def test_the_same_scores_come_from_the_written_files(overtile, project, tmp_path):
    overtile("predict", "-m", project / "membranes.overtile", "-i", project / "membranes" / "images", "-o", "out", "-p")
    for name, folder in (("labels", "out"), ("maps", "out/probabilities")):
        run = overtile(
            "evaluate", "--predictions", folder, "--labels", project / "membranes" / "labels", "--json", f"{name}.json"
        )
        assert run.code == 0, run.text
    labels, maps = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("labels", "maps"))
    assert labels["total"]["dice"]["value"] == pytest.approx(maps["total"]["dice"]["value"], abs=1e-3)
    assert set(labels["images"]) == {f"membranes_{i:02d}" for i in range(4)}
    keys = {
        "pixel_error",
        "pixel_error_f",
        "rand_error",
        "warping_error",
        "warping_error_challenge",
        "v_rand",
        "v_info",
    }
    assert keys <= set(labels["total"])


def test_object_ids_are_scored_as_objects(overtile, project, tmp_path):
    labels = project / "cells" / "labels"
    run = overtile("evaluate", "--predictions", labels, "--labels", labels, "--json", "s.json")
    assert run.code == 0, run.text
    total = json.loads((tmp_path / "s.json").read_text())["total"]
    for key in ("seg", "det", "ap_50", "ap_75", "ap_mean", "f1_50", "pq_50", "v_rand"):
        assert total[key]["value"] == pytest.approx(1.0), key


def test_a_crop_and_the_slide_agree(project):
    model = api.load(project / "membranes.overtile", precision="float32")
    slide = np.random.default_rng(0).integers(0, 255, (200, 160)).astype(np.uint8)
    whole = model.probabilities(slide)
    halo = model.geometry.halo[0]
    crop = model.probabilities(slide[40:160, 40:120])
    inner = (slice(None), slice(halo, -halo), slice(halo, -halo))
    np.testing.assert_allclose(crop[inner], whole[:, 40:160, 40:120][inner], atol=1e-5)


def test_the_result_does_not_depend_on_the_tile(project):
    model = api.load(project / "cells.overtile", precision="float32")
    image = np.random.default_rng(1).integers(0, 255, (90, 130)).astype(np.uint8)
    for tile in (16, 50, 1024):
        np.testing.assert_allclose(model.logits(image, tile_px=tile), model.logits(image), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 7), (37, 41)])
def test_images_of_any_size_are_segmented(project, size):
    model = api.load(project / "membranes.overtile")
    assert model.predict(np.zeros(size, np.uint8)).shape == size


def test_stacks_are_segmented_plane_by_plane(overtile, project, tmp_path):
    stack = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})
    run = overtile("predict", "-m", project / "membranes.overtile", "-i", "stack.tif", "-o", "out")
    assert run.code == 0, run.text
    assert read_labels(tmp_path / "out" / "stack.tif").shape == (3, 40, 50)


def test_one_bad_image_does_not_stop_the_others(overtile, project, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(project / "membranes" / "images", folder)
    (folder / "broken.png").write_bytes(b"\x89PNG no more")
    tifffile.imwrite(folder / "colour.tif", np.zeros((20, 20, 3), np.uint8), photometric="rgb")
    run = overtile("predict", "-m", project / "membranes.overtile", "-i", "new", "-o", "out")
    assert run.code == 1
    assert "4 label image(s)" in run.text
    assert "broken.png" in run.text
    assert "trained on images with 1 channel(s), this image has 3" in run.text
    assert not list((tmp_path / "out").rglob("*.partial"))
    (tmp_path / "new" / "broken.png").unlink()
    (tmp_path / "new" / "colour.tif").unlink()
    again = overtile("predict", "-m", project / "membranes.overtile", "-i", "new", "-o", "out")
    assert again.code == 0
    assert "4 label image(s) in out, 4 of them from an earlier attempt" in again.text
    assert not list((tmp_path / "out").glob(".*"))


def test_info_tells_what_a_model_is(overtile, project):
    assert "tile-exact: True" in overtile("info", project / "cells.overtile").text
    manifest = json.loads(overtile("info", project / "cells.overtile", "--json").text)
    assert manifest["task"] == "instances"
    assert manifest["training"]["seed"] == 0


def test_folds_hold_out_every_image_once(overtile, project):
    held_out = []
    for k in range(4):
        run = overtile("train", project / "membranes", "-o", f"f{k}.overtile", "--fold", f"{k}/4", *QUICK)
        assert run.code == 0, run.text
        scored = overtile(
            "evaluate", "-m", f"f{k}.overtile", project / "membranes", "--fold", f"{k}/4", "--json", f"{k}.json"
        )
        assert scored.code == 0, scored.text
        held_out += list(api.load(f"f{k}.overtile").manifest.training["images"]["validation"])
    assert sorted(held_out) == [f"membranes_{i:02d}" for i in range(4)]


def test_an_interrupted_run_is_resumed_and_its_checkpoint_removed(overtile, project, tmp_path):
    whole = api.train(project / "membranes", "whole.overtile", steps=6, recipe=api.recipe("default", patch_px=32))
    seen = []

    class PowerCutError(Exception):
        pass

    def cut(progress):
        seen.append(progress.step)
        if progress.step == 3:
            raise PowerCutError

    arguments = {"steps": 6, "recipe": api.recipe("default", patch_px=32)}
    with pytest.raises(PowerCutError):
        api.train(project / "membranes", "m.overtile", on_progress=cut, checkpoint_every_s=0.0, **arguments)
    assert (tmp_path / "m.overtile.checkpoint").exists()
    assert not (tmp_path / "m.overtile").exists()
    resumed = api.train(project / "membranes", "m.overtile", resume=True, **arguments)
    assert resumed.manifest.training["losses"] == whole.manifest.training["losses"]
    assert not (tmp_path / "m.overtile.checkpoint").exists()
