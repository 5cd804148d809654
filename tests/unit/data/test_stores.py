"""Results larger than memory: OME-Zarr that appears when it is complete, and TIFF that is streamed."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr_models.v04.image as v04
import pydantic_zarr.v2
import pytest
import tifffile
import zarr
from ome_zarr_models import v05

from overtile.core.errors import FormatError, OutputExistsError, OvertileError, ShapeError, UnknownNameError
from overtile.core.image import Image
from overtile.data import read_image, read_labels, write_image, write_labels
from overtile.data.lazy import open_image
from overtile.data.pyramid import mean, nearest
from overtile.data.stores import create_store, finish_store, open_store, partial_path, stream_tiff

LABELS = np.random.default_rng(0).integers(0, 70_000, (1100, 1301)).astype(np.uint32)
MAPS = np.random.default_rng(0).random((3, 1030, 515)).astype(np.float16)

# With some versions of pydantic this model of Zarr 2 is left half-defined.
v04.Image.model_rebuild(_types_namespace={**vars(pydantic_zarr.v2), **vars(v04)})


def filled(path: Path, array: np.ndarray, axes: str, **options: Any) -> Path:
    chunks = (*(1 for _ in array.shape[:-2]), 256, 256)
    create_store(path, array.shape, array.dtype, axes=axes, chunks=chunks, **options)[...] = array
    return path


def children(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_store_bears_its_name_when_it_is_finished(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.ome.zarr", LABELS, "yx", pixel_size_um=(0.5, 0.25))
    assert children(tmp_path) == [".a.ome.zarr.partial"]

    finish_store(path)

    assert children(tmp_path) == ["a.ome.zarr"]
    assert np.array_equal(read_labels(path), LABELS)
    assert read_image(path).pixel_size_um == (0.5, 0.25)


def test_an_interrupted_job_finds_its_store_again(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", (8, 8), np.uint8, axes="yx", chunks=(4, 4))[:4] = 1

    again = open_store(tmp_path / "a.zarr")
    assert again[...].sum() == 32
    again[4:] = 2
    finish_store(tmp_path / "a.zarr", tmp_path / "deep" / "b.zarr")

    assert read_labels(tmp_path / "deep" / "b.zarr").sum() == 96
    with pytest.raises(
        FormatError, match=r"there is no unfinished image .*\.a\.zarr\.partial: begin one with create_store"
    ):
        open_store(tmp_path / "a.zarr")


def test_finishing_twice_after_an_interruption_gives_the_same(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.zarr", LABELS, "yx")
    finish_store(path)
    path.rename(partial_path(path))  # as if it had been interrupted just before the end
    finish_store(path)
    group = zarr.open_group(path, mode="r")
    assert sorted(group.array_keys()) == ["0", "1"]
    assert len(group.attrs["ome"]["multiscales"][0]["datasets"]) == 2


def test_beginning_anew_discards_what_is_unfinished(tmp_path: Path) -> None:
    filled(tmp_path / "a.zarr", LABELS, "yx")
    store = create_store(tmp_path / "a.zarr", (5, 5), np.uint8, axes="yx", chunks=(5, 5))
    assert store.shape == (5, 5)
    assert store[...].sum() == 0


def test_coarser_versions(tmp_path: Path) -> None:
    labels = zarr.open_group(_finished(filled(tmp_path / "a.zarr", LABELS, "yx")), mode="r")
    maps = zarr.open_group(_finished(filled(tmp_path / "b.zarr", MAPS, "cyx")), mode="r")

    assert np.array_equal(labels["1"][...], LABELS[::2, ::2])
    assert np.array_equal(maps["1"][...], mean(MAPS))
    assert maps["1"].shape == (3, 515, 258)


def _finished(path: Path, **options: Any) -> Path:
    finish_store(path, **options)
    return path


def test_means_of_integers_are_rounded_and_edges_mean_what_there_is() -> None:
    part = np.array([[0, 1, 7], [1, 1, 8], [5, 6, 200]], np.uint8)
    assert mean(part).tolist() == [[1, 8], [6, 200]]
    assert mean(part).dtype == np.uint8
    assert mean(np.array([[65535, 65535]], np.uint16)).tolist() == [[65535]]
    assert nearest(part).tolist() == [[0, 7], [5, 200]]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("array", "axes", "size", "names"),
    [
        (LABELS, "yx", (0.5, 0.25), None),
        (MAPS, "CYX", (0.5, 0.25), ("a", "b", "c")),
        (np.zeros((2, 4, 9, 8), np.uint8), "czyx", (float("nan"), 0.5, 0.25), ("a", "b")),
        (np.zeros((4, 9, 8), np.int16), "zyx", None, None),
    ],
)
def test_metadata_are_valid_and_come_back(
    tmp_path: Path, version: str, array: np.ndarray, axes: str, size: Any, names: Any
) -> None:
    path = filled(tmp_path / "a.ome.zarr", array, axes, pixel_size_um=size, channel_names=names, version=version)
    finish_store(path)

    group = zarr.open_group(path, mode="r")
    (v04.Image if version == "0.4" else v05.Image).from_zarr(group)
    if version == "0.5" and names is None:
        v05.ImageLabel.from_zarr(group)
    about = group.attrs.asdict() if version == "0.4" else group.attrs["ome"]
    assert about["multiscales"][0]["name"] == "a"
    assert ("image-label" in about) == (names is None)
    with open_image(path) as image:
        assert str(image.pixel_size_um) == str(size)
        assert image.channel_names == names
        assert np.array_equal(np.asarray(image.array).reshape(array.shape), array)


def test_a_mean_lies_between_its_pixels_and_a_label_where_it_was(tmp_path: Path) -> None:
    def steps(path: Path) -> list[dict[str, Any]]:
        datasets = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"][0]["datasets"]
        return datasets[1]["coordinateTransformations"]

    labels = _finished(filled(tmp_path / "a.zarr", LABELS, "yx", pixel_size_um=(0.5, 0.25)))
    maps = _finished(filled(tmp_path / "b.zarr", MAPS, "cyx", pixel_size_um=(0.5, 0.25)))

    assert steps(labels) == [{"type": "scale", "scale": [1.0, 0.5]}]
    assert steps(maps)[0] == {"type": "scale", "scale": [1.0, 1.0, 0.5]}
    assert steps(maps)[1] == {"type": "translation", "translation": [0.0, 0.25, 0.125]}


def test_threads_write_into_chunks_of_their_own(tmp_path: Path) -> None:
    store = create_store(tmp_path / "a.zarr", (256, 256), np.uint16, axes="yx", chunks=(32, 32))
    corners = [(y, x) for y in range(0, 256, 32) for x in range(0, 256, 32)]

    def write(corner: tuple[int, int]) -> None:
        y, x = corner
        store[y : y + 32, x : x + 32] = 1 + y + x

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, corners))

    assert all(store[y, x] == store[y + 31, x + 31] == 1 + y + x for y, x in corners)


def test_chunks_that_stay_zero_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    store = create_store(path, (70_000, 70_000), np.uint32, axes="yx", chunks=(1024, 1024))
    store[69_990:69_992, 1:3] = 5
    assert store[69_991, 2] == 5
    assert len([p for p in partial_path(path).rglob("*") if p.is_file() and p.name != "zarr.json"]) == 1


def test_impossible_stores_are_refused(tmp_path: Path) -> None:
    for axes in ("xy", "yxc", "cyx", "byx", "yyx"):
        with pytest.raises(ShapeError, match=rf"expected one of the axes TCZYX.*\(8, 8\), got '{axes}'"):
            create_store(tmp_path / "a.zarr", (8, 8), np.uint8, axes=axes, chunks=(4, 4))
    with pytest.raises(UnknownNameError, match=r"unknown version of OME-Zarr '0\.6'.*Known: 0\.4, 0\.5"):
        create_store(tmp_path / "a.zarr", (8, 8), np.uint8, axes="yx", chunks=(4, 4), version="0.6")
    assert children(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OvertileError, match=r"cannot write .*a\.zarr"):
        create_store(tmp_path / "file" / "a.zarr", (8, 8), np.uint8, axes="yx", chunks=(4, 4))

    path = filled(tmp_path / "a.zarr", LABELS, "yx")
    with pytest.raises(UnknownNameError, match=r"unknown way to downsample 'mode'.*Known: nearest, mean"):
        finish_store(path, downsample="mode")
    path.mkdir()
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists already"):
        finish_store(path)
    finish_store(path, overwrite=True)
    assert np.array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.zarr"])
def test_small_results_can_be_stores_too(tmp_path: Path, name: str) -> None:
    write_labels(tmp_path / name, LABELS[:40, :50], pixel_size_um=(0.5, 0.25))
    assert np.array_equal(read_labels(tmp_path / name), LABELS[:40, :50])
    with pytest.raises(OutputExistsError, match="exists already"):
        write_labels(tmp_path / name, LABELS[:40, :50])

    image = Image(MAPS, (0.5, 0.25), ("a", "b", "c"))
    write_image(tmp_path / name, image, overwrite=True)
    back = read_image(tmp_path / name)
    assert np.array_equal(back.array, MAPS)
    assert (back.pixel_size_um, back.channel_names) == (image.pixel_size_um, image.channel_names)
    assert children(tmp_path) == [name]


def test_a_small_result_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("overtile.data.stores.fill_level", fail)
    with pytest.raises(OvertileError, match=r"no space left to write .*a\.zarr"):
        write_labels(tmp_path / "a.zarr", LABELS)
    assert children(tmp_path) == []


class Rows:
    """An array that notes the largest part that is asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        part = self.array[region]
        self.largest = max(self.largest, part.size)
        return part


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (LABELS, "YX"),
        (MAPS, "CYX"),
        ((MAPS * 255).astype(np.uint8), "cyx"),
        (np.stack([LABELS, LABELS[::-1]]), "ZYX"),
        (LABELS[:7, :9], "YX"),
        (LABELS.astype(np.int64), "YX"),
        (LABELS[:9, :513], "YX"),
        (MAPS[:, :9, :1], "CYX"),
        (np.stack([LABELS[:9, :1], LABELS[9:18, :1]]), "ZYX"),
    ],
)
def test_a_streamed_tiff_holds_the_image_and_its_coarser_versions(tmp_path: Path, array: np.ndarray, axes: str) -> None:
    rows = Rows(array)

    stream_tiff(tmp_path / "a.tif", rows, axes=axes, pixel_size_um=(0.5, 0.25))

    assert children(tmp_path) == ["a.tif"]
    assert rows.largest <= 512 * array.shape[-1]
    whole = read_image(tmp_path / "a.tif")
    assert np.array_equal(whole.array.reshape(array.shape), array)
    assert whole.pixel_size_um is not None
    assert whole.pixel_size_um[-2:] == (0.5, 0.25)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_ome == (array.dtype not in (np.float16, np.int64))
        levels = tiff.series[0].levels
        assert [level.axes for level in levels] == [axes.upper()] * len(levels)
        assert len(levels) == (1 if max(array.shape[-2:]) <= 1024 else 2)
        if len(levels) == 2:
            halve = nearest if array.dtype.kind in "iu" and "C" not in axes.upper() else mean
            assert np.array_equal(levels[1].asarray(), halve(array))
            assert levels[1].keyframe.tags["XResolution"].value == (20_000, 1)
        if array.shape[-1] > 1:
            assert levels[0].keyframe.tile == (512, 512)
        assert levels[0].keyframe.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_a_stack_without_known_distance_has_the_size_of_its_pixels(tmp_path: Path) -> None:
    stream_tiff(tmp_path / "a.tif", np.zeros((3, 9, 8), np.uint8), axes="ZYX", pixel_size_um=(float("nan"), 0.5, 0.25))
    assert str(read_image(tmp_path / "a.tif").pixel_size_um) == "(nan, 0.5, 0.25)"


