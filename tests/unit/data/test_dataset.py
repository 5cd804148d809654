from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data import from_arrays, load, write_image, write_labels


def save(root: Path, name: str, image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    write_image(root / "images" / f"{name}.tif", Image(image if image.ndim == 3 else image[np.newaxis]))
    write_labels(root / "labels" / f"{name}.tif", labels)


def plane(rows: int, columns: int) -> NDArray[np.uint8]:
    return np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)


def test_images_and_classes_are_loaded(tmp_path: Path) -> None:
    labels = (plane(20, 30) > 100).astype(np.uint8) * 255
    save(tmp_path, "a", plane(20, 30), labels)
    write_labels(tmp_path / "fov" / "a.tif", (plane(20, 30) < 250).astype(np.uint8))

    data = load(tmp_path)

    sample = data.samples[0]
    assert (sample.name, sample.group, data.channels, data.layout) == ("a", "a", 1, "images-labels")
    assert sample.labels.dtype == np.int32
    assert np.array_equal(sample.labels, labels // 255)
    assert sample.valid is not None
    assert np.array_equal(sample.valid, plane(20, 30) < 250)
    assert sample.source == tmp_path / "images" / "a.tif"


def test_ignored_labels_are_invalid_and_zero(tmp_path: Path) -> None:
    labels = np.zeros((20, 30), np.uint8)
    labels[:5] = 1
    labels[5:8] = 99
    save(tmp_path, "a", plane(20, 30), labels)

    sample = load(tmp_path, ignore_label=99).samples[0]

    assert sample.valid is not None
    assert sample.valid.sum() == 17 * 30
    assert sample.labels.sum() == 5 * 30


def test_a_stack_gives_one_sample_per_plane(tmp_path: Path) -> None:
    stack = np.zeros((3, 20, 30), np.uint8)
    stack[1:, :10] = 1
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "s.tif", stack * 7, photometric="minisblack", metadata=None)
    write_labels(tmp_path / "labels" / "s.tif", stack)

    samples = load(tmp_path).samples

    assert [(s.name, s.group, s.image.array.shape) for s in samples] == [
        (f"s_z00{z}", "s", (1, 20, 30)) for z in range(3)
    ]
    assert [int(s.labels.sum()) for s in samples] == [0, 300, 300]


def test_sizes_that_differ_are_printed(tmp_path: Path) -> None:
    save(tmp_path, "a", plane(20, 30), plane(20, 31))
    with pytest.raises(
        DataError, match=r"a\.tif: the image has size \(20, 30\), its labels \(20, 31\).*without resizing"
    ):
        load(tmp_path)


def test_transposed_labels_are_named(tmp_path: Path) -> None:
    save(tmp_path, "a", plane(20, 30), plane(30, 20))
    with pytest.raises(DataError, match=r"\(20, 30\), its labels \(30, 20\).*look transposed"):
        load(tmp_path)


def test_a_valid_mask_must_fit(tmp_path: Path) -> None:
    save(tmp_path, "a", plane(20, 30), plane(20, 30) // 200)
    write_labels(tmp_path / "fov" / "a.tif", plane(20, 29))
    with pytest.raises(DataError, match=r"size \(20, 30\), its mask of valid pixels \(20, 29\)"):
        load(tmp_path)


def test_channels_must_agree(tmp_path: Path) -> None:
    save(tmp_path, "a", plane(20, 30), plane(20, 30) // 200)
    save(tmp_path, "b", np.stack([plane(20, 30)] * 2), plane(20, 30) // 200)
    with pytest.raises(
        DataError, match=r"1 channel\(s\): 1 image\(s\), such as a; 2 channel\(s\): 1 image\(s\), such as b"
    ):
        load(tmp_path)


def test_unknown_values_name_their_file(tmp_path: Path) -> None:
    save(tmp_path, "a", plane(20, 30), plane(20, 30) // 200)
    labelling = load(tmp_path).labelling
    save(tmp_path, "b", plane(20, 30), plane(20, 30) // 100)
    with pytest.raises(DataError, match=r"b\.tif: labels hold 2, none of the known values 0, 1"):
        load(tmp_path, labelling=labelling)


def test_arrays_are_taken_as_they_are() -> None:
    labels = (plane(20, 30) > 100).astype(np.uint8)
    valid = np.ones((20, 30), bool)

    data = from_arrays([plane(20, 30), plane(20, 30)[np.newaxis]], [labels, labels], valid=[None, valid])

    assert [s.image.array.shape for s in data.samples] == [(1, 20, 30)] * 2
    assert [s.valid is None for s in data.samples] == [True, False]
    with pytest.raises(DataError, match="got 1 images, 0 labels"):
        from_arrays([plane(20, 30)], [])
    with pytest.raises(DataError, match=r"000: the image has size \(20, 30\), its labels \(20, 29\)"):
        from_arrays([plane(20, 30)], [labels[:, 1:]])
    with pytest.raises(DataError, match=r"image 000 has \d+ NaN or infinite"):
        from_arrays([np.where(plane(20, 30) == 3, np.nan, 0.0)[:9]], [labels[:9]])
