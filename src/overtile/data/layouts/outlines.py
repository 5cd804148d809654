"""Files of outlines beside images, or in a folder of their own: which file belongs to which image."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from overtile.core.image import Image
from overtile.data.file_names import LABEL_SUFFIXES, by_key, image_key, natural_order, stem_of, stripped
from overtile.data.formats import read_image
from overtile.data.layouts.folders import IMAGE_FOLDERS, LABEL_FOLDERS, only_folder, readable, subfolders
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.layouts.masks import refuse_lonely
from overtile.data.reading import Reading
from overtile.data.shapes import Shape, annotation_of, class_values

OutlineReader = Callable[[Path], tuple[list[Shape], list[str]]]
"""Reads the shapes of a file, and says what was left out."""

OUTLINE_SUFFIXES = (*LABEL_SUFFIXES, "_roiset", "_rois", "_roi", "-roiset", "-rois", "-roi")


def outline_files(root: Path, suffixes: tuple[str, ...], reading: Reading) -> tuple[list[Path], list[Path]]:
    """The images of a folder, and the files with some suffix that lie beside them or in a folder for labels."""
    folders = subfolders(root, IMAGE_FOLDERS)
    home = only_folder(root, "images", folders) or root
    places = {home, root, *subfolders(root, LABEL_FOLDERS if reading.labels is None else (reading.labels,))}
    found = [path for place in sorted(places) for path in place.iterdir() if path.name.lower().endswith(suffixes)]
    return list(readable(home)[0]), sorted(found, key=natural_order)


def outlined(
    layout: str, files: tuple[Sequence[Path], Sequence[Path]], reading: Reading, read: OutlineReader
) -> Layout:
    """The layout of images and their files of outlines; classes are numbered by name.

    Raises:
        DataError: files have no partner, or a file of outlines cannot be read.
    """
    found, notes = by_image(*files, reading)
    shapes: dict[str, list[Shape]] = {}
    for name, (_, outlines) in found.items():
        parts = [read(path) for path in outlines]
        shapes[name] = [shape for part, _ in parts for shape in part]
        notes = (*notes, *(note for _, said in parts for note in said))
    values = class_values([shape for part in shapes.values() for shape in part])
    pairs = [
        Pair(name, image, outlines[0], partial(_read, image, shapes[name], values))
        for name, (image, outlines) in found.items()
    ]
    meaning = Meaning(True, {0: "background", **{value: name for name, value in values.items()}})
    return Layout(layout, tuple(pairs), notes, meaning)


def _read(path: Path, shapes: Sequence[Shape], values: dict[str, int]) -> tuple[Image, Annotation]:
    image = read_image(path)
    return image, annotation_of(shapes, image.size, values)


def by_image(
    images: Sequence[Path], outlines: Sequence[Path], reading: Reading
) -> tuple[dict[str, tuple[Path, list[Path]]], tuple[str, ...]]:
    """Name -> image and its files of outlines, and notes on what was left out.

    NAME.geojson and NAME.tif.geojson belong to NAME.tif; so do NAME_rois.zip and RoiSet_NAME.zip.

    Raises:
        DataError: files have no partner.
    """
    by_stem = by_key(images, stem_of)
    by_bare_stem = by_key(images, image_key)
    found: dict[str, tuple[Path, list[Path]]] = {}
    lonely = []
    for path in outlines:
        names = _names(path)
        image = next((place[n] for place in (by_stem, by_bare_stem) for n in names if n in place), None)
        if image is None:
            lonely.append(path)
        else:
            found.setdefault(stem_of(image), (image, []))[1].append(path)
    notes = refuse_lonely(
        [path for stem, path in by_stem.items() if stem not in found], lonely,
        allow_unlabelled=reading.allow_unlabelled and bool(found),
    )  # fmt: skip
    return {name: found[name] for name in sorted(found, key=lambda name: natural_order(Path(name)))}, notes


def _names(path: Path) -> list[str]:
    """What the image may be called, the likeliest first."""
    stem = path.name.removesuffix(path.suffix)
    inner = stem_of(Path(stem))
    bare = stripped(inner, OUTLINE_SUFFIXES)
    start = bare[len("roiset_") :] if bare.lower().startswith("roiset_") else bare
    return [stem, inner, bare, start]
