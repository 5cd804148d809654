import logging
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from overtile.core.errors import DataError, FormatError, ShapeError
from overtile.data import read_image, read_labels, slices

GREY = np.arange(60, dtype=np.uint8).reshape(6, 10)
RGB = np.stack([GREY, GREY + 1, GREY + 2], axis=-1)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
def test_reads_grey_of_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(GREY).save(path)

    image = read_image(path)

    assert np.array_equal(image.array, GREY[np.newaxis])
    assert image.array.dtype == np.uint8
    assert np.array_equal(read_labels(path), GREY)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_rgb_becomes_three_channels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(RGB).save(path)

    assert np.array_equal(read_image(path).array, np.moveaxis(RGB, -1, 0))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_alpha_is_dropped(tmp_path: Path, name: str) -> None:
    rgba = np.dstack([RGB, np.full_like(GREY, 255)])
    PIL.Image.fromarray(rgba).save(tmp_path / name)
    PIL.Image.fromarray(np.dstack([GREY, GREY])).save(tmp_path / "grey_alpha.png")

    assert read_image(tmp_path / name).array.shape == (3, 6, 10)
    assert np.array_equal(read_image(tmp_path / "grey_alpha.png").array, GREY[np.newaxis])


def test_16_bit_png_keeps_all_bits(tmp_path: Path) -> None:
    import imagecodecs

    deep = (GREY.astype(np.uint16) + 1000) * 50
    PIL.Image.fromarray(deep).save(tmp_path / "grey.png")
    colour = np.stack([deep, deep + 1, deep + 2], axis=-1)
    (tmp_path / "colour.png").write_bytes(imagecodecs.png_encode(colour))

    assert np.array_equal(read_image(tmp_path / "grey.png").array[0], deep)
    assert np.array_equal(read_image(tmp_path / "colour.png").array, np.moveaxis(colour, -1, 0))


def test_palette_is_an_index_for_labels_and_colours_for_images(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="L").convert("P")
    picture.putdata([0, 1, 2, 1])
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.save(tmp_path / "a.png")

    assert read_labels(tmp_path / "a.png").tolist() == [[0, 1], [2, 1]]
    assert read_image(tmp_path / "a.png").array[:, 0, 1].tolist() == [40, 50, 60]


def test_palette_tiff(tmp_path: Path) -> None:
    index = np.array([[0, 1], [2, 1]], np.uint8)
    colormap = np.zeros((3, 256), np.uint16)
    colormap[:, 1] = (256 * 40, 256 * 50, 256 * 60)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colormap)

    assert read_labels(tmp_path / "a.tif").tolist() == index.tolist()
    assert read_image(tmp_path / "a.tif").array[:, 0, 1].tolist() == [40, 50, 60]


def test_bilevel_png_labels_are_0_and_1(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")

    assert read_labels(tmp_path / "a.png").tolist() == [[1, 0]]


def test_jpeg_image_is_read(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "a.jpg")

    assert read_image(tmp_path / "a.jpg").array.mean() == 90


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((20, 30), (1, 20, 30)),
        ((20, 30, 3), (3, 20, 30)),
        ((20, 30, 4), (3, 20, 30)),
        ((2, 20, 30), (2, 20, 30)),
        ((9, 20, 30), (1, 9, 20, 30)),
        ((9, 20, 30, 3), (3, 9, 20, 30)),
        ((9, 2, 20, 30), (2, 9, 20, 30)),
        ((2, 9, 20, 30), (2, 9, 20, 30)),
    ],
)
def test_axes_of_bare_arrays_are_guessed(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))

    assert read_image(tmp_path / "a.npy").array.shape == expected


def test_a_guess_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 30, 4), np.uint8))

    with caplog.at_level(logging.INFO, "overtile"):
        read_image(tmp_path / "a.npy")

    assert "taken as YXS" in caplog.text
    assert "taken as alpha and dropped" in caplog.text


def test_unknown_axes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 9, 9, 9), np.uint8))
    with pytest.raises(ShapeError, match=r"shape \(9, 9, 9, 9\) mean: expected \(y, x\)"):
        read_image(tmp_path / "a.npy")


def test_imagej_axes_and_pixel_size(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(3, 2, 8, 9)
    tifffile.imwrite(
        tmp_path / "a.tif", array, imagej=True, resolution=(4.0, 2.0),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 0.7},
    )  # fmt: skip

    image = read_image(tmp_path / "a.tif")

    assert np.array_equal(image.array, array.transpose(1, 0, 2, 3))
    assert image.pixel_size_um == pytest.approx((0.7, 0.5, 0.25))
    planes = slices(image)
    assert [p.size for p in planes] == [(8, 9)] * 3
    assert planes[0].pixel_size_um == pytest.approx((0.5, 0.25))


