"""COCO: a json file that lists images, categories and annotations; polygons or run lengths."""

import json
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.errors import DataError, FormatError
from overtile.core.image import Image
from overtile.data.file_names import natural_order
from overtile.data.formats import read_image
from overtile.data.layouts.folders import LABEL_FOLDERS, subfolders
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.reading import Reading
from overtile.data.rle import read_rle
from overtile.data.shapes import Patch, Polygon, Role, Shape, annotation_of, check_mask_size, fill

Categories = tuple[dict[int, str], dict[str, int]]
"""Category number -> name, and name -> class value."""

KEYS = ("images", "annotations", "categories")


def find_coco(root: Path, reading: Reading) -> Layout | None:
    """Find json files with images, annotations and categories, in the folder or in one for labels.

    Raises:
        DataError: an image is missing, files name categories differently, or a file is damaged.
    """
    contents = {path: content for path in _json_files(root, reading.labels) if (content := _content(path)) is not None}
    if not contents:
        return None
    names = _category_names(contents)
    values = {names[identifier]: value for value, identifier in enumerate(sorted(names), start=1)}
    pairs: list[Pair] = []
    for path, content in contents.items():
        try:
            pairs += _pairs(root, path, content, (names, values))
        except (KeyError, TypeError) as error:
            raise FormatError(f"{path} is no COCO file: {type(error).__name__}: {error}. Export it again.") from error
    pairs.sort(key=lambda pair: natural_order(Path(pair.name)))
    bare = sum(
        len({e["id"] for e in c["images"]} - {a["image_id"] for a in c["annotations"]}) for c in contents.values()
    )
    notes = (f"{bare} image(s) have no annotation at all: they are taken as background",) if bare else ()
    meaning = Meaning(True, {0: "background", **{value: name for name, value in values.items()}})
    return Layout("coco", tuple(pairs), notes, meaning)


def _json_files(root: Path, labels: str | None) -> list[Path]:
    folders = [root, *subfolders(root, LABEL_FOLDERS if labels is None else (labels,))]
    found = [path for folder in folders for path in sorted(folder.glob("*.json"), key=natural_order)]
    return found or sorted(root.glob("*/_annotations.coco.json"))


def _content(path: Path) -> dict[str, Any] | None:
    """A COCO file; None for json of another kind."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot read {path}: {error}. Export it again, or move it elsewhere.") from error
    is_coco = isinstance(content, dict) and all(isinstance(content.get(key), list) for key in KEYS)
    return content if is_coco else None


def _category_names(contents: dict[Path, dict[str, Any]]) -> dict[int, str]:
    """Number -> name of the categories that annotations have."""
    names: dict[int, str] = {}
    for path, content in contents.items():
        used = {annotation.get("category_id") for annotation in content["annotations"]}
        named = {one.get("id"): str(one.get("name")) for one in content["categories"]}
        if used - named.keys():
            raise FormatError(
                f"{path} has annotations of category {min(used - named.keys(), key=str)}, which it does not name. Export it "
                "again."
            )
        for identifier in used:
            if names.setdefault(identifier, named[identifier]) != named[identifier]:
                raise DataError(
                    f"{path} calls category {identifier} {named[identifier]!r}, another file {names[identifier]!r}. Put the "
                    "files into folders of their own."
                )
    return names


def _pairs(root: Path, path: Path, content: dict[str, Any], categories: Categories) -> list[Pair]:
    annotations: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    pairs = []
    for entry in content["images"]:
        file = _image_file(root, path, str(entry["file_name"]))
        name = Path(entry["file_name"]).with_suffix("").as_posix().replace("/", "_")
        pairs.append(Pair(name, file, path, partial(_read, file, path, annotations[entry["id"]], categories)))
    return pairs


def _image_file(root: Path, path: Path, name: str) -> Path:
    """Where an image lies: beside the json file, in the folder, or in a folder of it."""
    places = [path.parent / name, root / name, *(folder / name for folder in sorted(root.iterdir()) if folder.is_dir())]
    places += [folder / Path(name).name for folder in sorted(root.iterdir()) if folder.is_dir()]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(f"{path} names the image {name}, which is not in {root} or a folder of it. Put it there.")
    return found


def _read(
    image_file: Path, path: Path, annotations: list[dict[str, Any]], categories: Categories
) -> tuple[Image, Annotation]:
    names, values = categories
    image = read_image(image_file)
    if len(image.size) != 2:
        raise DataError(
            f"{image_file} is a stack of size {image.size}: COCO annotates single planes. Save them as images."
        )
    shapes = [_shape(annotation, names[annotation["category_id"]], path) for annotation in annotations]
    return image, annotation_of(shapes, image.size, values)


def _shape(annotation: dict[str, Any], class_name: str, path: Path) -> Shape:
    """A shape; crowds are regions of uncounted objects, whose pixels are ignored."""
    source, outline = f"{path}, annotation {annotation.get('id')}", annotation.get("segmentation")
    role: Role = "ignored" if annotation.get("iscrowd") else "object"
    if isinstance(outline, dict):
        return Shape(class_name, partial(_from_runs, outline, source), role)
    return Shape(class_name, partial(fill, _polygons(outline, source)), role)


def _polygons(outline: Any, source: str) -> list[Polygon]:
    try:
        rings = [np.array(flat, np.float64).reshape(-1, 2) for flat in outline]
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{source} has no outline: {error}. Expected polygons [x, y, x, y, ...] or run lengths."
        ) from error
    if not rings or min(len(ring) for ring in rings) < 3:
        raise FormatError(
            f"{source} has no outline of at least 3 points. Boxes alone cannot be learned from: draw outlines."
        )
    return [(ring,) for ring in rings]


def _from_runs(outline: dict[str, Any], source: str, size: tuple[int, int]) -> Patch:
    return check_mask_size(read_rle(outline), size, source)
