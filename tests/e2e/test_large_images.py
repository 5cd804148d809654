"""Images that stay on disk: the same result as in memory, from where it stopped, on several workers."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

import overtile as api
from overtile.core import OptionError, OutputExistsError, PredictionError, UnknownNameError
from overtile.data import read_image, read_labels, write_dataset
from overtile.data.lazy import open_image
from overtile.prediction.cluster import Workers
from overtile.workflows.predict_options import PredictOptions

ON_DISK = {"max_memory": 1_000_000, "tile_px": 64}
"""So little memory that every image stays on disk."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A model for objects, one for classes, one that sees the whole tile, and an image of 230 x 170 pixels of each."""
    folder = tmp_path_factory.mktemp("large")
    for kind in ("cells", "membranes"):
        write_dataset(folder / kind, kind, 3, seed=1, size=96)
        write_dataset(folder / f"large_{kind}", kind, 1, seed=5, size=230)
        image = read_image(folder / f"large_{kind}" / "images" / f"{kind}_00.png").array[0, :, :170]
        tifffile.imwrite(folder / f"{kind}.tif", image, tile=(64, 64), resolution=(20000, 20000), resolutionunit=3)
    recipe = api.recipe("default", patch_px=32, arguments={"base_width": 4, "depth": 2})
    for kind in ("cells", "membranes"):
        api.train(folder / kind, folder / f"{kind}.overtile", recipe=recipe, steps=30)
    guided = recipe.changed(architecture="unet3plus", arguments={"guidance": "cgm", "depth": 2, "base_width": 2})
    api.train(folder / "membranes", folder / "guided.overtile", recipe=guided, steps=4)
    return folder


def model(project, name):
    return api.load(project / f"{name}.overtile", precision="float32", runner="torch")


def renumbered(ids):
    """Ids in the order in which they first appear."""
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].reshape(ids.shape), ids > 0


def same_objects(first, second):
    (numbers, inside), (others, inside_others) = renumbered(first), renumbered(second)
    return (numbers == others).all() and (inside == inside_others).all()


@pytest.mark.parametrize("kind", ["cells", "membranes"])
def test_on_disk_and_in_memory_agree(project, tmp_path, kind):
    loaded = model(project, kind)
    api.predict(loaded, project / f"{kind}.tif", tmp_path / "memory", PredictOptions(probabilities=True))
    options = PredictOptions(probabilities=True, **ON_DISK)
    written = api.predict(loaded, project / f"{kind}.tif", tmp_path / "disk", options)
    assert written.failed == ()
    assert written.images[kind]["in_memory"] is False
    assert written.images[kind]["tiles"] == 12
    first, second = (read_labels(tmp_path / place / f"{kind}.tif") for place in ("memory", "disk"))
    assert first.shape == second.shape == (230, 170)
    assert first.any()
    assert same_objects(first, second) if kind == "cells" else (first == second).all()
    maps = [read_image(tmp_path / place / "probabilities" / f"{kind}.tif") for place in ("memory", "disk")]
    np.testing.assert_allclose(maps[0].array.astype(float), maps[1].array.astype(float), atol=2e-3)
    assert maps[1].array.dtype == np.float16
    assert maps[1].pixel_size_um == pytest.approx((0.5, 0.5))
    assert not (tmp_path / "disk" / ".unfinished").exists()


def test_ome_zarr_in_ome_zarr_out(project, tmp_path):
    loaded = model(project, "membranes")
    api.predict(loaded, project / "membranes.tif", tmp_path / "a", PredictOptions(format="ome.zarr", **ON_DISK))
    with open_image(tmp_path / "a" / "membranes.ome.zarr") as labels:
        found = labels.array[:, 0:230, 0:170][0]
        assert labels.pixel_size_um == pytest.approx((0.5, 0.5))
    assert (found == loaded.predict(tifffile.imread(project / "membranes.tif"))).all()
    api.predict(loaded, tmp_path / "a" / "membranes.ome.zarr", tmp_path / "b", PredictOptions(**ON_DISK))
    assert (tmp_path / "b" / "membranes.ome.zarr").is_dir()


@pytest.mark.parametrize("kind", ["cells", "membranes"])
def test_the_planes_of_a_stack_one_by_one(project, tmp_path, kind):
    plane = tifffile.imread(project / f"{kind}.tif")
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([plane, plane[::-1]]), metadata={"axes": "ZYX"})
    loaded = model(project, kind)
    api.predict(loaded, tmp_path / "stack.tif", tmp_path / "memory")
    api.predict(loaded, tmp_path / "stack.tif", tmp_path / "disk", PredictOptions(**ON_DISK))
    first, second = (read_labels(tmp_path / place / "stack.tif") for place in ("memory", "disk"))
    assert first.shape == (2, 230, 170)
    for one, other in zip(first, second, strict=True):
        assert same_objects(one, other) if kind == "cells" else (one == other).all()
    if kind == "cells":
        assert not set(np.unique(second[0])) & set(np.unique(second[1])) - {0}


