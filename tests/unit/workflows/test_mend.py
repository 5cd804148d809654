"""A mended copy: complete, and the original untouched."""

import json
from pathlib import Path

import numpy as np
import pytest

from overtile.core import DataError, Image, OptionError, OutputExistsError, UnknownNameError
from overtile.data import Reading, load, read_image, read_labels, write_image, write_labels
from overtile.workflows.mend import mend

LABELS = np.arange(64 * 48).reshape(64, 48) // 512


@pytest.fixture
def data(tmp_path):
    for name in "abc":
        image = np.full((1, 64, 48), ord(name), np.uint16)
        write_image(tmp_path / "data" / "images" / f"{name}.tif", Image(image, (0.5, 0.25)))
        write_labels(tmp_path / "data" / "labels" / f"{name}.tif", LABELS)
    return tmp_path / "data"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.tif"))}


def test_only_what_is_named_is_mended_and_the_rest_is_copied(data, tmp_path):
    before = content(data)
    done = mend(data, tmp_path / "out", ["turn=flip-x", "values=5:9"], only=["b"], leave_out=["c"])
    assert (done.images, done.changed, done.left_out) == (("a", "b"), ("b",), ("c",))
    assert content(data) == before
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tif")) == ["a.tif", "a.tif", "b.tif", "b.tif"]
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "labels" / "a.tif"), LABELS)
    expected = np.where(LABELS == 5, 9, LABELS)[:, ::-1]
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "labels" / "b.tif"), expected)
    image = read_image(tmp_path / "out" / "images" / "b.tif")
    assert image.array.dtype == np.uint16
    assert image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert not (tmp_path / "out" / "valid").exists()


def test_a_transposed_label_file_can_be_read_and_mended(data, tmp_path):
    write_labels(data / "labels" / "b.tif", LABELS.T, overwrite=True)
    mend(data, tmp_path / "out", ["turn=transpose"], only=["b"])
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "labels" / "b.tif"), LABELS)
    with pytest.raises(DataError, match=r"b\.tif: the image has size \(64, 48\), its labels \(48, 64\)"):
        mend(data, tmp_path / "other", ["values=1:2"], only=["b"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]


def test_pixels_that_do_not_count_stay_so(data, tmp_path):
    for name in "abc":
        write_labels(data / "valid" / f"{name}.tif", (LABELS > 0).astype(np.uint8))
    mend(data, tmp_path / "out", ["shift=2,0"], only=["a"])
    valid = read_labels(tmp_path / "out" / "valid" / "a.tif")
    assert valid.max() == 255
    assert (valid[LABELS == 0] == 0).all()
    assert (read_labels(tmp_path / "out" / "valid" / "b.tif") == 255 * (LABELS > 0)).all()


def test_what_belongs_together_still_does(data, tmp_path):
    (data / "groups.csv").write_text("image,group\na,x\nb,y\nc.tif,x\n")
    mend(data, tmp_path / "out", ["turn=flip-x"])
    assert (tmp_path / "out" / "groups.csv").read_text() == "image,group\na,x\nb,y\nc,x\n"
    assert [sample.group for sample in load(tmp_path / "out").samples] == ["x", "y", "x"]


def test_planes_of_a_stack_become_images(tmp_path):
    stack = np.zeros((3, 32, 32), np.uint8)
    stack[:, 4:12, 4:12] = 1
    write_image(tmp_path / "data" / "images" / "s.tif", Image(stack[np.newaxis] * 100))
    write_labels(tmp_path / "data" / "labels" / "s.tif", stack)
    done = mend(tmp_path / "data", tmp_path / "out", ["values=1:255"])
    assert done.images == ("s_z000", "s_z001", "s_z002")
    assert read_labels(tmp_path / "out" / "labels" / "s_z001.tif").max() == 255


def test_what_cannot_be_mended_is_refused_before_anything_is_written(data, tmp_path):
    out = tmp_path / "out"
    for arguments, error, message in (
        ({}, OptionError, r"nothing to mend: name a fix \(--fix split\)"),
        ({"fixes": ["split"], "only": ["d"]}, UnknownNameError, "unknown image 'd'"),
        ({"leave_out": ["a", "b", "c"]}, OptionError, "all 3 images would be left out"),
        ({"fixes": ["splt"]}, UnknownNameError, "unknown fix 'splt': did you mean 'split'"),
        ({"fixes": ["split"], "reading": Reading(layout="nnunet")}, DataError, "no images in the layout nnunet"),
    ):
        with pytest.raises(error, match=message):
            mend(data, out, **arguments)
        assert not out.exists()
    with pytest.raises(OutputExistsError, match=r"data exists already and is not empty"):
        mend(data, data, ["split"])


def test_objects_with_classes_are_refused(tmp_path):
    write_image(tmp_path / "images" / "a.png", Image(np.zeros((1, 32, 32), np.uint8)))
    square = [2, 2, 12, 2, 12, 12, 2, 12]
    annotations = [
        {"id": i, "image_id": 1, "category_id": i, "segmentation": [square], "bbox": [2, 2, 10, 10], "area": 100}
        for i in (1, 2)
    ]
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "height": 32, "width": 32}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "debris"}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    with pytest.raises(DataError, match=r"annotations\.json holds objects with classes, which a picture of labels"):
        mend(tmp_path, Path(tmp_path) / "out", ["split"])
