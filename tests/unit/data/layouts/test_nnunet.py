import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtile.core.errors import DataError, FormatError
from overtile.core.image import Image
from overtile.data import Reading, find_pairs, load, write_image, write_labels

LABELS = np.zeros((8, 9), np.uint8)
LABELS[:3], LABELS[3:5], LABELS[5] = 1, 2, 3
VERSION_2 = {
    "channel_names": {"0": "T1", "1": "T2"},
    "labels": {"background": 0, "edema": 1, "tumour": 2, "ignore": 3},
    "file_ending": ".tif",
}


def case(root: Path, name: str, channels: int = 2, rows: int = 8) -> None:
    for channel in range(channels):
        plane = np.full((1, rows, 9), channel + 1, np.uint8)
        write_image(root / "imagesTr" / f"{name}_{channel:04d}.tif", Image(plane))
    write_labels(root / "labelsTr" / f"{name}.tif", LABELS)


def described(root: Path, content: Any) -> Path:
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def test_channels_classes_and_the_ignore_label_have_names(tmp_path: Path) -> None:
    case(tmp_path, "case1")
    case(tmp_path, "case2")

    data = load(described(tmp_path, VERSION_2))

    assert data.layout == "nnunet"
    assert [s.name for s in data.samples] == ["case1", "case2"]
    assert data.samples[0].image.array[:, 0, 0].tolist() == [1, 2]
    assert data.samples[0].image.channel_names == ("T1", "T2")
    assert (data.labelling.values, data.labelling.ignore_label) == ((0, 1, 2), 3)
    assert data.labelling.class_names == ("background", "edema", "tumour")
    assert data.samples[0].valid is not None
    assert np.array_equal(data.samples[0].valid, LABELS != 3)
    assert load(tmp_path, channels=("T2",)).samples[0].image.array[0, 0, 0] == 2


def test_version_1_is_read(tmp_path: Path) -> None:
    case(tmp_path, "a", channels=1)
    content = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "a", "2": "b", "3": "c"}}
    data = load(described(tmp_path, content))
    assert data.samples[0].image.channel_names == ("MRI",)
    assert data.labelling.class_names == ("background", "a", "b", "c")


def test_without_names_and_with_regions_the_values_count(tmp_path: Path) -> None:
    case(tmp_path, "a", channels=1)
    data = load(tmp_path)
    assert "there is no dataset.json: channels and classes have no names" in data.notes
    assert data.labelling.values == (0, 1, 2, 3)
    regions = load(described(tmp_path, {"labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3]}}))
    assert regions.labelling.values == (0, 1, 2, 3)
    assert "dataset.json joins label values to regions (whole, core)" in " ".join(regions.notes)


@pytest.mark.parametrize("content", [[], {}, {"labels": {"a": "b"}}, {"labels": 3}])
def test_a_damaged_dataset_json_is_named(tmp_path: Path, content: Any) -> None:
    case(tmp_path, "a")
    with pytest.raises(FormatError, match=r"cannot read .*dataset\.json: .* Expected the dataset.json of nnU-Net"):
        find_pairs(described(tmp_path, content))


def test_cases_that_do_not_fit_are_named(tmp_path: Path) -> None:
    case(tmp_path, "a", channels=2)
    case(tmp_path, "b", channels=1)
    with pytest.raises(DataError, match=r"b has the channels 0000, a has 0000, 0001. Expected the same channels"):
        find_pairs(tmp_path)


def test_channels_of_different_size_are_named(tmp_path: Path) -> None:
    case(tmp_path, "a", channels=2)
    write_image(tmp_path / "imagesTr" / "a_0001.tif", Image(np.zeros((1, 7, 9), np.uint8)), overwrite=True)
    with pytest.raises(DataError, match=r"a_0001\.tif has size \(7, 9\), a_0000\.tif has \(8, 9\)"):
        load(tmp_path)


def test_unlabelled_cases_and_empty_folders(tmp_path: Path) -> None:
    case(tmp_path, "a", channels=1)
    write_image(tmp_path / "imagesTr" / "b_0000.tif", Image(np.zeros((1, 8, 9), np.uint8)))
    with pytest.raises(DataError, match=r"1 image\(s\) without labels: b_0000\.tif.*--allow-unlabelled"):
        find_pairs(tmp_path)
    assert len(find_pairs(tmp_path, Reading(allow_unlabelled=True)).pairs) == 1
    write_image(tmp_path / "imagesTr" / "a_0000.png", Image(np.zeros((1, 8, 9), np.uint8)))
    with pytest.raises(DataError, match="are the same channel of a"):
        find_pairs(tmp_path)
    empty = tmp_path / "empty"
    for name in ("imagesTr", "labelsTr"):
        (empty / name).mkdir(parents=True)
    with pytest.raises(DataError, match="imagesTr holds no image that can be read"):
        find_pairs(empty)
