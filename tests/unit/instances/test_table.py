import csv
import io

import numpy as np
import pytest
from skimage.measure import regionprops_table

from overtile.core import DataError, ShapeError
from overtile.instances import Measured, Naming, object_table, table_csv

IDS = np.zeros((5, 6), int)
IDS[1:3, 1:4] = 70_001
IDS[4, 5] = 12


def test_rows_by_hand():
    image = np.arange(30.0).reshape(1, 5, 6)
    small, large = object_table(
        Measured(IDS, image=image, probability=IDS / 100_000, classes=1 * (IDS > 0) + (IDS == 12)),
        naming=Naming(("background", "nucleus", "debris"), pixel_size_um=(0.5, 0.2)),
    )
    assert small["touches_edge"] is True
    assert small["class"] == "debris"
    assert large == {
        "id": 70_001,
        "class": "nucleus",
        "area_px": 6,
        "area_um2": pytest.approx(0.6),
        "centroid_y": 1.5,
        "centroid_x": 2.0,
        "bbox_y0": 1,
        "bbox_x0": 1,
        "bbox_y1": 3,
        "bbox_x1": 4,
        "mean_intensity": 11.0,
        "mean_probability": pytest.approx(0.70001),
        "touches_edge": False,
    }


def test_numbers_agree_with_scikit_image():
    rng = np.random.default_rng(0)
    instances, image = rng.integers(0, 9, (20, 30)), rng.random((20, 30))
    rows = object_table(Measured(instances, image=image[None]))
    names = ("label", "area", "centroid", "bbox", "intensity_mean")
    expected = regionprops_table(instances, image, properties=names)
    columns = (
        "id",
        "area_px",
        "centroid_y",
        "centroid_x",
        "bbox_y0",
        "bbox_x0",
        "bbox_y1",
        "bbox_x1",
        "mean_intensity",
    )
    for column, values in zip(columns, expected.values(), strict=True):
        np.testing.assert_allclose([row[column] for row in rows], values)


def test_the_most_frequent_class_wins():
    row = object_table(
        Measured(np.array([[3, 3, 3]]), classes=np.array([[1, 2, 2]])), naming=Naming(("background", "a", "b"))
    )[0]
    assert row["class"] == "b"


def test_volumes_and_several_channels():
    row = object_table(
        Measured(np.ones((2, 1, 1), int), image=np.ones((2, 2, 1, 1))),
        naming=Naming(channel_names=("dapi", "gfp"), pixel_size_um=(2.0, 1.0, 1.0)),
    )[0]
    assert (row["volume_px"], row["volume_um3"], row["centroid_z"], row["mean_intensity_gfp"]) == (2, 4, 0.5, 1)


def test_an_object_in_several_tiles_is_one_row_and_the_edge_is_that_of_the_image():
    tiles = [Measured(IDS[:2], (0, 0)), Measured(IDS[2:], (2, 0))]
    rows = object_table(tiles, shape=(5, 6))
    assert [row["area_px"] for row in rows] == [1, 6]
    assert [row["touches_edge"] for row in rows] == [True, False]
    assert rows == object_table(Measured(IDS))


@pytest.mark.parametrize("shape", [(3, 3), (0, 4)])
def test_no_objects(shape):
    assert object_table(Measured(np.zeros(shape, int), classes=np.zeros(shape, int))) == []
    assert object_table([], shape=shape) == []
    assert table_csv([]) == ""


def test_csv_reads_back():
    rows = object_table(Measured(IDS))
    read = list(csv.DictReader(io.StringIO(table_csv(rows))))
    assert [row["id"] for row in read] == ["12", "70001"]
    assert read[0]["area_um2"] == ""
    assert read[0]["touches_edge"] == "1"


def test_errors():
    with pytest.raises(ShapeError, match="expected the size of the whole image with tiles"):
        object_table([Measured(IDS)])
    with pytest.raises(ShapeError, match=r"expected instances with 3 axes, got shape \(5, 6\)"):
        object_table([Measured(IDS)], shape=(1, 5, 6))
    with pytest.raises(
        ShapeError, match=r"expected probability over the pixels of the instances \(5, 6\), got \(5, 5\)"
    ):
        object_table(Measured(IDS, probability=np.zeros((5, 5))))
    with pytest.raises(ShapeError, match=r"expected image over the pixels of the instances \(5, 6\), got \(6, 5\)"):
        object_table(Measured(IDS, image=np.zeros((1, 6, 5))))
    with pytest.raises(ShapeError, match="expected a name for each of 2 channels, got 1: dapi"):
        object_table(Measured(IDS, image=np.zeros((2, 5, 6))), naming=Naming(channel_names=("dapi",)))
    with pytest.raises(DataError, match="expected classes 0 to 1, found 5 to 5"):
        object_table(Measured(IDS, classes=np.full(IDS.shape, 5)))
