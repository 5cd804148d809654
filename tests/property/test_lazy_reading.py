"""Laws of reading by region: a part of an open image equals the part of the whole one, whatever its file is like."""

import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import tifffile
import zarr
from hypothesis import given, settings

from overtile.core import read_mirrored
from overtile.data import read_image
from overtile.data.lazy import open_image
from overtile.data.lazy_axes import covering

few = settings(deadline=None, max_examples=40)
sides = st.integers(1, 40)
tile_sides = st.sampled_from([None, (16, 16), (16, 48), (32, 16)])


def samples(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def assert_parts_equal(path: Path, data: st.DataObject, cache_bytes: int) -> None:
    whole = read_image(path).array
    with open_image(path, cache_bytes=cache_bytes) as image:
        assert image.array.shape == whole.shape
        for _ in range(3):
            ends = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in whole.shape]
            region = tuple(slice(a, b) for a, b in ends)
            assert np.array_equal(image.array[region], whole[region])
        window = tuple(slice(a := data.draw(st.integers(-50, 50)), a + data.draw(st.integers(1, 60))) for _ in range(2))
        assert np.array_equal(read_mirrored(image.array, window), read_mirrored(whole, window))


@few
@given(st.data(), st.lists(st.integers(1, 4), max_size=3), sides, st.integers(2, 40), tile_sides, st.integers(0, 4000))
def test_tiff(
    data: st.DataObject, lead: list[int], height: int, width: int, tile: tuple[int, int] | None, cache_bytes: int
) -> None:
    compression = data.draw(st.sampled_from([None, "zlib", "lzw", "zstd"]))
    axes = "".join(data.draw(st.permutations("TZC"))[: len(lead)]) + "YX"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.ome.tif" if data.draw(st.booleans()) else "a.tif")
        tifffile.imwrite(
            path, samples((*lead, height, width), data.draw(st.sampled_from(["uint8", "uint16", "float32"]))), tile=tile,
            compression=compression, photometric="minisblack", planarconfig=None, metadata={"axes": axes},
            rowsperstrip=data.draw(st.sampled_from([None, 1, 7])) if tile is None else None,
            byteorder=data.draw(st.sampled_from("<>")),
        )  # fmt: skip
        assert_parts_equal(path, data, cache_bytes)


@settings(few, max_examples=20)
@given(st.data(), st.lists(st.integers(1, 3), max_size=3), sides, sides, st.integers(0, 4000))
def test_zarr(data: st.DataObject, lead: list[int], height: int, width: int, cache_bytes: int) -> None:
    shape = (*lead, height, width)
    names = [*data.draw(st.permutations("tzc"))[: len(lead)], "y", "x"]
    order = data.draw(st.permutations(range(len(shape))))
    with tempfile.TemporaryDirectory() as folder:
        array = zarr.create_array(
            Path(folder, "a.zarr"), shape=[shape[i] for i in order], dtype="uint16",
            chunks=[data.draw(st.integers(min(n, 6), 20)) for n in shape], dimension_names=[names[i] for i in order],
        )  # fmt: skip
        array[...] = samples(shape, np.uint16).transpose(order)
        assert_parts_equal(Path(folder, "a.zarr"), data, cache_bytes)


@few
@given(st.data(), st.lists(st.integers(2, 5), min_size=1, max_size=2), sides, sides)
def test_npy(data: st.DataObject, lead: list[int], height: int, width: int) -> None:
    array = samples((*lead[:1], height, width), data.draw(st.sampled_from(["uint8", ">i2", "bool", "float64"])))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "a.npy"), np.asfortranarray(array) if data.draw(st.booleans()) else array)
        assert_parts_equal(Path(folder, "a.npy"), data, 0)


@given(st.lists(st.integers(1, 5), max_size=4), st.data())
def test_a_covering_box_holds_its_part_in_order(sizes: list[int], data: st.DataObject) -> None:
    array = np.arange(int(np.prod(sizes, dtype=int))).reshape(sizes)
    start = data.draw(st.integers(0, array.size - 1))
    stop = data.draw(st.integers(start + 1, array.size))

    box, offset = covering(sizes, slice(start, stop))

    assert array[box].ravel()[offset : offset + stop - start].tolist() == list(range(start, stop))
