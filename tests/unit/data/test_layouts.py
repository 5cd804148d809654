from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from overtile.core.errors import DataError
from overtile.data import Reading, find_images, find_pairs


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.zeros((2, 2), np.uint8)).save(path, format="PNG")
    return root


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (("images/a.png", "labels/a.tif"), "images-labels"),
        (("Images/a.png", "Masks/a.png"), "images-labels"),
        (("images/a.png", "gt/a_gt.png"), "images-labels"),
        (("images/a.png", "annotations/a_label.png"), "images-labels"),
        (("images/a.png", "masks/a_mask.png"), "images-labels"),
        (("images/a_img.png", "masks/a-labels.png"), "images-labels"),
        (("images/a_training.tif", "1st_manual/a_manual1.png"), "images-labels"),
        (("images/a.ome.tif", "labels/a.png"), "images-labels"),
        (("a.tif", "a_masks.tif"), "cellpose"),
        (("a.tif", "a_cp_masks.png"), "cellpose"),
        (("a_img.tif", "a_seg.tif"), "cellpose"),
        (("imagesTr/a_0000.png", "labelsTr/a.png"), "nnunet"),
    ],
)
def test_layouts_are_recognised(tmp_path: Path, files: tuple[str, str], layout: str) -> None:
    found = find_pairs(touch(tmp_path, *files))

    assert found.name == layout
    assert [(p.name, p.image, p.labels, p.valid) for p in found.pairs] == [
        ("a", tmp_path / files[0], tmp_path / files[1], None)
    ]


def test_pairs_come_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/z{i}.png" for i in (10, 2, 1) for folder in ("images", "labels")))
    assert [p.name for p in find_pairs(tmp_path).pairs] == ["z1", "z2", "z10"]


@pytest.mark.parametrize("mask", ["fov/a.png", "valid/a_valid.png", "roi/a_roi.png"])
def test_valid_masks_beside_images_are_found(tmp_path: Path, mask: str) -> None:
    touch(tmp_path, "images/a.png", "images/b.png", "labels/a.png", "labels/b.png", mask)

    layout = find_pairs(tmp_path)

    assert [p.valid for p in layout.pairs] == [tmp_path / mask, None]
    assert "1 of 2 images have one" in layout.notes[-1]


def test_lonely_files_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "labels/a.png", "labels/only.png", *(f"images/x{i}.png" for i in range(7)))

    with pytest.raises(
        DataError,
        match=r"7 image\(s\) without labels: x0.png, .*x4.png and 2 more. 1 label file\(s\) without image: only.png",
    ):
        find_pairs(tmp_path)
    with pytest.raises(DataError, match=r"1 label file\(s\) without image: only.png"):
        find_pairs(tmp_path, Reading(allow_unlabelled=True))


def test_unlabelled_images_are_left_out_when_allowed(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "labels/a.png", "images/x.png")

    with pytest.raises(DataError, match="pass --allow-unlabelled"):
        find_pairs(tmp_path)
    layout = find_pairs(tmp_path, Reading(allow_unlabelled=True))

    assert [p.name for p in layout.pairs] == ["a"]
    assert layout.notes == ("1 image(s) without labels left out: x.png",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "no annotated images.*Found an empty folder"),
        (("pictures/a.png", "x.png"), r"Found pictures/, 1 \.png file"),
        (("images/a.png", "labels/b.png"), "a.png.*b.png.*Give partners the same name"),
        (
            ("images/a.png", "labels/a.png", "masks/a.png"),
            "several folders of labels: labels, masks. Name one with --labels",
        ),
        (("images/a.png", "images/a.tif", "labels/a.png"), "have the same name 'a'"),
    ],
)
def test_other_arrangements_are_explained(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=f"(?s){message}"):
        find_pairs(tmp_path)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    touch(tmp_path, "labels/a.png")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="images holds no image that can be read"):
        find_pairs(tmp_path)
    with pytest.raises(DataError, match="nowhere is no folder"):
        find_pairs(tmp_path / "nowhere")


def test_the_label_folder_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "labels/a.png", "labels-mitochondria/a.png")

    assert (
        find_pairs(tmp_path, Reading(labels="labels-mitochondria")).pairs[0].labels
        == tmp_path / "labels-mitochondria/a.png"
    )
    with pytest.raises(DataError, match="has no folder 'nuclei' for the labels"):
        find_pairs(tmp_path, Reading(labels="nuclei"))


def test_files_of_other_kinds_are_noted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_masks.png", "a.gif", "a_seg.npy")
    layout = find_pairs(tmp_path)
    assert any(note.endswith("1 .npy file(s) left out.") for note in layout.notes)
    assert any("GIF cuts grey values" in note for note in layout.notes)


def test_find_images(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b10.png", "b9.png", "a_masks.png", "deep/images/c.png", "deep/labels/c.png")

    def names(path: Path) -> list[str]:
        return [p.name for p in find_images(path)]

    assert names(tmp_path) == ["a.png", "b9.png", "b10.png"]
    assert names(tmp_path / "a.png") == ["a.png"]
    assert names(tmp_path / "b*.png") == ["b9.png", "b10.png"]
    assert names(tmp_path / "deep") == ["c.png"]
    with pytest.raises(DataError, match=r"no image matches .*z\*\.png"):
        find_images(tmp_path / "z*.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no image that can be read\. Found an empty folder"):
        find_images(tmp_path / "empty")
