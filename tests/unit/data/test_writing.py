import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from overtile.core.atomic import atomic_file
from overtile.core.errors import DataError, FormatError, OutputExistsError, OvertileError
from overtile.core.image import Image
from overtile.data import read_image, read_labels, write_image, write_labels


@pytest.mark.parametrize(("top", "dtype"), [(1, "uint8"), (255, "uint8"), (256, "uint16"), (70000, "uint32")])
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.npy"])
def test_labels_come_back_in_the_smallest_type(tmp_path: Path, top: int, dtype: str, name: str) -> None:
    labels = np.array([[0, 1, top]], np.int64)

    write_labels(tmp_path / name, labels)

    back = read_labels(tmp_path / name)
    assert back.tolist() == labels.tolist()
    assert back.dtype == dtype


def test_negative_labels_stay_signed(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.array([[-1, 200]]))
    back = read_labels(tmp_path / "a.tif")
    assert (back.tolist(), back.dtype) == ([[-1, 200]], np.int16)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_pixel_size_is_kept(tmp_path: Path, name: str) -> None:
    write_labels(tmp_path / name, np.zeros((5, 7), int), pixel_size_um=(0.5, 0.25))
    assert read_image(tmp_path / name).pixel_size_um == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_probabilities_come_back(tmp_path: Path, dtype: Any, channels: int) -> None:
    array = np.random.default_rng(0).random((channels, 9, 11)).astype(dtype)

    write_image(tmp_path / "p.tif", Image(array, (0.1, 0.1)))

    back = read_image(tmp_path / "p.tif")
    assert np.array_equal(back.array, array)
    assert back.array.dtype == dtype
    assert back.pixel_size_um == pytest.approx((0.1, 0.1))


def test_stack_of_labels_comes_back(tmp_path: Path) -> None:
    stack = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    write_labels(tmp_path / "a.tif", stack)
    assert np.array_equal(read_labels(tmp_path / "a.tif"), stack)


def test_labels_are_compressed(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.zeros((512, 512), np.uint8))
    assert (tmp_path / "a.tif").stat().st_size < 10_000
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_nothing_is_overwritten_unless_allowed(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.array([[1]]))

    with pytest.raises(OutputExistsError, match=r"a\.tif exists already"):
        write_labels(tmp_path / "a.tif", np.array([[2]]))
    assert read_labels(tmp_path / "a.tif").tolist() == [[1]]

    write_labels(tmp_path / "a.tif", np.array([[2]]), overwrite=True)
    assert read_labels(tmp_path / "a.tif").tolist() == [[2]]


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    def fill() -> None:
        with atomic_file(tmp_path / "a.tif") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OvertileError, match=r"no space left to write .*a\.tif"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with atomic_file(tmp_path / "a", overwrite=True) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OvertileError, match=r"cannot write .*Choose an output folder"):
        write_labels(tmp_path / "file" / "a.tif", np.array([[1]]))


def test_unwritable_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot write .*a\.jpg: expected a name ending in \.tif"):
        write_labels(tmp_path / "a.jpg", np.array([[1]]))
    with pytest.raises(DataError, match=r"PNG holds one plane of uint8 or uint16, got uint32"):
        write_labels(tmp_path / "a.png", np.array([[70000]]))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FormatError, match=r"OME-TIFF cannot hold float16: .*Choose a name in"):
        write_image(tmp_path / "a.ome.tif", Image(np.zeros((1, 4, 4), np.float16)))
    assert list(tmp_path.iterdir()) == []
