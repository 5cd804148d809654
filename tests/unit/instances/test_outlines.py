import io
import json
import zipfile

import numpy as np
import pytest
from roifile import ImagejRoi

from overtile.core import DataError, ShapeError, UnknownNameError
from overtile.instances import Measured, Outline, geojson, object_table, outlines, roi_zip, trace

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)


def objects(instances):
    return list(outlines(instances, object_table(Measured(instances))))


def test_a_ring_has_a_hole():
    outer, hole = trace(RING)[0]
    assert {tuple(c) for c in outer} == {(0, 0), (3, 0), (3, 3), (0, 3)}
    assert {tuple(c) for c in hole} == {(1, 1), (2, 1), (2, 2), (1, 2)}


def test_pieces_that_meet_at_a_corner_are_two_polygons():
    assert [len(polygon) for polygon in trace(np.eye(2, dtype=bool))] == [1, 1]


def test_a_hole_that_meets_the_outside_at_a_corner_is_a_hole():
    leaky = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    outer, hole = trace(leaky)[0]
    assert len(outer) == 6
    assert len(hole) == 4


def test_nothing_to_trace():
    assert trace(np.zeros((3, 3), bool)) == ()
    assert objects(np.zeros((3, 3), int)) == []
    assert geojson([]) == {"type": "FeatureCollection", "features": []}
    assert zipfile.ZipFile(io.BytesIO(roi_zip([]))).namelist() == []


def test_touching_objects_keep_their_place_in_the_image():
    instances = np.zeros((4, 6), int)
    instances[1:3, 2:4], instances[1:3, 4:6] = 5, 9
    first, second = objects(instances)
    assert first.id == 5
    assert second.polygons[0][0].min(axis=0).tolist() == [4, 1]
    assert second.polygons[0][0].max(axis=0).tolist() == [6, 3]


def test_geojson_is_closed_and_json():
    collection = json.loads(json.dumps(geojson(objects(RING * 7), object_type="detection")))
    feature = collection["features"][0]
    assert feature["geometry"]["type"] == "Polygon"
    assert len(feature["geometry"]["coordinates"]) == 2
    assert all(ring[0] == ring[-1] for ring in feature["geometry"]["coordinates"])
    assert feature["properties"] == {"objectType": "detection", "name": "7", "classification": {"name": "object"}}


def test_an_object_in_pieces_is_a_multipolygon():
    feature = geojson(objects(np.array([[4, 0, 4]])))["features"][0]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert len(feature["geometry"]["coordinates"]) == 2


def test_imagej_reads_the_rois():
    instances = np.zeros((5, 9), int)
    instances[1:4, 1:4] = RING * 3
    instances[2, 6:8] = 8
    archive = zipfile.ZipFile(io.BytesIO(roi_zip(objects(instances))))
    assert archive.namelist() == ["object_3.roi", "object_8.roi"]

    composite = ImagejRoi.frombytes(archive.read("object_3.roi"))
    assert (composite.left, composite.top, composite.right, composite.bottom) == (1, 1, 4, 4)
    assert [len(np.unique(ring, axis=0)) for ring in composite.coordinates(multi=True)] == [4, 4]

    polygon = ImagejRoi.frombytes(archive.read("object_8.roi"))
    assert polygon.name == "object_8"
    assert {tuple(c) for c in polygon.coordinates()} == {(6, 2), (8, 2), (8, 3), (6, 3)}


@pytest.mark.parametrize("block", [1, 3, 4, 100])
def test_blocks_do_not_change_the_outlines(block):
    instances = np.random.default_rng(0).integers(0, 6, (11, 13))
    instances[2:9, 3:12] = 9
    rows = object_table(Measured(instances))
    found = {outline.id: outline.polygons for outline in outlines(instances, rows, block=block)}
    expected = {row["id"]: trace(instances == row["id"]) for row in rows}
    assert found.keys() == expected.keys()
    for key, polygons in expected.items():
        assert [[ring.tolist() for ring in p] for p in found[key]] == [[ring.tolist() for ring in p] for p in polygons]


def test_only_the_blocks_with_objects_are_read():
    class Counted:
        def __init__(self, array):
            self.array, self.shape, self.read = array, array.shape, []

        def __getitem__(self, window):
            part = self.array[window]
            self.read.append(part.size)
            return part

    instances = np.zeros((40, 40), int)
    instances[1:3, 1:3], instances[7:12, 8:11], instances[30:, 0:40] = 1, 2, 3
    rows = object_table(Measured(instances))
    counted = Counted(instances)
    assert len(list(outlines(counted, rows, block=10))) == 3
    assert sorted(counted.read) == [110, 400]  # the first two at once, the large one alone


def test_each_plane_of_a_stack_has_its_outlines():
    stack = np.zeros((4, 5, 6), int)
    stack[1, 1:3, 1:3], stack[2, 1:3, 1:4], stack[3, 4, 5] = 7, 7, 8
    found = objects(stack)
    assert [(outline.id, outline.plane) for outline in found] == [(7, 1), (7, 2), (8, 3)]
    features = geojson(found)["features"]
    assert features[1]["geometry"]["plane"] == {"c": -1, "z": 2, "t": 0}
    archive = zipfile.ZipFile(io.BytesIO(roi_zip(found)))
    assert archive.namelist() == ["object_7_z2.roi", "object_7_z3.roi", "object_8_z4.roi"]
    assert ImagejRoi.frombytes(archive.read("object_8_z4.roi")).position == 4


def test_errors():
    with pytest.raises(ShapeError, match=r"outlines are of images \(y, x\) or stacks \(z, y, x\), got \(7,\)"):
        next(outlines(np.zeros(7, int), []))
    with pytest.raises(
        UnknownNameError, match=r"unknown type of QuPath object 'tile'. Known: annotation, detection, cell"
    ):
        geojson([], object_type="tile")
    far = Outline(2, "cell", ((np.array([[40_000, 0], [40_001, 0], [40_001, 1]]),),))
    with pytest.raises(DataError, match="hold coordinates up to 32767, object 2 reaches 40001: write GeoJSON instead"):
        roi_zip([far])
