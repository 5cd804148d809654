"""Each kind of mistake is found, with where it is and the command that mends it; clean data give no finding."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from overtile.core.image import Image
from overtile.data import Finding, cells, check, membranes, write_image, write_labels
from overtile.data.checks.intensity import saturated_share
from overtile.data.dataset import Sample

Change = Callable[[int, NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]


def folder(root: Path, change: Change, *, n: int = 5, kind: str = "cells", suffix: str = "tif") -> Path:
    draw = {"cells": cells, "membranes": membranes}[kind]
    for i in range(n):
        image, labels = change(i, *draw(i, size=128))
        planes = image if image.ndim == 3 else image[np.newaxis]
        write_image(root / "images" / f"im{i}.tif", Image(planes))
        write_labels(root / "labels" / f"im{i}.{suffix}", labels)
    return root


def found(root: Path, kind: str, **options: Any) -> Finding:
    every = check(root, **options).findings
    (finding,) = [one for one in every if one.kind == kind] or pytest.fail(f"only {[one.kind for one in every]}")
    return finding


def only(i: int, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Change:
    return lambda k, image, labels: (image, change(labels) if k == i else labels)


def same(_: int, image: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return image, labels


@pytest.mark.parametrize("kind", ["cells", "membranes"])
def test_clean_data_give_notes_only(tmp_path: Path, kind: str) -> None:
    every = check(folder(tmp_path, same, kind=kind))
    assert {one.severity for one in every.findings} <= {"note"}
    assert every.train == f"overtile train {tmp_path} -o NAME.overtile"


def test_all_labels_shifted(tmp_path: Path) -> None:
    folder(tmp_path, lambda _, image, labels: (image, ndimage.shift(labels, (7, -6), order=0)))
    one = found(tmp_path, "shifted-labels")
    assert one.file == "all images"
    rows, columns = (int(n) for n in one.command.rpartition("shift=")[2].split(","))
    assert (rows, columns) == pytest.approx((-7, 6), abs=1)
    assert [region.sample for region in one.regions] == ["im0", "im1", "im2"]


def test_one_label_image_turned(tmp_path: Path) -> None:
    folder(tmp_path, only(2, lambda labels: labels.T), kind="membranes")
    one = found(tmp_path, "turned-labels")
    assert one.file == "im2"
    assert one.command == f"overtile mend {tmp_path} -o {tmp_path}-mended --fix turn=transpose --only im2"


def test_all_labels_turned(tmp_path: Path) -> None:
    folder(tmp_path, lambda _, image, labels: (image, labels[:, ::-1]))
    assert found(tmp_path, "turned-labels").command.endswith("--fix turn=flip-x")


def test_ids_of_several_objects_far_apart_or_near(tmp_path: Path) -> None:
    def merge(labels: NDArray[Any]) -> NDArray[Any]:
        result = np.zeros_like(labels)
        result[10:30, 10:30] = 1
        result[90:110, 90:110] = 1
        result[40:60, 10:30] = 2
        result[61:63, 10:12] = 2
        result[5:20, 90:110] = 3
        return result

    folder(tmp_path, only(1, merge))
    far = found(tmp_path, "merged-ids")
    assert far.file == "im1"
    assert "1 of " in far.message
    assert "id 1 of im1, whose pieces are 85 px apart" in far.message  # hypot(61, 61) - 1
    assert far.regions[0].label == 1
    assert far.command.endswith("--fix split --only im1")
    near = found(tmp_path, "pieces")
    assert near.regions[0].label == 2
    assert near.command.endswith("--fix specks=10 --fix split")


def test_objects_far_larger_than_the_rest(tmp_path: Path) -> None:
    def grow(labels: NDArray[Any]) -> NDArray[Any]:
        result = np.zeros_like(labels)
        for k in range(12):
            result[2:7, 10 * k : 10 * k + 5] = k + 1
        result[20:120, 20:120] = 13
        return result

    folder(tmp_path, only(1, grow))
    one = found(tmp_path, "oversized-objects")
    assert "such as id 13 of im1 (400 times)" in one.message
    assert one.regions[0].label == 13


def test_specks(tmp_path: Path) -> None:
    def speck(labels: NDArray[Any]) -> NDArray[Any]:
        labels[labels > 0] += 1
        labels[0, 0] = 1
        return labels

    folder(tmp_path, only(0, speck))
    one = found(tmp_path, "specks")
    assert one.file == "im0"
    assert one.message.startswith("the smallest object has 1 pixel(s), 1 have fewer than 10")


def test_smoothed_masks_are_found_file_by_file(tmp_path: Path) -> None:
    folder(tmp_path, only(3, lambda labels: ndimage.gaussian_filter(labels, 1.5)), kind="membranes")
    every = check(tmp_path)
    assert "are smoothed masks" in every.errors[0].message
    assert every.errors[0].remedy.startswith("Smoothing, JPEG or resizing did that. Export them again")
    assert every.errors[0].remedy.endswith("Classes of thin lines need --task semantic.")
    assert every.errors[0].command.endswith("--fix snap")
    one = found(tmp_path, "smoothed-masks")
    assert one.file == "im3"
    assert one.command.endswith("--fix snap --only im3")
    assert [sample.name for sample in every.samples] == [f"im{i}" for i in range(5)]


def test_masks_of_two_encodings(tmp_path: Path) -> None:
    folder(tmp_path, only(4, lambda labels: labels // 255), kind="membranes")
    one = found(tmp_path, "mixed-values")
    assert one.message.startswith("1 of 5 masks hold 0 and 1, 4 hold 0 and 255")
    assert one.command.endswith("--fix values=1:255 --only im4")


def test_labels_in_a_lossy_format(tmp_path: Path) -> None:
    from PIL import Image as Picture

    folder(tmp_path, same, kind="membranes")
    (tmp_path / "labels" / "im0.tif").unlink()
    Picture.fromarray(membranes(0, size=128)[1]).save(tmp_path / "labels" / "im0.jpg")
    assert found(tmp_path, "lossy-labels").file == "im0.jpg"


def test_saturated_images(tmp_path: Path) -> None:
    def clip(k: int, image: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return (np.where(labels > 0, 255, image).astype(np.uint8) if k == 2 else image), labels

    one = found(folder(tmp_path, clip), "saturated")
    assert one.file == "im2"
    assert "in 1 of 5 images more than 5% of the annotated pixels have the highest value (100% in im2)" in one.message


def test_a_white_channel_of_a_photograph_is_not_saturated() -> None:
    red = np.stack([np.array([[0, 255, 255, 255]]), np.array([[0, 9, 5, 5]]), np.array([[0, 9, 5, 5]])]).astype(
        np.uint8
    )
    labels = np.array([[0, 1, 1, 1]], np.int32)
    assert saturated_share(Sample("a", Image(red), labels)) == pytest.approx(1 / 3)
    assert saturated_share(Sample("a", Image(red[:1]), labels)) == 1
    assert saturated_share(Sample("a", Image(red), labels * 0)) == 0
    assert saturated_share(Sample("a", Image(red * 0), labels)) == 0


def test_pixel_sizes(tmp_path: Path) -> None:
    folder(tmp_path, same)
    for i, size in enumerate((0.5, 0.5, 0.5, 0.5, 1.0)):
        path = tmp_path / "images" / f"im{i}.tif"
        write_image(path, Image(cells(i, size=128)[0][np.newaxis], (size, size)), overwrite=True)
    one = found(tmp_path, "pixel-sizes")
    assert one.file == "im4"
    assert one.command.endswith("--fix pixel-size=0.5")


def test_copies_with_other_labels(tmp_path: Path) -> None:
    image, labels = cells(0, size=128)

    def copy(k: int, other: NDArray[Any], others: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return (image, labels * (labels != 1) if k == 3 else labels) if k in (0, 3) else (other, others)

    one = found(folder(tmp_path, copy), "copies")
    assert one.file == "im0, im3"
    assert one.command.endswith("--leave-out im3")
    assert found(tmp_path, "near-duplicates").file == "im0, im3"


def test_images_without_annotation_can_be_left_out(tmp_path: Path) -> None:
    one = found(folder(tmp_path, only(1, np.zeros_like)), "single-class")
    assert (one.file, one.regions[0].sample) == ("im1", "im1")
    assert one.command.endswith("--leave-out im1")


def errors(root: Path) -> Sequence[Finding]:
    return check(root).errors


def test_errors_name_the_command_that_mends_them(tmp_path: Path) -> None:
    tall = folder(tmp_path / "tall", lambda k, i, m: (i[:100], m[:100].T if k == 1 else m[:100]))
    (one,) = errors(tall)
    assert one.message == "the image has size (100, 128), its labels (128, 100) (rows, columns)."
    assert one.remedy == "The labels look transposed: swap their axes."
    assert one.command.endswith("--fix turn=transpose --only im1")
    assert [Path(file).parent.name for file in one.files] == ["images", "labels"]
    colours = folder(tmp_path / "colours", lambda k, i, m: (np.stack([i, i, i]) if k == 1 else i, m))
    assert errors(colours)[0].command.endswith("--fix grey")


def test_json_holds_everything_but_pixels(tmp_path: Path) -> None:
    every = check(folder(tmp_path, only(1, np.zeros_like)), task="instances").to_json()
    assert set(every) == {"folder", "train", "findings", "summary"}
    assert every["train"].endswith("--task instances")
    single = next(one for one in every["findings"] if one["kind"] == "single-class")
    assert single["regions"][0] == {"sample": "im1", "top": 0, "left": 0, "height": 128, "width": 128, "label": None}
    first = every["summary"]["images"][0]
    assert Path(first["file"]).name == Path(first["label_file"]).name == "im0.tif"
    assert sum(first["class_shares"]) == pytest.approx(1)
    assert first["objects"]["count"] > 3
    assert every["summary"]["images"][1]["objects"]["count"] == 0


def test_findings_of_one_kind_come_together(tmp_path: Path) -> None:
    pairs = [cells(k, size=128) for k in (0, 0, 1, 1, 2)]
    groups = check(folder(tmp_path, lambda k, _image, _labels: pairs[k])).groups
    assert [len(group) for group in groups if group[0].kind == "near-duplicates"] == [2]
