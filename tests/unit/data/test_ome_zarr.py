"""Zarr stores as other programs write them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from overtile.core.errors import DataError, FormatError
from overtile.data import find_images, read_image, read_labels
from overtile.data.lazy import open_image

IMAGE = np.random.default_rng(0).integers(0, 1000, (2, 3, 20, 30)).astype(np.uint16)  # c, z, y, x


def axis(name: str, kind: str, unit: str | None = None) -> dict[str, str]:
    return {"name": name, "type": kind} | ({"unit": unit} if unit else {})


def scale(*values: float) -> list[dict[str, Any]]:
    return [{"type": "scale", "scale": list(values)}]


def store(path: Path, array: np.ndarray, about: dict[str, Any], zarr_format: Any = 2, **options: Any) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.attrs.update(about)
    chunks = tuple(min(n, 8) for n in array.shape)
    group.create_array("0", shape=array.shape, dtype=array.dtype, chunks=chunks, **options)[...] = array
    half = array[..., ::2, ::2]
    group.create_array("1", shape=half.shape, dtype=array.dtype, chunks=chunks)[...] = half
    return path


def levels(version: str, axes: Any, first: Any = None, **others: Any) -> dict[str, Any]:
    datasets = [{"path": "0"} | ({"coordinateTransformations": first} if first else {}), {"path": "1"}]
    about = {"version": version, "datasets": datasets, **others}
    return {"multiscales": [about | ({"axes": axes} if axes else {})]}


SPACE = [axis("z", "space", "micrometer"), axis("y", "space", "nanometer"), axis("x", "space", "nanometer")]

STORES = {
    "0.1": lambda p: store(p, IMAGE[np.newaxis], levels("0.1", None)),
    "0.3": lambda p: store(p, IMAGE, levels("0.3", ["c", "z", "y", "x"])),
    "0.4": lambda p: store(
        p, IMAGE, levels("0.4", [axis("c", "channel"), *SPACE], scale(1.0, 2.0, 250.0, 500.0)) | {
            "omero": {"channels": [{"label": "dapi"}, {"label": "gfp"}]}
        }, chunk_key_encoding={"name": "v2", "separator": "/"},
    ),
    "0.5": lambda p: store(
        p, IMAGE, {"ome": levels("0.5", [axis("c", "channel"), *SPACE], scale(1.0, 1.0, 125.0, 250.0),
                                 coordinateTransformations=scale(1.0, 2.0, 2.0, 2.0))}, zarr_format=3,
    ),
    "big-endian and sharded": lambda p: store(
        p, IMAGE.astype(">u2"), {"ome": levels("0.5", [axis("c", "channel"), *SPACE])}, zarr_format=3, shards=(2, 3, 16, 16)
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", STORES)
def test_every_version_is_read_at_full_resolution(tmp_path: Path, version: str) -> None:
    path = STORES[version](tmp_path / "a.ome.zarr")

    whole = read_image(path)

    assert np.array_equal(whole.array, IMAGE)
    assert whole.array.dtype == np.uint16
    with open_image(path, cache_bytes=500) as image:
        assert image.lazy
        assert image.block[1:] == (8, 8)
        assert np.array_equal(image.array[1:2, 1:3, 5:19, 7:30], IMAGE[1:2, 1:3, 5:19, 7:30])
        assert (image.pixel_size_um, image.channel_names) == (whole.pixel_size_um, whole.channel_names)
    if version in ("0.4", "0.5"):
        assert whole.pixel_size_um == pytest.approx((2.0, 0.25, 0.5))
    assert whole.channel_names == (("dapi", "gfp") if version == "0.4" else None)


def test_threads_read_at_once(tmp_path: Path) -> None:
    corners = np.random.default_rng(2).integers(0, 12, (60, 2)).tolist()
    with open_image(STORES["0.5"](tmp_path / "a.zarr"), cache_bytes=2000) as image, ThreadPoolExecutor(6) as pool:

        def right(corner: list[int]) -> bool:
            y, x = corner
            return np.array_equal(image.array[:, :, y : y + 8, x : x + 8], IMAGE[:, :, y : y + 8, x : x + 8])

        assert all(pool.map(right, corners))


def test_labels_are_read(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", IMAGE[0, 0], levels("0.4", [axis("y", "space"), axis("x", "space")]))
    assert np.array_equal(read_labels(path), IMAGE[0, 0])
    assert read_image(path).pixel_size_um is None  # a scale without unit


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_arrays(tmp_path: Path, zarr_format: Any) -> None:
    plain = zarr.create_array(tmp_path / "a.zarr", shape=(20, 30, 3), dtype="uint8", zarr_format=zarr_format)
    plain[...] = 7
    assert read_image(tmp_path / "a.zarr").array.shape == (3, 20, 30)

    xarray = zarr.create_array(
        tmp_path / "b.zarr", shape=(4, 20, 30), dtype="uint8", zarr_format=zarr_format,
        attributes={"_ARRAY_DIMENSIONS": ["z", "y", "x"]},
    )  # fmt: skip
    xarray[...] = 7
    assert read_image(tmp_path / "b.zarr").array.shape == (1, 4, 20, 30)

    group = zarr.open_group(tmp_path / "c.zarr", mode="w", zarr_format=zarr_format)
    group.create_array("only", shape=(20, 30), dtype="uint8")
    assert read_image(tmp_path / "c.zarr").array.shape == (1, 20, 30)


def test_of_several_images_the_first_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    store(tmp_path / "a.zarr" / "0", IMAGE, levels("0.4", [axis("c", "channel"), *SPACE]))

    with caplog.at_level("INFO", "overtile"):
        assert np.array_equal(read_image(tmp_path / "a.zarr").array, IMAGE)
    assert "holds several images; the first is used" in caplog.text


def test_images_in_folders_are_found(tmp_path: Path) -> None:
    STORES["0.5"](tmp_path / "images" / "a.ome.zarr")
    (tmp_path / "images" / ".b.ome.zarr.partial").mkdir()

    assert [path.name for path in find_images(tmp_path / "images")] == ["a.ome.zarr"]
    assert [path.name for path in find_images(tmp_path / "images" / "a.ome.zarr")] == ["a.ome.zarr"]
    assert [path.name for path in find_images(f"{tmp_path}/images/*.zarr")] == ["a.ome.zarr"]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    zarr.open_group(tmp_path / "plate.zarr", mode="w").attrs["ome"] = {"plate": {}}
    several = zarr.open_group(tmp_path / "several.zarr", mode="w")
    for name in ("b", "a"):
        several.create_array(name, shape=(4, 4), dtype="uint8")
    zarr.create_array(tmp_path / "text.zarr", shape=(4, 4), dtype="complex64")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    store(tmp_path / "gone.zarr", IMAGE, {"multiscales": [{"datasets": [{"path": "s0"}]}]})

    with pytest.raises(FormatError, match=r"empty\.zarr is no Zarr store: expected zarr\.json, \.zgroup or \.zarray"):
        read_image(tmp_path / "empty.zarr")
    with pytest.raises(FormatError, match=r"plate\.zarr is a plate or well of several images\. Name one"):
        read_image(tmp_path / "plate.zarr")
    with pytest.raises(FormatError, match=r"several\.zarr holds 2 arrays \(a, b\) and does not say which is an image"):
        read_image(tmp_path / "several.zarr")
    with pytest.raises(DataError, match="complex64 values"):
        open_image(tmp_path / "text.zarr")
    with pytest.raises(FormatError, match=r"cannot read .*broken\.zarr"):
        read_image(tmp_path / "broken.zarr")
    with pytest.raises(FormatError, match=r"cannot read .*gone\.zarr.*s0"):
        read_image(tmp_path / "gone.zarr")


def test_a_damaged_chunk_is_placed(tmp_path: Path) -> None:
    path = STORES["0.5"](tmp_path / "a.zarr")
    (path / "0" / "c" / "0" / "0" / "1" / "1").write_bytes(b"rubbish")

    with open_image(path) as image:
        assert np.array_equal(image.array[:, :, 0:8], IMAGE[:, :, 0:8])
        with pytest.raises(
            FormatError, match=r"cannot read 0 to 0, 0 to 2, 8 to 9, 8 to 9 \(channel, \[z\], y, x\) of .*a\.zarr"
        ):
            _ = image.array[0, :, 8:10, 8:10]


def test_metadata_that_say_less_than_they_should(tmp_path: Path) -> None:
    about = levels("0.4", [{"name": "c", "type": "channel"}, {"name": "q"}, {"name": "y"}, {"name": "x"}])
    assert read_image(store(tmp_path / "a.zarr", IMAGE, about)).array.shape == IMAGE.shape
    assert json.loads((tmp_path / "a.zarr" / ".zattrs").read_text())["multiscales"][0]["version"] == "0.4"