@pytest.mark.parametrize("name", ["membranes", "guided"])
def test_what_was_finished_before_an_error_is_kept(project, tmp_path, monkeypatch, name):
    loaded = model(project, name)
    options = PredictOptions(**ON_DISK)
    api.predict(loaded, project / "membranes.tif", tmp_path / "whole", options)
    maps, calls = loaded.maps, []

    def breaks(part, limit):
        calls.append(part.shape)
        if len(calls) > limit:
            raise PredictionError("pulled the plug")
        return maps(part)

    monkeypatch.setattr(loaded, "maps", lambda part: breaks(part, 16))
    failed = api.predict(loaded, project / "membranes.tif", tmp_path / "out", options)
    assert (len(failed.failed) == 1) == (len(calls) > 16)
    if name == "membranes":  # its 12 tiles were too few to fail
        return
    assert not (tmp_path / "out" / "membranes.tif").exists()
    calls.clear()
    monkeypatch.setattr(loaded, "maps", lambda part: breaks(part, 1000))
    again = api.predict(loaded, project / "membranes.tif", tmp_path / "out", options)
    assert again.failed == ()
    assert 0 < len(calls) < again.images["membranes"]["tiles"] + 16
    assert (read_labels(tmp_path / "out" / "membranes.tif") == read_labels(tmp_path / "whole" / "membranes.tif")).all()


def test_a_killed_prediction_goes_on_and_gives_the_same(project, tmp_path):
    command = [
        *(sys.executable, "-m", "overtile", "predict", "-m", project / "membranes.overtile"),
        *("-i", project / "membranes.tif", "-o", tmp_path / "out", "--max-memory", "1MB", "--tile", "8"),
    ]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    tiles = tmp_path / "out" / ".unfinished" / "membranes" / "tiles.txt"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tiles.exists() and tiles.read_text().count("\n") > 5):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = tiles.read_text().count("\n") - 1
    assert 5 <= before < 22 * 29
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    assert "1 label image(s)" in done.stdout
    report = json.loads((tmp_path / "out" / "prediction.json").read_text())["images"]["membranes"]
    assert report["tiles"] == 22 * 29 - before
    api.predict(api.load(project / "membranes.overtile"), project / "membranes.tif", tmp_path / "whole")
    assert (
        read_labels(tmp_path / "out" / "membranes.tif") == read_labels(tmp_path / "whole" / "membranes.tif")
    ).mean() > 0.999


def test_other_settings_do_not_mix_with_what_is_unfinished(project, tmp_path, monkeypatch):
    loaded = model(project, "membranes")

    def breaks(_part):
        raise PredictionError("pulled the plug")

    with monkeypatch.context() as patch:
        patch.setattr(loaded, "maps", breaks)
        assert api.predict(loaded, project / "membranes.tif", tmp_path / "out", PredictOptions(**ON_DISK)).failed
    with pytest.raises(OutputExistsError, match=r"unfinished prediction with other settings \(tta\)"):
        api.predict(loaded, project / "membranes.tif", tmp_path / "out", PredictOptions(tta="flips", **ON_DISK))
    options = PredictOptions(tta="flips", **ON_DISK)
    assert not api.predict(loaded, project / "membranes.tif", tmp_path / "out", options, overwrite=True).failed


def test_flat_tiles_are_background_only_where_that_is_asked_for(project, tmp_path):
    image = np.full((200, 200), 90, np.uint8)
    image[:64, :64] = tifffile.imread(project / "membranes.tif")[:64, :64]
    tifffile.imwrite(tmp_path / "slide.tif", image, tile=(64, 64))
    loaded = model(project, "membranes")
    for place, spread in (("looked", None), ("skipped", 0.0)):
        options = PredictOptions(skip_flat=spread, probabilities=True, **ON_DISK)
        report = api.predict(loaded, tmp_path / "slide.tif", tmp_path / place, options).images["slide"]
        assert (report["skipped_tiles"] > 0) == (spread is not None)
    maps = read_image(tmp_path / "skipped" / "probabilities" / "slide.tif").array
    assert (maps[:, -10:, -10:] == np.array([1, 0])[:, None, None]).all()
    near = [read_labels(tmp_path / place / "slide.tif")[:32, :32] for place in ("looked", "skipped")]
    assert (near[0] == near[1]).all()


