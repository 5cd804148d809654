"""What is written in another layout and read back is what was there."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from overtile.core import DataError, Image, OutputExistsError, UnknownNameError
from overtile.data import AnnotatedImages, Reading, load, write_image, write_labels
from overtile.workflows.convert import convert
from overtile.workflows.layout_writers import WRITERS

IDS = np.zeros((24, 30), np.int32)
IDS[2:8, 2:9], IDS[2:8, 9:14], IDS[12:20, 4:12], IDS[14:17, 6:9], IDS[12:15, 20:23], IDS[15:18, 23:26] = (
    1,
    2,
    3,
    0,
    4,
    4,
)
"""Two objects that touch, one with a hole, one of two pieces that meet at a corner."""

VALID = np.ones(IDS.shape, bool)
VALID[20:, 15:] = False

CLASSES = np.where(IDS > 2, 2, np.minimum(IDS, 1))


def folder(
    root: Path, labels: NDArray[np.int32], *, valid: NDArray[np.bool_] | None = VALID, channels: int = 2
) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        array = rng.integers(0, 60000, (channels, *labels.shape)).astype(np.uint16)
        write_image(root / "images" / f"{name}.tif", Image(array, (0.5, 0.25)))
        write_labels(root / "labels" / f"{name}.tif", labels)
        if valid is not None and name == "b":
            write_labels(root / "valid" / f"{name}.tif", valid.astype(np.uint8))
    return root


def same(found: AnnotatedImages, expected: AnnotatedImages) -> None:
    """Images, objects or classes and annotated pixels are the same; objects may be numbered anew."""
    assert found.labelling.task == expected.labelling.task
    for one, other in zip(found.samples, expected.samples, strict=True):
        assert np.array_equal(one.image.array, other.image.array)
        assert one.image.pixel_size_um == pytest.approx(other.image.pixel_size_um)
        valid = np.ones(one.labels.shape, bool) if other.valid is None else other.valid
        assert np.array_equal(valid, np.ones(valid.shape, bool) if one.valid is None else one.valid)
        pairs = set(zip(one.labels[valid].tolist(), other.labels[valid].tolist(), strict=True))
        assert len(pairs) == len(np.unique(other.labels[valid]))
        assert (0, 0) in pairs


@pytest.mark.parametrize("layout", ["images-labels", "cellpose", "coco", "geojson", "imagej"])
def test_objects_and_ignored_pixels_come_back(tmp_path: Path, layout: str) -> None:
    source = folder(tmp_path / "source", IDS)

    done = convert(source, tmp_path / "out", layout, task="instances")

    assert (done.source_layout, done.images) == ("images-labels", 2)
    found = load(tmp_path / "out", task="instances" if layout in ("images-labels", "cellpose") else "auto")
    assert found.layout == layout
    same(found, load(source, task="instances"))


@pytest.mark.parametrize("layout", ["images-labels", "nnunet", "coco", "geojson"])
def test_classes_and_ignored_pixels_come_back(tmp_path: Path, layout: str) -> None:
    source = folder(tmp_path / "source", CLASSES)

    convert(source, tmp_path / "out", layout, task="semantic")

    same(load(tmp_path / "out", task="semantic"), load(source, task="semantic"))


def test_nnunet_gets_one_file_per_channel_and_names(tmp_path: Path) -> None:
    done = convert(folder(tmp_path / "source", IDS), tmp_path / "out", "nnunet", task="instances")
    assert [p.name for p in sorted((tmp_path / "out/imagesTr").iterdir())] == [
        "a_0000.tif", "a_0001.tif", "b_0000.tif", "b_0001.tif",
    ]  # fmt: skip
    assert json.loads((tmp_path / "out/dataset.json").read_text()) == {
        "channel_names": {"0": "channel 0", "1": "channel 1"},
        "labels": {"background": 0, "object": 1, "ignore": 2},
        "numTraining": 2,
        "file_ending": ".tif",
    }
    assert "nnU-Net knows classes, no objects: touching objects of one class merge" in done.notes


def test_ctc_gets_one_sequence_for_single_images_and_one_per_stack(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", IDS)
    done = convert(source, tmp_path / "out", "ctc", task="instances")
    assert "in 1 image(s), pixels that were not annotated count as background now" in done.notes
    found = load(tmp_path / "out")
    assert [s.name for s in found.samples] == ["01_t000", "01_t001"]
    assert np.array_equal(found.samples[0].labels, IDS)

    stack = tmp_path / "stack"
    write_image(stack / "images" / "s.tif", Image(np.zeros((1, 3, *IDS.shape), np.uint8)))
    write_labels(stack / "labels" / "s.tif", np.stack([IDS] * 3))
    write_image(stack / "images" / "t.tif", Image(np.zeros((1, 2, *IDS.shape), np.uint8)))
    write_labels(stack / "labels" / "t.tif", np.stack([IDS] * 2))
    convert(stack, tmp_path / "sequences", "ctc", task="instances")
    assert {s.group for s in load(tmp_path / "sequences").samples} == {"01", "02"}
    convert(tmp_path / "sequences", tmp_path / "back", "images-labels", task="instances")
    assert [s.group for s in load(tmp_path / "back").samples] == ["01"] * 3 + ["02"] * 2


def test_classes_of_objects_survive_between_outline_layouts(tmp_path: Path) -> None:
    # Given touching objects of one class among two, as QuPath would hold them
    convert(folder(tmp_path / "source", CLASSES, valid=None), tmp_path / "classes", "geojson", task="semantic")
    document = json.loads((tmp_path / "classes/a.geojson").read_text())
    for file in ("a", "b"):
        (tmp_path / f"classes/{file}.geojson").write_text(json.dumps(document))

    convert(tmp_path / "classes", tmp_path / "coco", "coco")
    convert(tmp_path / "coco", tmp_path / "back", "geojson", task="instances")

    back = json.loads((tmp_path / "back/a.geojson").read_text())
    names = sorted(f["properties"]["classification"]["name"] for f in back["features"])
    assert names == sorted(f["properties"]["classification"]["name"] for f in document["features"])


def test_what_a_layout_cannot_hold_is_refused_or_said(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", CLASSES)
    for layout in ("cellpose", "ctc"):
        with pytest.raises(
            DataError, match=rf"the layout {layout} holds objects, the annotation has classes \(background"
        ):
            convert(source, tmp_path / layout, layout, task="semantic")
    done = convert(source, tmp_path / "coco", "coco", task="semantic")
    assert "classes are written as one object per connected piece" in done.notes
    both = convert(tmp_path / "coco", tmp_path / "ids", "images-labels", task="instances")
    assert "labels hold object ids; the classes class 1, class 2 are not written" in both.notes
    rois = convert(tmp_path / "coco", tmp_path / "rois", "imagej")
    assert "ROIs have their class in their name only" in rois.notes


def test_other_names_for_background_are_said(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", CLASSES + 1, valid=None)
    done = convert(source, tmp_path / "out", "nnunet", task="semantic")
    assert "the class class 1 is called background, as nnU-Net demands for 0" in done.notes


def test_unknown_layouts_and_full_folders_are_refused(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", IDS)
    with pytest.raises(UnknownNameError, match="unknown layout to write 'hdf5'"):
        convert(source, tmp_path / "out", "hdf5")
    with pytest.raises(OutputExistsError, match="source is not empty"):
        convert(source, source, "coco")
    for _ in range(2):
        convert(source, tmp_path / "out", "coco", reading=Reading(channels=("1",)), overwrite=True)
    assert load(tmp_path / "out").channels == 1
    assert set(WRITERS) == {"images-labels", "cellpose", "nnunet", "ctc", "coco", "geojson", "imagej"}