def test_ome_axes_names_and_pixel_size(tmp_path: Path) -> None:
    metadata = {
        "axes": "CYX", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm", "Channel": {"Name": ["dapi", "gfp"]},
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((2, 8, 9), np.uint8), metadata=metadata)

    image = read_image(tmp_path / "a.ome.tif")

    assert image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert image.channel_names == ("dapi", "gfp")


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((10000.0, 20000.0), "CENTIMETER", (0.5, 1.0)),
        ((25400.0, 25400.0), "INCH", (1.0, 1.0)),
        ((300.0, 300.0), "INCH", None),
    ],
)
def test_pixel_size_from_resolution_tags(
    tmp_path: Path, resolution: tuple[float, float], unit: str, expected: tuple[float, float] | None
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=resolution, resolutionunit=unit, metadata=None)

    size = read_image(tmp_path / "a.tif").pixel_size_um

    assert size == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_compressions_byte_orders_and_bigtiff(tmp_path: Path, compression: str | None, byteorder: str) -> None:
    deep = GREY.astype(np.uint16) * 1000
    tifffile.imwrite(tmp_path / "a.tif", deep, compression=compression, byteorder=byteorder, bigtiff=True)

    array = read_image(tmp_path / "a.tif").array

    assert np.array_equal(array[0], deep)
    assert array.dtype.isnative


def test_large_uncompressed_tiff_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtile.data.tiff.MAP_ABOVE_BYTES", 10)
    tifffile.imwrite(tmp_path / "a.tif", GREY, metadata=None)

    array = read_image(tmp_path / "a.tif").array

    assert isinstance(array.base, np.memmap) or isinstance(array, np.memmap)
    assert np.array_equal(array[0], GREY)


def test_pages_without_metadata_are_planes_for_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 20, 30), np.uint8), photometric="minisblack", metadata=None)

    assert read_image(tmp_path / "a.tif").array.shape == (4, 20, 30)
    assert read_labels(tmp_path / "a.tif").shape == (4, 20, 30)


def test_grey_rgb_labels_are_accepted_and_colours_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PIL.Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "grey.png")
    red = np.zeros((2, 2, 3), np.uint8)
    red[0, 0] = (255, 0, 0)
    PIL.Image.fromarray(red).save(tmp_path / "red.png")

    with caplog.at_level(logging.INFO, "overtile"):
        assert np.array_equal(read_labels(tmp_path / "grey.png"), GREY)

    assert "3 equal channels" in caplog.text
    with pytest.raises(
        DataError, match=r"red.png holds colours, 2 different ones: \(0, 0, 0\) 75.0%, \(255, 0, 0\) 25.0%"
    ):
        read_labels(tmp_path / "red.png")


def test_float_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", np.array([[0.0, 3.0]], np.float32))
    tifffile.imwrite(tmp_path / "parts.tif", np.array([[0.0, 0.25]], np.float32))

    assert read_labels(tmp_path / "whole.tif").tolist() == [[0, 3]]
    with pytest.raises(DataError, match=r"holds fractions such as 0.25: expected whole numbers"):
        read_labels(tmp_path / "parts.tif")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_pixels_are_located(tmp_path: Path, bad: float) -> None:
    array = np.zeros((4, 5), np.float32)
    array[2, 3:] = bad
    tifffile.imwrite(tmp_path / "a.tif", array)

    with pytest.raises(DataError, match=r"a.tif has 2 NaN or infinite pixels in channel 0, the first at \(2, 3\)"):
        read_image(tmp_path / "a.tif")


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.complex64))
    with pytest.raises(DataError, match="complex64 values: expected real numbers"):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.jpg", "a.bmp", "deep.png"])
@pytest.mark.parametrize("kept", [0, 7, 40, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    if name == "a.npy":
        np.save(path, noise)
    elif name == "a.tif":
        tifffile.imwrite(path, noise, compression="zlib")
    elif name == "deep.png":
        import imagecodecs

        path.write_bytes(imagecodecs.png_encode(noise.astype(np.uint16) * 200))
    else:
        PIL.Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept if kept >= 1 else kept * len(data))])

    with pytest.raises(FormatError, match=name):
        read_image(path)


def test_multipage_tiff_with_missing_pages_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32), np.uint8)
    with tifffile.TiffWriter(path) as tiff:
        for page in noise:
            tiff.write(page, compression="zlib", metadata=None)
    path.write_bytes(path.read_bytes()[:8000])

    with pytest.raises(FormatError, match=r"stack\.tif"):
        read_image(path)


def test_unknown_missing_and_pickled_files(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / "a.gif")
    (tmp_path / "a.xyz").write_text("x")
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)

    with pytest.raises(FormatError, match=r"a\.gif: GIF cuts grey values"):
        read_image(tmp_path / "a.gif")
    with pytest.raises(FormatError, match=r"a\.xyz: Known formats: \.png"):
        read_image(tmp_path / "a.xyz")
    with pytest.raises(FormatError, match=r"none\.png is no file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(FormatError, match=r"pickle\.npy holds pickled Python objects"):
        read_image(tmp_path / "pickle.npy")


def test_reading_does_not_warn(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / "a.png", transparency=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "a.png").size == (6, 10)


def test_huge_png_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 20)
    with pytest.raises(FormatError, match=r"too large for this format .* Save it as TIFF"):
        read_image(tmp_path / "a.png")