def test_an_image_too_large_for_imagej_is_refused_before_it_is_predicted(project, tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "wide.tif", np.zeros((1, 40_000), np.uint8))
    loaded = model(project, "cells")
    monkeypatch.setattr(loaded, "maps", lambda _part: pytest.fail("it was predicted"))
    written = api.predict(loaded, tmp_path / "wide.tif", tmp_path / "out", PredictOptions(objects=("rois",)))
    assert "hold coordinates up to 32767" in written.failed[0][1]


def test_two_workers_give_what_one_process_gives_and_one_may_die(project, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    loaded = model(project, "cells")
    api.predict(loaded, project / "cells.tif", tmp_path / "alone", PredictOptions(tile_px=16, max_memory=1_000_000))
    killed = []

    class Watched(distributed.LocalCluster):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            first = next(iter(self.workers.values()))
            os.kill(first.pid, signal.SIGKILL)
            killed.append(first.pid)

    monkeypatch.setattr(distributed, "LocalCluster", Watched)
    options = PredictOptions(tile_px=16, max_memory=1_000_000, workers=Workers(count=2))
    written = api.predict(loaded, project / "cells.tif", tmp_path / "out", options)
    assert written.failed == ()
    assert len(killed) == 1
    first, second = (read_labels(tmp_path / place / "cells.tif") for place in ("alone", "out"))
    assert (first == second).all()


def test_a_finished_folder_is_not_repeated_by_accident(project, tmp_path):
    loaded = model(project, "membranes")
    api.predict(loaded, project / "membranes" / "images", tmp_path / "out")
    with pytest.raises(OutputExistsError, match="exists already"):
        api.predict(loaded, project / "membranes" / "images", tmp_path / "out")


def test_an_interrupted_folder_goes_on_with_the_next_image(project, tmp_path, monkeypatch):
    loaded = model(project, "membranes")
    seen = []

    def stop_at_second(path, _fraction):
        seen.append(path)
        if len(set(seen)) == 2:
            raise KeyboardInterrupt

    images = tmp_path / "images"
    images.mkdir()
    for number, size in enumerate((600, 610, 620)):  # of different sizes, so that they do not go together
        tifffile.imwrite(images / f"{number}.tif", np.random.default_rng(number).integers(0, 255, (size, 40), np.uint8))
    with pytest.raises(KeyboardInterrupt):
        api.predict(loaded, images, tmp_path / "out", on_progress=stop_at_second)
    again = api.predict(loaded, images, tmp_path / "out")
    assert len(again.labels) == 3
    assert len(again.images) + len(again.kept) == 3


def test_impossible_options_are_refused():
    with pytest.raises(UnknownNameError, match="jpeg"):
        PredictOptions(format="jpeg")
    with pytest.raises(UnknownNameError, match="xlsx"):
        PredictOptions(objects=("xlsx",))
    with pytest.raises(OptionError, match="at least 1 pixel per axis, got 0"):
        PredictOptions(tile_px=0)
    with pytest.raises(OptionError, match="cannot differ by less than 0, got -1"):
        PredictOptions(skip_flat=-1.0)
    with pytest.raises(OptionError, match="PNG cannot hold probabilities"):
        PredictOptions(format="png", probabilities=True)
    with pytest.raises(OptionError, match="is no amount of memory"):
        PredictOptions(max_memory="lots")
    with pytest.raises(OptionError, match="either a number of workers"):
        Workers()


def test_blended_tiles_are_not_for_workers(project, tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(OptionError, match="have to be blended: predict without workers"):
        api.predict(
            model(project, "guided"), project / "membranes.tif", tmp_path / "out",
            PredictOptions(workers=Workers(count=2), **ON_DISK),
        )  # fmt: skip


def test_a_damaged_part_is_named_and_the_rest_is_kept(project, tmp_path):
    tifffile.imwrite(
        tmp_path / "slide.tif", tifffile.imread(project / "membranes.tif"), tile=(64, 64), compression="zlib"
    )
    with tifffile.TiffFile(tmp_path / "slide.tif") as tiff:
        start = tiff.pages[0].dataoffsets[-1]
    content = bytearray((tmp_path / "slide.tif").read_bytes())
    content[start : start + 20] = bytes(20)
    (tmp_path / "slide.tif").write_bytes(content)
    written = api.predict(
        model(project, "membranes"), tmp_path / "slide.tif", tmp_path / "out", PredictOptions(**ON_DISK)
    )
    assert "cannot read what the tile" in written.failed[0][1]
    finished = (tmp_path / "out" / ".unfinished" / "slide" / "tiles.txt").read_text().count("\n") - 1
    assert finished > 3
