import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from overtile.core.errors import DataError, FormatError
from overtile.data import load
from overtile.data.rle import compressed, run_lengths

MASK = np.zeros((8, 10), bool)
MASK[5:, 6:] = True


def annotation(number: int, outline: Any, category: int = 3, image: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "segmentation": outline, "iscrowd": 0, **more}


def content(*annotations: dict[str, Any], names: tuple[str, ...] = ("cell",)) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 10}],
        "annotations": list(annotations),
        "categories": [{"id": 3 + i, "name": name} for i, name in enumerate(names)],
    }


def folder(root: Path, document: Any, file: str = "annotations.json", images: str = "images") -> Path:
    (root / images).mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.arange(80, dtype=np.uint8).reshape(8, 10)).save(root / images / "a.png")
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(json.dumps(document))
    return root


SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]


def test_polygons_and_both_kinds_of_run_lengths_are_objects(tmp_path: Path) -> None:
    counts = run_lengths(MASK)
    document = content(
        annotation(1, SQUARE),
        annotation(2, {"size": [8, 10], "counts": counts}),
        annotation(3, {"size": [8, 10], "counts": compressed(run_lengths(np.roll(MASK, -5, axis=0)))}),
    )

    data = load(folder(tmp_path, document))

    assert (data.layout, data.labelling.task, data.labelling.class_names) == (
        "coco",
        "instances",
        ("background", "cell"),
    )
    labels = data.samples[0].labels
    assert np.argwhere(labels == labels[1, 1]).tolist() == [[y, x] for y in (1, 2) for x in (1, 2, 3)]
    assert len(np.unique(labels)) == 4
    assert (labels[MASK] > 0).all()


def test_parts_of_one_object_add_up_and_crowds_are_ignored(tmp_path: Path) -> None:
    crowd = annotation(2, {"size": [8, 10], "counts": run_lengths(MASK)}, iscrowd=1)
    data = load(folder(tmp_path, content(annotation(1, [*SQUARE, [6, 1, 8, 1, 8, 2, 6, 2]]), crowd)))
    assert data.samples[0].labels.tolist()[1] == [0, 1, 1, 1, 0, 0, 1, 1, 0, 0]
    assert data.samples[0].valid is not None
    assert np.array_equal(data.samples[0].valid, ~MASK)


def test_several_categories_are_classes(tmp_path: Path) -> None:
    document = content(annotation(1, SQUARE, 3), annotation(2, [[6, 5, 9, 5, 9, 8]], 4), names=("cell", "nucleus", "x"))
    data = load(folder(tmp_path, document))
    assert (data.labelling.task, data.labelling.class_names) == ("semantic", ("background", "cell", "nucleus"))
    assert data.samples[0].labels[1, 1] == 1
    assert data.samples[0].labels[6, 8] == 2
    assert load(tmp_path, task="instances").samples[0].labels.max() == 2


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("annotations/instances.json", "images"), ("instances.json", "train2017"), ("_annotations.coco.json", "."),
        ("train/_annotations.coco.json", "train"),
    ],
)  # fmt: skip
def test_files_are_found_where_tools_put_them(tmp_path: Path, file: str, images: str) -> None:
    assert len(load(folder(tmp_path, content(annotation(1, SQUARE)), file, images)).samples) == 1


def test_images_without_annotation_are_background(tmp_path: Path) -> None:
    document = content(annotation(1, SQUARE))
    document["images"].append({"id": 2, "file_name": "b.png"})
    PIL.Image.fromarray(np.zeros((8, 10), np.uint8)).save(folder(tmp_path, document) / "images" / "b.png")
    data = load(tmp_path)
    assert data.samples[1].labels.max() == 0
    assert "1 image(s) have no annotation at all: they are taken as background" in data.notes


def test_other_json_is_no_coco(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no annotated images"):
        load(folder(tmp_path, {"images": []}))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (content(annotation(1, SQUARE, 9)), "annotations of category 9, which it does not name"),
        (content(annotation(1, [])), "annotation 1 has no outline of at least 3 points. Boxes alone"),
        (content(annotation(1, [[1, 2, 3, 4]])), "annotation 1 has no outline of at least 3 points"),
        (content(annotation(1, [[1, 2, 3]])), "annotation 1 has no outline: cannot reshape"),
        (content(annotation(1, {"size": [8, 10], "counts": [3]})), "run lengths add up to 3 pixels, expected 8 x 10"),
        (content(annotation(1, {"size": [10, 8], "counts": [80]})), r"mask of size \(10, 8\), its image \(8, 10\)"),
        (content({"id": 1, "category_id": 3}), "is no COCO file: KeyError: 'image_id'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(folder(tmp_path, document))


def test_missing_images_stacks_and_other_names(tmp_path: Path) -> None:
    folder(tmp_path, content(annotation(1, SQUARE)))
    (tmp_path / "second.json").write_text(json.dumps(content(annotation(1, SQUARE), names=("dog",))))
    with pytest.raises(DataError, match="calls category 3 'dog', another file 'cell'"):
        load(tmp_path)
    (tmp_path / "second.json").write_text("{")
    with pytest.raises(FormatError, match=r"cannot read .*second\.json"):
        load(tmp_path)
    (tmp_path / "second.json").unlink()
    np.save(tmp_path / "images" / "s.npy", np.zeros((9, 8, 10), np.uint8))
    document = content(annotation(1, SQUARE))
    document["images"][0]["file_name"] = "s.npy"
    with pytest.raises(DataError, match=r"s\.npy is a stack of size \(9, 8, 10\): COCO annotates single planes"):
        load(folder(tmp_path, document))
    document["images"][0]["file_name"] = "gone.png"
    with pytest.raises(DataError, match=r"names the image gone\.png, which is not in"):
        load(folder(tmp_path, document))
