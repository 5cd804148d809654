import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtile.core.errors import DataError, FormatError, OptionError, ShapeError
from overtile.core.image import Image
from overtile.data import find_images, read_image, read_labels, write_image, write_labels
from overtile.data.lazy import open_image

nibabel = pytest.importorskip("nibabel")

VOLUME = np.random.default_rng(0).integers(0, 99, (7, 6, 5)).astype(np.int16)  # x, y, z
AFFINE = np.array([[0.0, -0.7, 0, 9], [0.5, 0, 0, 8], [0, 0, 2, 7], [0, 0, 0, 1]])  # x and y are swapped in space


def save(path: Path, volume: np.ndarray, *, unit: str | None = "mm", slope: float | None = None) -> Path:
    image = nibabel.Nifti1Image(volume, AFFINE)
    if slope is not None:
        image.header.set_slope_inter(slope, 3.0)
    if unit is not None:
        image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII"])
def test_volumes_become_stacks(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, VOLUME)

    whole = read_image(path)

    assert np.array_equal(whole.array, VOLUME.T[np.newaxis])
    assert whole.pixel_size_um == (2000.0, 700.0, 500.0)
    assert np.array_equal(read_labels(path), VOLUME.T)
    with open_image(path) as image:
        assert image.lazy == (name != "a.nii.gz")
        assert image.block == ((1, 1, 7) if image.lazy else (5, 6, 7))
        assert np.array_equal(image.array[:, 1:3, 2:5, 3:7], whole.array[:, 1:3, 2:5, 3:7])
        assert image.pixel_size_um == whole.pixel_size_um


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((7, 6), (1, 6, 7)), ((7, 6, 1), (1, 6, 7)), ((9, 8, 5, 4), (4, 5, 8, 9)), ((9, 8, 5, 30), (1, 150, 8, 9))],
)
def test_further_axes_are_channels_where_they_are_few(
    tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    volume = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = save(tmp_path / "a.nii", volume)

    whole = read_image(path)

    assert whole.array.shape == expected
    with open_image(path) as image:
        assert np.array_equal(np.asarray(image.array), whole.array)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_samples_are_scaled_as_the_header_says(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, np.array([[[2, 8]]], np.int16), slope=0.5)  # and 3 is added
    assert read_image(path).array.ravel() == pytest.approx([4.0, 7.0])
    with open_image(path) as image:
        assert image.array[0, 0:2, 0:1, 0:1].ravel() == pytest.approx([4.0, 7.0])
        assert image.array.dtype == read_image(path).array.dtype


@pytest.mark.parametrize(("unit", "um"), [("micron", 0.5), ("meter", 0.5e6), (None, 500.0)])
def test_units(tmp_path: Path, unit: str | None, um: float) -> None:
    size = read_image(save(tmp_path / "a.nii", VOLUME, unit=unit)).pixel_size_um
    assert size is not None
    assert size[-1] == pytest.approx(um)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
@pytest.mark.parametrize("shape", [(6, 7), (5, 6, 7)])
def test_written_labels_come_back(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    labels = np.arange(np.prod(shape)).reshape(shape)
    size = (3.0, 2.0, 1.5)[-len(shape) :]

    write_labels(tmp_path / name, labels, pixel_size_um=size)

    assert np.array_equal(read_labels(tmp_path / name), labels)
    assert read_labels(tmp_path / name).dtype == np.uint8
    assert read_image(tmp_path / name).pixel_size_um == size
    first = (tmp_path / name).read_bytes()
    write_labels(tmp_path / name, labels, pixel_size_um=size, overwrite=True)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("dtype", [np.float16, np.bool_, np.int64, np.uint16])
def test_written_images_come_back(tmp_path: Path, dtype: Any) -> None:
    array = np.random.default_rng(0).integers(0, 2, (2, 5, 6, 7)).astype(dtype)
    write_image(tmp_path / "a.nii.gz", Image(array))
    assert np.array_equal(read_image(tmp_path / "a.nii.gz").array, array)


def test_labels_lie_in_space_where_their_image_does(tmp_path: Path) -> None:
    source = save(tmp_path / "image.nii.gz", VOLUME)

    write_labels(tmp_path / "labels.nii.gz", VOLUME.T, like=source)

    written = nibabel.load(tmp_path / "labels.nii.gz")
    assert np.allclose(written.affine, AFFINE)
    assert written.header.get_xyzt_units()[0] == "mm"
    with pytest.raises(ShapeError, match=r"image\.nii\.gz has \(7, 6, 5\) voxels \(x, y, z\), expected \(7, 6, 4\)"):
        write_labels(tmp_path / "other.nii.gz", VOLUME.T[:4], like=source)
    write_labels(tmp_path / "png.nii.gz", VOLUME.T, like=tmp_path / "image.png")  # another format says nothing


def test_damaged_files_are_named(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz"):
        data = save(tmp_path / name, np.repeat(VOLUME, 20, axis=2)).read_bytes()
        for kept in (0, 100, len(data) // 2):
            (tmp_path / name).write_bytes(data[:kept])
            with pytest.raises(FormatError, match=name.replace(".", r"\.")):
                read_image(tmp_path / name)
    colours = np.zeros((4, 4, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), tmp_path / "rgb.nii")
    with pytest.raises(DataError, match="expected real numbers"):
        read_image(tmp_path / "rgb.nii")


def test_they_are_found_and_named_without_their_suffixes(tmp_path: Path) -> None:
    save(tmp_path / "b.nii.gz", VOLUME)
    save(tmp_path / "a.nii", VOLUME)
    (tmp_path / "table.csv.gz").write_bytes(b"")
    assert [path.name for path in find_images(tmp_path)] == ["a.nii", "b.nii.gz"]


def test_without_nibabel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.nii", VOLUME)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    for read in (read_image, open_image, read_labels):
        with pytest.raises(OptionError, match=r"pip install 'overtile\[nifti\]'"):
            read(path)
    with pytest.raises(OptionError, match=r"NIfTI files need nibabel"):
        write_labels(tmp_path / "b.nii", VOLUME.T)
    assert not (tmp_path / "b.nii").exists()
