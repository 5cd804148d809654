from pathlib import Path

import numpy as np
import pytest
import tifffile

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data import load, write_labels
from overtile.data.channels import select_channels

IMAGE = Image(np.arange(3, dtype=np.uint8).reshape(3, 1, 1), channel_names=("dapi", "gfp", "1"))


def test_channels_are_chosen_by_number_or_name() -> None:
    chosen = select_channels(IMAGE, ("gfp", "0"), "a.tif")
    assert chosen.array.ravel().tolist() == [1, 0]
    assert chosen.channel_names == ("gfp", "dapi")
    assert select_channels(IMAGE, (), "a.tif") is IMAGE
    assert select_channels(IMAGE, ("1",), "a.tif").array.ravel().tolist() == [2]  # a name goes before a number


@pytest.mark.parametrize("wanted", ["3", "-1", "cy5"])
def test_missing_channels_are_named(wanted: str) -> None:
    with pytest.raises(
        DataError, match=rf"a\.tif has no channel '{wanted}': it has 3 \(dapi, gfp, 1\), numbered from 0"
    ):
        select_channels(IMAGE, (wanted,), "a.tif")


def test_channels_of_a_folder_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    stack = np.stack([np.full((8, 9), i, np.uint8) for i in range(3)])
    tifffile.imwrite(tmp_path / "images" / "a.ome.tif", stack, metadata={"axes": "CYX"})
    write_labels(tmp_path / "labels" / "a.tif", np.eye(8, 9, dtype=np.uint8))

    data = load(tmp_path, channels=("2", "0"))

    assert data.samples[0].image.array[:, 0, 0].tolist() == [2, 0]
    assert data.chosen_channels == ("2", "0")
