from pathlib import Path

import numpy as np
import pytest

from overtile.core.image import Image
from overtile.data import check, summarize_objects, write_dataset, write_image, write_labels
from overtile.data.summary import touching_ids


def save(root: Path, name: str, *, image: np.ndarray | None = None, labels: np.ndarray | None = None) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng(len(list(root.glob("images/*"))))
    image = rng.integers(0, 256, (64, 64)).astype(np.uint8) if image is None else image
    if labels is None:
        labels = (np.indices((64, 64)).sum(axis=0) % 16 < 8).astype(np.uint8) * 255
    write_image(root / "images" / f"{name}.tif", Image(image[np.newaxis], (0.5, 0.5)))
    write_labels(root / "labels" / f"{name}.tif", labels)


def messages(root: Path, severity: str, **options: str) -> list[str]:
    return [f.message for f in check(root, **options).findings if f.severity == severity]  # type: ignore[arg-type]


def test_a_good_folder_is_summarised(tmp_path: Path) -> None:
    save(tmp_path, "a")
    save(tmp_path, "b")

    found = check(tmp_path)

    assert found.errors == ()
    assert [f.severity for f in found.findings] == ["note"]  # 0, 255 -> 0, 1
    summary = found.summary
    assert summary is not None
    assert (summary.task, summary.channels, summary.sizes, summary.dtypes) == (
        "semantic", 1, {(64, 64): 2}, {"uint8": 2},
    )  # fmt: skip
    assert [(c.name, c.share) for c in summary.classes] == [("background", 0.5), ("foreground", 0.5)]
    assert summary.objects is None
    assert summary.images[0].pixel_size_um == pytest.approx((0.5, 0.5))
    low, high = summary.images[0].intensity_ranges[0]
    assert 0 <= low < 5 < 250 < high <= 255


def test_synthetic_instances_are_summarised(tmp_path: Path) -> None:
    write_dataset(tmp_path, "cells", 2, size=128)

    summary = check(tmp_path).summary

    assert summary is not None
    assert summary.objects is not None
    assert summary.objects.count > 10
    assert summary.objects.touching_share > 0.4
    assert summary.objects.in_pieces == 0


def test_every_broken_pair_is_reported(tmp_path: Path) -> None:
    save(tmp_path, "a", labels=np.zeros((64, 63), np.uint8))
    save(tmp_path, "b", image=np.full((64, 64), np.nan, np.float32))
    save(tmp_path, "c")

    found = check(tmp_path)

    assert found.summary is None
    assert [Path(f.file).name for f in found.errors] == ["a.tif", "b.tif"]
    assert found.errors[0].remedy == "Export the labels at the size of the image, without resizing or cropping."
    assert "4096 NaN" in found.errors[1].message


def test_an_arrangement_error_is_a_finding(tmp_path: Path) -> None:
    found = check(tmp_path)
    assert "holds no annotated images" in found.errors[0].message


def test_labels_without_content_are_a_finding(tmp_path: Path) -> None:
    save(tmp_path, "a", labels=np.zeros((64, 64), np.uint8))
    assert "nothing to learn" in messages(tmp_path, "error")[0]


def test_warnings(tmp_path: Path) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    save(tmp_path, "ramp", image=ramp * 16)
    save(tmp_path, "constant", image=np.full((64, 64), 7, np.uint8))
    save(tmp_path, "dim", image=(ramp // 32).astype(np.uint8))
    save(tmp_path, "empty", labels=np.zeros((64, 64), np.uint8))
    write_image(tmp_path / "images" / "empty.tif", Image(np.zeros((1, 64, 64), np.uint8), (0.9, 0.9)), overwrite=True)

    warnings = messages(tmp_path, "warning")

    assert "the image is constant (7)" in warnings
    assert any("intensity ranges differ" in w for w in warnings)
    assert any("images differ in type: " in w for w in warnings)
    assert any("pixel sizes differ, from 0.5 to 0.9 um" in w for w in warnings)
    assert any("1 of 4 images hold a single class" in w for w in warnings)


def test_object_warnings_and_rare_classes(tmp_path: Path) -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[2:4, 2:4] = 1
    labels[10:20, 10:20] = 2
    labels[22:32, 10:20] = 2

    save(tmp_path, "a", labels=labels)

    warnings = messages(tmp_path, "warning", task="instances")
    assert "1 of 2 object ids consist of several separate pieces" in warnings
    assert any(w.startswith("the smallest object has 4 pixel(s)") for w in warnings)
    notes = messages(tmp_path, "note", task="semantic")
    assert "class 1 covers only 0.10% of the pixels" in notes
    assert any("there is one image" in note for note in notes)


def test_near_duplicates_are_noted(tmp_path: Path) -> None:
    image = np.random.default_rng(5).integers(0, 200, (64, 64)).astype(np.uint8)
    save(tmp_path, "a", image=image)
    save(tmp_path, "b", image=image + 3)
    save(tmp_path, "c")

    found = [f for f in check(tmp_path).findings if "nearly alike" in f.message]

    assert [f.file for f in found] == ["a, b"]


def test_objects_of_a_small_array() -> None:
    labels = np.array([[1, 1, 2], [0, 0, 2], [3, 0, 0], [0, 0, 3]], np.int32)

    objects = summarize_objects([labels])

    assert (objects.count, objects.smallest_px, objects.largest_px) == (3, 2, 2)
    assert objects.touching_share == pytest.approx(2 / 3)
    assert objects.in_pieces == 1
    assert objects.median_diameter_px == pytest.approx(2 * np.sqrt(2 / np.pi))
    assert touching_ids(labels).tolist() == [1, 2]
    assert summarize_objects([labels * 0]).count == 0
    assert summarize_objects([np.array([[1, 0], [0, 1]], np.int32)]).in_pieces == 0  # joined at a corner
