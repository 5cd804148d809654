"""Touching objects: learned as distances, written as objects and as results of the Cell Tracking Challenge."""

import csv
import json
import shutil

import pytest
import tifffile

import overtile as api
from overtile.data import write_dataset

SMALL = {"base_width": 4, "depth": 2}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Made cells, with a model of their distances to the border; frames and truth as in the challenge."""
    folder = tmp_path_factory.mktemp("objects")
    write_dataset(folder / "cells", "cells", 3, seed=1, size=96)
    recipe = api.recipe("default", patch_px=64, batch=4, arguments=SMALL, instance_target="distance")
    api.train(folder / "cells", folder / "m.overtile", recipe=recipe, steps=8)
    for source, target in (("images", "01/t{:03d}.png"), ("labels", "01_GT/SEG/man_seg{:03d}.png")):
        for number, path in enumerate(sorted((folder / "cells" / source).iterdir())):
            new = folder / target.format(number)
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, new.with_suffix(path.suffix))
    return folder


def test_distances_are_trained_predicted_and_evaluated(overtile, project, tmp_path):
    manifest = api.load(project / "m.overtile").manifest
    assert (manifest.target, manifest.num_classes, manifest.postprocessing["method"]) == ("distance", 3, "distance")
    assert manifest.map_names == ("background", "middle", "rim")
    run = overtile(
        "predict",
        "-m",
        project / "m.overtile",
        "-i",
        project / "01",
        "-o",
        "out",
        "-p",
        "--objects",
        "csv,geojson,rois",
    )
    assert run.code == 0, run.text
    with (tmp_path / "out" / "t000_objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = tifffile.imread(tmp_path / "out" / "t000.tif")
    features = json.loads((tmp_path / "out" / "t000.geojson").read_text())["features"]
    assert len(rows) == len(features) == labels.max() > 0
    assert sum(int(row["area_px"]) for row in rows) == (labels > 0).sum()
    run = overtile("evaluate", "-m", project / "m.overtile", project / "cells", "--json", "s.json")
    assert run.code == 0, run.text
    assert json.loads((tmp_path / "s.json").read_text())["total"]["seg"]["value"] is not None


def test_results_of_the_cell_tracking_challenge(overtile, project, tmp_path):
    run = overtile("predict", "-m", project / "m.overtile", "-i", project / "01", "-o", "01_RES", "--format", "ctc")
    assert run.code == 0, run.text
    assert {path.name for path in (tmp_path / "01_RES").iterdir()} >= {"mask000.tif", "mask002.tif", "res_track.txt"}
    run = overtile("evaluate", "--predictions", "01_RES", "--labels", project / "01_GT" / "SEG", "--json", "seg.json")
    assert run.code == 0, run.text
    assert "only SEG is measured" in run.text
    total = json.loads((tmp_path / "seg.json").read_text())["total"]
    assert set(total) == {"seg"}
    again = overtile("predict", "-m", project / "m.overtile", "-i", project / "01", "-o", "01_RES", "--format", "ctc")
    assert again.code != 0
    assert "exists already" in again.text


def test_images_that_are_no_frames_are_refused_before_any_work(overtile, project, tmp_path):
    run = overtile(
        "predict", "-m", project / "m.overtile", "-i", project / "cells" / "images", "-o", "01_RES", "--format", "ctc"
    )
    assert run.code != 0
    assert "is no frame of the Cell Tracking Challenge" in run.text
    assert not (tmp_path / "01_RES" / "res_track.txt").exists()