def test_a_large_tiff_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtile.data.tiff_stream.BIGTIFF_BYTES", 1000)
    stream_tiff(tmp_path / "a.tif", LABELS, axes="YX")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff
    assert np.array_equal(read_labels(tmp_path / "a.tif"), LABELS)


def test_a_store_is_streamed_into_a_tiff(tmp_path: Path) -> None:
    store = open_store(filled(tmp_path / "a.zarr", LABELS, "yx"))
    stream_tiff(tmp_path / "a.tif", store, axes="yx")
    assert np.array_equal(read_labels(tmp_path / "a.tif"), LABELS)


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Broken(Rows):
        def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
            if region[0].start > 500:
                raise OSError("the disk is gone")
            return super().__getitem__(region)

    (tmp_path / "a.tif").write_bytes(b"old")
    with pytest.raises(OutputExistsError, match=r"a\.tif exists already"):
        stream_tiff(tmp_path / "a.tif", LABELS, axes="YX")
    with pytest.raises(OvertileError, match=r"cannot write .*a\.tif: the disk is gone"):
        stream_tiff(tmp_path / "a.tif", Broken(LABELS), axes="YX", overwrite=True)
    with pytest.raises(ShapeError, match=r"got 'CYX'"):
        stream_tiff(tmp_path / "b.tif", LABELS, axes="CYX")
    assert children(tmp_path) == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == b"old"
