"""Masks beside images, Cellpose sessions, and pages of labels that may be planes or colours."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.data import LAYOUTS, Palette, Reading, find_pairs, load

MASKS = np.zeros((20, 30), np.uint8)
MASKS[2:6, 2:8], MASKS[10:15, 9:20] = 1, 2


def picture(path: Path, array: NDArray[np.generic] = MASKS * 50) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(array).save(path)


def test_cellpose_sessions_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
        np.save(tmp_path / f"{name}_seg.npy", {"masks": MASKS.astype(np.uint16)}, allow_pickle=True)

    data = load(tmp_path)

    assert (data.layout, data.labelling.task, data.notes) == ("cellpose-seg", "instances", ())
    assert np.array_equal(data.samples[1].labels, MASKS)


def test_masks_go_before_sessions_unless_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "a_masks.png", MASKS)
    np.save(tmp_path / "a_seg.npy", {"masks": (MASKS > 0).astype(np.uint16)}, allow_pickle=True)

    assert any("--layout cellpose-seg reads them instead" in note for note in load(tmp_path).notes)
    assert load(tmp_path).samples[0].labels.max() == 2
    assert load(tmp_path, layout="cellpose-seg").samples[0].labels.max() == 1


def test_sessions_without_image_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a_seg.npy", {"masks": MASKS}, allow_pickle=True)
    with pytest.raises(DataError, match=r"holds 1 Cellpose session\(s\) and no image"):
        find_pairs(tmp_path)


def test_layouts_can_be_named(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "labels" / "a.png", MASKS)
    assert find_pairs(tmp_path, Reading(layout="images-labels")).name == "images-labels"
    for layout in LAYOUTS.keys() - {"images-labels"}:
        with pytest.raises(DataError, match=f"holds no images in the layout {layout}"):
            find_pairs(tmp_path, Reading(layout=layout))
    with pytest.raises(UnknownNameError, match=r"unknown layout 'nnunett': did you mean 'nnunet'"):
        find_pairs(tmp_path, Reading(layout="nnunett"))


def pages(path: Path, array: NDArray[np.generic], **about: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # three pages without a word about them are what this is about
        tifffile.imwrite(path, array, **about)


@pytest.mark.parametrize("about", [{}, {"metadata": None}, {"imagej": True}, {"ome": True}])
def test_three_pages_of_labels_are_planes_where_the_image_has_three(tmp_path: Path, about: dict[str, Any]) -> None:
    stack = np.stack([MASKS, MASKS.T.reshape(20, 30), MASKS * 0 + (MASKS == 1)])
    pages(tmp_path / "images" / "s.tif", stack * 7, **about)
    pages(tmp_path / "labels" / "s.tif", stack, **about)

    data = load(tmp_path, task="semantic")

    assert [s.name for s in data.samples] == ["s_z000", "s_z001", "s_z002"]
    assert all(np.array_equal(s.labels, page) for s, page in zip(data.samples, stack, strict=True))
    assert np.array_equal(data.samples[2].image.array[0], stack[2] * 7)


def test_three_pages_of_labels_are_colours_where_the_image_is_one_plane(tmp_path: Path) -> None:
    colours = np.zeros((3, 20, 30), np.uint8)
    colours[0, MASKS > 0] = 255
    picture(tmp_path / "images" / "s.png")
    pages(tmp_path / "labels" / "s.tif", colours)

    with pytest.raises(DataError, match=r"holds colours, 2 different ones"):
        load(tmp_path)
    data = load(tmp_path, palette=Palette(("background", "cell"), ((0, 0, 0), (255, 0, 0))))

    assert np.array_equal(data.samples[0].labels, MASKS > 0)


def test_axes_in_the_file_go_before_evidence(tmp_path: Path) -> None:
    stack = np.stack([MASKS, MASKS, MASKS])
    pages(tmp_path / "images" / "s.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})
    pages(tmp_path / "labels" / "s.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})
    assert len(load(tmp_path, task="semantic").samples) == 3
