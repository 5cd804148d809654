"""Folders of any layout, from the command line."""

import json

import numpy as np
import PIL.Image
import pytest

import overtile as api
from overtile.bundle import load as load_bundle
from overtile.core import Image
from overtile.data import write_dataset, write_image, write_labels

QUICK = ["--steps", "2", "--set", "patch_px=32", "--set", "arguments.base_width=4", "--set", "arguments.depth=2"]


@pytest.fixture
def cells(tmp_path):
    write_dataset(tmp_path / "cells", "cells", 3, seed=1, size=64)
    return tmp_path / "cells"


@pytest.mark.parametrize("layout", ["images-labels", "cellpose", "nnunet", "ctc", "coco", "geojson", "imagej"])
def test_what_is_converted_can_be_checked(overtile, cells, layout):
    converted = overtile("convert", "cells", "-o", "out", "--layout", layout)
    assert converted.code == 0, converted.text
    assert f"out: 3 image(s), from images-labels to {layout}" in converted.text
    for options in ([], ["--layout", layout]):
        checked = overtile("check", "out", *options)
        assert checked.code == 0, checked.text
        assert f"out: 3 annotated images, layout {layout}" in checked.text
    assert overtile("convert", "out", "-o", "cells", "--layout", "coco").code == 2


def test_a_folder_is_read_as_named(overtile, cells):
    refused = overtile("check", "cells", "--layout", "coco")
    assert refused.code == 1
    assert "holds no images in the layout coco" in refused.text
    assert "did you mean 'coco'" in overtile("check", "cells", "--layout", "cocoo").text


def test_colours_are_named_in_a_palette(overtile, tmp_path, cells):
    for path in (cells / "labels").iterdir():
        mask = PIL.Image.new("RGB", (64, 64))
        mask.paste((200, 30, 40), (10, 10, 30, 40))
        path.unlink()
        mask.save(path.with_suffix(".png"))
    refused = overtile("check", "cells")
    assert refused.code == 1
    assert "--write-palette" in refused.text
    assert overtile("check", "cells", "--write-palette", "colours.csv").code == 0
    palette = tmp_path / "colours.csv"
    palette.write_text(palette.read_text().replace("class 1", "vessel"))
    checked = overtile("check", "cells", "--palette", "colours.csv")
    assert checked.code == 0, checked.text
    assert "vessel 14.6%" in checked.text
    trained = overtile("train", "cells", "-o", "m.overtile", "--palette", "colours.csv", "--no-smoke-test", *QUICK)
    assert trained.code == 0, trained.text
    scored = overtile("evaluate", "-m", "m.overtile", "cells", "--palette", "colours.csv", "--json", "s.json")
    assert scored.code == 0, scored.text
    per_class = json.loads((tmp_path / "s.json").read_text())["total"]["dice"]["per_class"]
    assert set(per_class) == {"background", "vessel"}


def test_the_model_remembers_channels_and_pixel_size(overtile, tmp_path):
    rng = np.random.default_rng(0)
    for name, um in (("a", 0.5), ("b", 0.5), ("c", 0.5), ("far", 1.5)):
        array = rng.integers(0, 255, (3, 64, 64)).astype(np.uint8)
        folder = "new" if name == "far" else "data"
        write_image(tmp_path / folder / "images" / f"{name}.ome.tif", Image(array, (um, um)))
        write_labels(tmp_path / folder / "labels" / f"{name}.tif", (array[2] > 128).astype(np.uint8))
    trained = overtile("train", "data", "-o", "m.overtile", "--channels", "2,0", "--no-smoke-test", *QUICK)
    assert trained.code == 0, trained.text
    manifest = load_bundle(tmp_path / "m.overtile").manifest
    assert (manifest.in_channels, manifest.channels) == (2, ("2", "0"))
    assert manifest.pixel_size_um == pytest.approx((0.5, 0.5))
    scored = overtile("evaluate", "-m", "m.overtile", "new")
    assert scored.code == 0, scored.text
    assert "1 of 1 images have other pixels than the training images" in scored.text
    assert "3.0 times smaller" in scored.text
    assert "has no channel '7': it has 3" in overtile("check", "data", "--channels", "7").text


def test_a_comparison_repeats_how_the_folder_is_read():
    protocol = api.Protocol(layout="nnunet", channels=("1",), palette="p.csv", groups="p(1)")
    words = protocol.compare_command("data", "out", ["unet"])
    assert "--layout nnunet --channels 1 --palette p.csv --groups 'p(1)'" in words
    assert "--layout nnunet --channels 1 --palette p.csv --groups 'p(1)'" in protocol.train_command(
        "data", "unet", (0, 2)
    )
