"""Files about objects, from arrays in memory and from stores on disk."""

import csv
import json
import zipfile

import numpy as np
import pytest
import zarr

from overtile.core import DataError, Image, OutputExistsError, UnknownNameError
from overtile.instances import Measured, Naming, object_table
from overtile.workflows import objects
from overtile.workflows.objects import write_objects
from overtile.workflows.target import OBJECT_FILES, Target

RNG = np.random.default_rng(0)
IDS = np.kron(RNG.choice([0, 0, 3, 70_000, 12, 5], (7, 9)), np.ones((5, 4), int)).astype(np.uint32)
IMAGE = Image(RNG.integers(0, 65_000, (2, *IDS.shape)).astype(np.uint16), (0.5, 0.25), ("dapi", "gfp"))
FOREGROUND = RNG.random(IDS.shape).astype(np.float16)
ALL = tuple(OBJECT_FILES)


@pytest.fixture
def target(tmp_path):
    return Target(tmp_path / "out", "cells", "tif")


def rows_of(target):
    with (target.folder / "cells_objects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def as_text(rows):
    return [{k: "" if v is None else str(int(v) if isinstance(v, bool) else v) for k, v in row.items()} for row in rows]


def test_a_store_on_disk_gives_exactly_what_the_array_in_memory_gives(target, tmp_path, monkeypatch):
    naming = Naming(channel_names=IMAGE.channel_names, pixel_size_um=IMAGE.pixel_size_um)
    whole = object_table(Measured(IDS, image=IMAGE.array, probability=FOREGROUND), naming=naming)
    store = zarr.create_array(tmp_path / "ids.zarr", shape=IDS.shape, dtype=IDS.dtype, chunks=(8, 8))
    store[:] = IDS
    monkeypatch.setattr(objects, "BLOCK_PX", 6)
    count = write_objects(target, store, formats=ALL, image=IMAGE, foreground=FOREGROUND)
    assert count == len(whole) == 4
    assert rows_of(target) == as_text(whole)
    assert whole[0]["area_um2"] == whole[0]["area_px"] / 8
    features = json.loads((target.folder / "cells.geojson").read_text())["features"]
    assert {f["properties"]["name"] for f in features} == {"3", "5", "12", "70000"}
    assert features[0]["properties"]["objectType"] == "detection"
    with zipfile.ZipFile(target.folder / "cells_rois.zip") as archive:
        assert sorted(archive.namelist()) == [f"object_{i}.roi" for i in (12, 3, 5, 70_000)]
    assert len(list(target.folder.iterdir())) == 3


def test_classes_become_connected_pieces(target):
    classes = np.zeros((6, 8), np.uint8)
    classes[0:2, 0:2], classes[4, 4:7], classes[0:2, 2:4] = 50, 50, 255
    image = Image(np.ones((1, 6, 8)))
    count = write_objects(target, classes, formats=("csv",), image=image, classes={50: "nucleus", 255: "debris"})
    assert count == 3
    assert [(row["class"], row["area_px"], row["touches_edge"]) for row in rows_of(target)] == [
        ("nucleus", "4", "1"),
        ("nucleus", "3", "0"),
        ("debris", "4", "1"),
    ]
    assert rows_of(target)[0]["area_um2"] == ""
    assert "mean_probability" not in rows_of(target)[0]


def test_no_objects_give_a_header_and_empty_files(target):
    assert write_objects(target, np.zeros((5, 6), int), formats=ALL, image=Image(np.zeros((1, 5, 6)))) == 0
    assert (target.folder / "cells_objects.csv").read_text().startswith("id,class,area_px")
    assert json.loads((target.folder / "cells.geojson").read_text())["features"] == []


def test_stacks(target):
    stack = np.zeros((3, 5, 6), int)
    stack[1, 1:3, 1:4], stack[2, 1:3, 1:4] = 1, 2
    write_objects(target, stack, formats=ALL, image=Image(np.ones((1, 3, 5, 6)), (2.0, 1.0, 1.0)))
    assert [(row["id"], row["volume_um3"], row["bbox_z0"]) for row in rows_of(target)] == [
        ("1", "12.0", "1"),
        ("2", "12.0", "2"),
    ]
    with zipfile.ZipFile(target.folder / "cells_rois.zip") as archive:
        assert archive.namelist() == ["object_1_z2.roi", "object_2_z3.roi"]


def test_errors(target):
    image = Image(np.ones((1, 2, 2)))
    with pytest.raises(UnknownNameError, match=r"unknown format of objects 'cvs'.*did you mean 'csv'"):
        write_objects(target, np.ones((2, 2), int), formats=("cvs",), image=image)
    with pytest.raises(DataError, match="hold coordinates up to 32767, the image reaches 40000: write GeoJSON instead"):
        write_objects(target, np.broadcast_to(0, (2, 40_000)), formats=("csv", "rois"), image=image)
    assert not target.folder.exists()
    write_objects(target, np.ones((2, 2), int), formats=("csv",), image=image)
    with pytest.raises(OutputExistsError, match=r"cells_objects\.csv exists already"):
        write_objects(target, np.ones((2, 2), int), formats=("csv",), image=image)
