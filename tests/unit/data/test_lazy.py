"""Images read region by region: the same axes, samples and errors as when they are read whole."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

from overtile.core.errors import DataError, FormatError, ShapeError
from overtile.data import read_image
from overtile.data.lazy import open_image


def noise(*shape: int, dtype: Any = np.uint16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def tiff(array: np.ndarray, **options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, array, **options)


TILED = {"tile": (16, 32), "compression": "zlib"}
RGB = noise(40, 50, 3, dtype=np.uint8)
COLORMAP = np.tile(np.arange(256, dtype=np.uint16) * 256, (3, 1))


def pyramid(path: Path) -> None:
    array = noise(3, 80, 100)
    with tifffile.TiffWriter(path) as writer:
        writer.write(array, subifds=1, metadata={"axes": "CYX"}, **TILED)
        writer.write(array[:, ::2, ::2], subfiletype=1, **TILED)


def pages_with_gaps(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        for i in range(3):
            writer.write(noise(40, 50) + i, metadata=None, description="x" * 40 * i)


def two_files(path: Path) -> None:
    """An OME-TIFF whose second channel lies in another file."""
    other = path.with_name("second.ome.tif")
    ids = ["urn:uuid:00000000-0000-0000-0000-00000000000" + n for n in "12"]
    data = "".join(
        f'<TiffData IFD="0" FirstC="{c}" PlaneCount="1"><UUID FileName="{file.name}">{ids[c]}</UUID></TiffData>'
        for c, file in enumerate((path, other))
    )
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="50" SizeY="40" SizeC="2" SizeZ="1" SizeT="1">'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1"/><Channel ID="Channel:0:1" SamplesPerPixel="1"/>'
    )
    for c, file in enumerate((path, other)):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{ids[c]}">'
            f'<Image ID="Image:0">{pixels}{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(file, noise(40, 50) + c, description=xml, metadata=None, **TILED)


TIFFS = {
    "tiled.tif": tiff(noise(40, 50), **TILED),
    "strips.tif": tiff(noise(40, 50), compression="lzw", rowsperstrip=7),
    "one_strip.tif": tiff(noise(40, 50), compression="zstd"),
    "raw.tif": tiff(noise(40, 50)),
    "raw_tiles.tif": tiff(noise(40, 50), tile=(16, 16)),
    "big_endian.tif": tiff(noise(40, 50), byteorder=">", bigtiff=True, **TILED),
    "big_endian_raw.tif": tiff(noise(40, 50), byteorder=">"),
    "rgb.tif": tiff(RGB, photometric="rgb", predictor=True, **TILED),
    "rgb_raw.tif": tiff(RGB, photometric="rgb"),
    "rgb_planes.tif": tiff(noise(3, 40, 50, dtype=np.uint8), photometric="rgb", planarconfig="separate", **TILED),
    "rgba.tif": tiff(noise(40, 50, 4, dtype=np.uint8), photometric="rgb", **TILED),
    "jpeg.tif": tiff(RGB, photometric="rgb", tile=(16, 32), compression="jpeg"),
    "jpeg_strips.tif": tiff(RGB, photometric="rgb", rowsperstrip=16, compression="jpeg"),
    "jpeg2000.tif": tiff(RGB, photometric="rgb", tile=(16, 32), compression="jpeg2000"),
    "float.tif": tiff(noise(40, 50, dtype=np.float32), predictor=3, **TILED),
    "bilevel.tif": tiff(noise(40, 50) > 99),
    "palette.tif": tiff(noise(40, 50, dtype=np.uint8), photometric="palette", colormap=COLORMAP, **TILED),
    "stack.tif": tiff(noise(5, 40, 50), **TILED),
    "volume.tif": tiff(noise(6, 40, 50), volumetric=True, tile=(4, 16, 16), compression="zlib"),
    "gaps.tif": pages_with_gaps,
    "pyramid.ome.tif": pyramid,
    "ome.ome.tif": tiff(
        noise(2, 3, 2, 40, 50), metadata={"axes": "TZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}, **TILED
    ),
    "ome_rgb.ome.tif": tiff(noise(2, 3, 40, 50, 3, dtype=np.uint8), photometric="rgb", metadata={"axes": "CZYXS"}, **TILED),
    "named.ome.tif": tiff(noise(2, 40, 50), metadata={"axes": "CYX", "Channel": {"Name": ["a", "b"]}}),
    "files.ome.tif": two_files,
    "imagej.tif": tiff(
        noise(3, 2, 40, 50), imagej=True, resolution=(4.0, 2.0), metadata={"axes": "ZCYX", "unit": "um", "spacing": 0.7}
    ),
    "row.tif": tiff(noise(1, 50)), "column.tif": tiff(noise(40, 1), **TILED), "pixel.tif": tiff(noise(1, 1), **TILED),
    "slide.svs": tiff(RGB, photometric="rgb", description="Aperio Image Library v1\n50x40|MPP = 0.499", metadata=None, **TILED),
}  # fmt: skip

ARRAYS = {
    "plane.npy": noise(40, 50), "fortran.npy": noise(40, 50, 3).T, "rgba.npy": noise(40, 50, 4), "stack.npy": noise(9, 40, 50, 3),
    "big_endian.npy": noise(40, 50).astype(">u2"), "bool.npy": noise(40, 50) > 99,
}  # fmt: skip


def assert_same(path: Path, *, lazy: bool = True) -> None:
    whole, rng = read_image(path), np.random.default_rng(1)
    with open_image(path, cache_bytes=5000) as image:
        assert image.lazy == lazy
        assert image.array.shape == whole.array.shape
        assert image.array.dtype == whole.array.dtype
        assert image.channel_names == whole.channel_names
        assert str(image.pixel_size_um) == str(whole.pixel_size_um)  # where nan equals nan
        assert len(image.block) == image.array.ndim - 1
        assert image.size_bytes == whole.array.nbytes
        assert np.array_equal(np.asarray(image.array), whole.array)
        for _ in range(8):
            ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in whole.array.shape]
            region = tuple(slice(a, b) for a, b in ends)
            assert np.array_equal(image.array[region], whole.array[region])


@pytest.mark.parametrize("name", TIFFS)
def test_tiff(tmp_path: Path, name: str) -> None:
    TIFFS[name](tmp_path / name)
    assert_same(tmp_path / name)


@pytest.mark.parametrize("name", ARRAYS)
def test_npy(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / name, ARRAYS[name])
    assert_same(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_pictures_are_read_whole(tmp_path: Path, name: str) -> None:
    PIL.Image.fromarray(RGB).save(tmp_path / name)
    assert_same(tmp_path / name, lazy=False)


@pytest.mark.parametrize(
    ("name", "block"),
    [("tiled.tif", (16, 32)), ("strips.tif", (7, 50)), ("volume.tif", (4, 16, 16)), ("slide.svs", (16, 32))],
)
def test_the_block_is_that_of_the_file(tmp_path: Path, name: str, block: tuple[int, ...]) -> None:
    TIFFS[name](tmp_path / name)
    with open_image(tmp_path / name) as image:
        assert image.block == block


def test_pixel_size_of_a_slide(tmp_path: Path) -> None:
    TIFFS["slide.svs"](tmp_path / "a.svs")
    assert read_image(tmp_path / "a.svs").pixel_size_um == (0.499, 0.499)
    tifffile.imwrite(tmp_path / "b.svs", RGB, photometric="rgb", description="Aperio Image Library v1", metadata=None)
    assert read_image(tmp_path / "b.svs").pixel_size_um is None


def test_whole_numbers_and_missing_slices_mean_what_they_mean_in_numpy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(9, 20, 30))
    whole = read_image(tmp_path / "a.npy").array
    with open_image(tmp_path / "a.npy") as image:
        assert len(image.array) == 1
        assert np.array_equal(image.array[0, 3], whole[0, 3])
        assert np.array_equal(image.array[:, -1, 4:], whole[:, -1, 4:])
        assert np.array_equal(image.array[0], whole[0])
        assert image.array[0, 0, 3, 4] == whole[0, 0, 3, 4]
        assert np.asarray(image.array, np.float32).dtype == np.float32
        with pytest.raises(ShapeError, match=r"expected slices without steps, got slice\(0, 9, 2\)"):
            _ = image.array[0, 0:9:2]
        with pytest.raises(ShapeError, match=r"at most 4 slices for the shape \(1, 9, 20, 30\), got 5"):
            _ = image.array[0, 0, 0, 0, 0]
        with pytest.raises(IndexError, match="a position from 0 to 8, got 9"):
            _ = image.array[0, 9]


@pytest.mark.parametrize("name", ["tiled.tif", "stack.tif", "raw.tif"])
def test_threads_read_at_once(tmp_path: Path, name: str) -> None:
    TIFFS[name](tmp_path / name)
    whole, corners = read_image(tmp_path / name).array, np.random.default_rng(2).integers(0, 30, (100, 2)).tolist()
    with open_image(tmp_path / name, cache_bytes=2000) as image, ThreadPoolExecutor(6) as pool:

        def right(corner: list[int]) -> bool:
            window = (..., slice(corner[0], corner[0] + 9), slice(corner[1], corner[1] + 9))
            region = tuple(slice(0, n) for n in whole.shape[:-2]) + window[1:]
            return np.array_equal(image.array[region], whole[window])

        assert all(pool.map(right, corners))


def test_a_sparse_tiff_of_a_hundred_thousand_pixels_opens_at_once(tmp_path: Path) -> None:
    size, tile = 100_000, 512
    count = (-(-size // tile)) ** 2
    tiles = (np.full((tile, tile), 7, np.uint8) if i in (0, count - 1) else None for i in range(count))
    tifffile.imwrite(
        tmp_path / "a.tif", tiles, shape=(size, size), dtype="uint8", tile=(tile, tile), compression="zlib", bigtiff=True,
        metadata=None,
    )  # fmt: skip

    with open_image(tmp_path / "a.tif") as image:
        assert image.array.shape == (1, size, size)
        assert image.size_bytes == size**2
        assert image.array[:, size - 2 :, size - 3 :].tolist() == [[[7] * 3] * 2]
        assert image.array[:, 50_000:50_002, 60_000:60_001].tolist() == [[[0], [0]]]
        assert image.array[:, 70_000:70_001].shape == (1, 1, size)


def test_raw_samples_beyond_4_gb_are_found(tmp_path: Path) -> None:
    size = 70_000
    tifffile.imwrite(
        tmp_path / "a.tif", shape=(size, size), dtype="uint8", bigtiff=True, metadata=None
    )  # a sparse file
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(-2, 2)
        file.write(b"\x05\x09")

    with open_image(tmp_path / "a.tif") as image:
        assert image.array[0, size - 1 :, size - 3 :].tolist() == [[0, 5, 9]]


def test_indices_beyond_31_bits(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(1, 70_000, 70_000),
        dtype="uint16",
        chunks=(1, 512, 512),
        dimension_names=["c", "y", "x"],
    )
    array[0, 69_000:69_002, 69_990:69_991] = 3

    with open_image(tmp_path / "a.zarr") as image:
        assert image.array.shape == (1, 70_000, 70_000)
        assert image.array[0, 69_000:69_003, 69_990:69_992].tolist() == [[3, 0], [3, 0], [0, 0]]


@pytest.mark.parametrize("name", ["tiled.tif", "raw.tif", "stack.tif", "jpeg.tif", "slide.svs"])
@pytest.mark.parametrize("kept", [7, 0.3, 0.5, 0.8])
def test_truncated_tiffs_are_named(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    TIFFS[name](path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept if kept >= 1 else kept * len(data))])

    def read() -> None:
        with open_image(path) as image:
            np.asarray(image.array)

    with pytest.raises(FormatError, match=name):
        read()


def test_a_damaged_tile_and_a_vanished_file_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(40, 50), **TILED)
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[-1]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"rubbish")

    with open_image(path) as image:
        assert image.array[:, :16, :32].shape == (1, 16, 32)
        with pytest.raises(
            FormatError, match=r"cannot read 0 to 0, 33 to 39, 33 to 49 \(channel, \[z\], y, x\) of .*a\.tif"
        ):
            _ = image.array[:, 33:, 33:]

    np.save(tmp_path / "b.npy", noise(40, 50))
    with open_image(tmp_path / "b.npy") as image:
        (tmp_path / "b.npy").unlink()
        with pytest.raises(FormatError, match=r"b\.npy: FileNotFoundError.*no longer to be reached"):
            _ = image.array[0, 0:3]


def test_a_page_that_is_missing_is_named(tmp_path: Path) -> None:
    two_files(tmp_path / "a.ome.tif")
    (tmp_path / "second.ome.tif").unlink()
    with pytest.raises(FormatError, match=r"a\.ome\.tif"), open_image(tmp_path / "a.ome.tif") as image:
        np.asarray(image.array)


def test_nan_is_refused_where_it_is_read(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.float32)
    array[12, 25] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", array)

    with open_image(tmp_path / "a.tif") as image:
        assert image.array[0, :12].max() == 0
        with pytest.raises(
            DataError,
            match=r"a\.tif, from \(10, 20\) on, has 1 NaN or infinite pixels in channel 0, the first at \(2, 5\)",
        ):
            _ = image.array[:, 10:, 20:]


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "complex.npy", np.zeros((4, 4), np.complex64))
    np.save(tmp_path / "axes.npy", np.zeros((9, 9, 9, 9), np.uint8))
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "a.gif").write_bytes(b"")

    with pytest.raises(DataError, match="complex64 values: expected real numbers"):
        open_image(tmp_path / "complex.npy")
    with pytest.raises(ShapeError, match=r"shape \(9, 9, 9, 9\) mean"):
        open_image(tmp_path / "axes.npy")
    with pytest.raises(FormatError, match="holds pickled Python objects"):
        open_image(tmp_path / "pickle.npy")
    with pytest.raises(FormatError, match="GIF cuts grey values"):
        open_image(tmp_path / "a.gif")
    with pytest.raises(FormatError, match=r"none\.tif is no file"):
        open_image(tmp_path / "none.tif")
    with pytest.raises(FormatError, match=r"none\.zarr is no folder"):
        open_image(tmp_path / "none.zarr")


def test_closing_frees_what_was_kept(tmp_path: Path) -> None:
    TIFFS["tiled.tif"](tmp_path / "a.tif")
    with open_image(tmp_path / "a.tif") as image:
        np.asarray(image.array)
        assert len(image.cache) > 0
    assert len(image.cache) == 0
