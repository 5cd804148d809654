"""How images and labels lie in a folder: which file belongs to which."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path

from overtile.core.errors import DataError
from overtile.data.file_names import (
    LABEL_SUFFIXES,
    VALID_SUFFIXES,
    by_key,
    image_key,
    image_key_of,
    label_key,
    listed,
    natural_order,
    stem_of,
    stripped,
)
from overtile.data.formats import READERS, REFUSED, is_readable

logger = logging.getLogger(__name__)

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "raw", "inputs", "input")
LABEL_FOLDERS = (
    "labels", "label", "masks", "mask", "annotations", "annotation", "gt", "ground_truth", "groundtruth",
    "segmentations", "segmentation", "targets", "1st_manual", "manual",
)  # fmt: skip
VALID_FOLDERS = ("fov", "valid", "roi", "fov_masks", "field_of_view")

EXPECTED = """Expected one of
  DATA/images/NAME.tif + DATA/labels/NAME.tif   (also masks, annotations, gt; NAME_mask, NAME_label, ... pair too)
  DATA/NAME.tif + DATA/NAME_masks.tif           (Cellpose; also _mask, _label, _labels, _seg, _gt)
  DATA/imagesTr/NAME_0000.tif + DATA/labelsTr/NAME.tif   (nnU-Net)"""


@dataclass(frozen=True)
class Pair:
    """One annotated image on disk.

    Attributes:
        name: what the files have in common; unique in its folder.
        image: file of the image.
        labels: file of the labels.
        valid: file that is 0 where pixels shall be ignored.
    """

    name: str
    image: Path
    labels: Path
    valid: Path | None = None


@dataclass(frozen=True)
class Layout:
    """What was found in a folder.

    Attributes:
        name: which layout it is, in words.
        pairs: the annotated images, sorted by name.
        notes: what was left out or assumed.
    """

    name: str
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Files:
    """The files of one layout before they are paired."""

    layout: str
    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def find_pairs(folder: str | Path, *, labels: str | None = None, allow_unlabelled: bool = False) -> Layout:
    """Find which image belongs to which labels.

    Args:
        folder: the folder with images and labels.
        labels: name of the folder with the labels, where there are several.
        allow_unlabelled: leave out images without labels instead of stopping.

    Raises:
        DataError: the folder is missing, empty or arranged in another way; files have no partner.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root} is no folder. {EXPECTED}")
    for find in LAYOUTS:
        files = find(root, labels)
        if files is not None:
            return _with_valid(root, _paired(files, allow_unlabelled=allow_unlabelled))
    raise DataError(f"{root} holds no annotated images. {EXPECTED}\nFound {_contents(root)}.")


def _two_folders(root: Path, labels: str | None) -> _Files | None:
    images = _subfolders(root, IMAGE_FOLDERS)
    targets = _subfolders(root, (labels,) if labels is not None else LABEL_FOLDERS)
    if labels is not None and not targets:
        raise DataError(f"{root} has no folder {labels!r} for the labels. Found {_contents(root)}.")
    if not images or not targets:
        return None
    for kind, found in (("images", images), ("labels", targets)):
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            advice = "Name one with --labels." if kind == "labels" else "Move all but one elsewhere."
            raise DataError(f"{root} has several folders of {kind}: {names}. {advice}")
    return _in_folders("images + labels", images[0], targets[0])


def _nnunet(root: Path, _labels: str | None) -> _Files | None:
    images, targets = root / "imagesTr", root / "labelsTr"
    if not images.is_dir() or not targets.is_dir():
        return None
    files = _in_folders("nnU-Net", images, targets)
    channels = Counter(m[1] for path in files.images if (m := re.search(r"_(\d{4})$", stem_of(path))))
    if len(channels) > 1:
        raise DataError(
            f"{images} keeps the channels of an image in {len(channels)} files ({', '.join(sorted(channels))}): "
            "expected one file per image. Join the channels into one TIFF per image."
        )
    return files


def _flat(root: Path, _labels: str | None) -> _Files | None:
    files, notes = _readable(root)
    labels = tuple(path for path in files if stripped(stem_of(path), LABEL_SUFFIXES) != stem_of(path))
    images = tuple(path for path in files if path not in labels)
    return _Files("image beside labels", images, labels, notes) if labels and images else None


LAYOUTS: tuple[Callable[[Path, str | None], _Files | None], ...] = (_two_folders, _nnunet, _flat)
"""Tried in this order; each returns None where the folder is arranged differently."""


def _in_folders(name: str, images: Path, labels: Path) -> _Files:
    image_files, image_notes = _readable(images)
    label_files, label_notes = _readable(labels)
    for folder, files in ((images, image_files), (labels, label_files)):
        if not files:
            raise DataError(f"{folder} holds no image that can be read. {EXPECTED}\nFound {_contents(folder)}.")
    return _Files(name, image_files, label_files, image_notes + label_notes)


def _readable(folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """List the image files of a folder in natural order, and say what is left out."""
    files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    sessions = [p for p in files if p.name.endswith("_seg.npy")]  # a Cellpose session is a pickle, no array
    good = sorted((p for p in files if is_readable(p) and p not in sessions), key=natural_order)
    rest = Counter(p.suffix.lower() or p.name for p in files if p not in good)
    notes = [
        f"{folder.name}: {n} {suffix} file(s) left out. {REFUSED.get(suffix, '')}".strip() for suffix, n in rest.items()
    ]
    return tuple(good), tuple(notes)


def _paired(files: _Files, *, allow_unlabelled: bool) -> Layout:
    """Pair by stem; what is left, by stem without the usual suffixes."""
    images = by_key(files.images, stem_of)
    labels = by_key(files.labels, stem_of)
    common = images.keys() & labels.keys()
    pairs = [Pair(key, images[key], labels[key]) for key in common]
    left_images = by_key([p for k, p in images.items() if k not in common], image_key)
    left_labels = by_key([p for k, p in labels.items() if k not in common], label_key)
    also = left_images.keys() & left_labels.keys()
    pairs += [Pair(key, left_images[key], left_labels[key]) for key in also]
    lonely_images = [p for k, p in left_images.items() if k not in also]
    lonely_labels = [p for k, p in left_labels.items() if k not in also]
    notes = list(files.notes)
    if lonely_images and allow_unlabelled and pairs:
        notes.append(f"{len(lonely_images)} image(s) without labels left out: {listed(lonely_images)}")
        lonely_images = []
    _refuse_lonely(lonely_images, lonely_labels)
    return Layout(files.layout, tuple(sorted(pairs, key=lambda pair: natural_order(Path(pair.name)))), tuple(notes))


def _refuse_lonely(images: list[Path], labels: list[Path]) -> None:
    if not images and not labels:
        return
    parts = []
    if images:
        parts.append(f"{len(images)} image(s) without labels: {listed(images)}.")
    if labels:
        parts.append(f"{len(labels)} label file(s) without image: {listed(labels)}.")
    advice = "Give partners the same name, or move the rest elsewhere"
    raise DataError(" ".join(parts) + f" {advice}{', or pass --allow-unlabelled' if images and not labels else ''}.")


def _with_valid(root: Path, layout: Layout) -> Layout:
    """Add the masks of valid regions that lie beside the images."""
    folders = _subfolders(root, VALID_FOLDERS)
    if not folders:
        return layout
    files, notes = _readable(folders[0])
    masks = by_key(files, stem_of) | by_key(files, lambda path: image_key_of(stripped(stem_of(path), VALID_SUFFIXES)))
    pairs = [
        replace(pair, valid=masks.get(stem_of(pair.image), masks.get(image_key_of(stem_of(pair.image)))))
        for pair in layout.pairs
    ]
    n = sum(pair.valid is not None for pair in pairs)
    note = f"pixels outside the masks in {folders[0].name}/ are ignored ({n} of {len(pairs)} images have one)"
    return replace(layout, pairs=tuple(pairs), notes=(*layout.notes, *notes, note))


def find_images(path: str | Path) -> tuple[Path, ...]:
    """Find the images to predict: a file, the images of a folder (or of its images/), or a pattern such as 'a/*.tif'.

    Raises:
        DataError: there is no such file, or none that can be read.
    """
    root = Path(path)
    if root.is_file():
        return (root,)
    if not root.is_dir():
        matches = sorted((Path(p) for p in glob(str(path), recursive=True)), key=natural_order)  # noqa: PTH207
        images = tuple(p for p in matches if p.is_file() and is_readable(p))
        if not images:
            raise DataError(f"no image matches {path}. Check the path; known formats: {', '.join(READERS)}.")
        return images
    files, _ = _readable(root)
    inner = _subfolders(root, IMAGE_FOLDERS)
    if not files and len(inner) == 1:
        logger.info("%s: the images in %s/ are used", root, inner[0].name)
        files, _ = _readable(inner[0])
    stems = {stem_of(p) for p in files}
    images = tuple(p for p in files if stripped(stem_of(p), LABEL_SUFFIXES) not in stems - {stem_of(p)})
    if not images:
        raise DataError(
            f"{root} holds no image that can be read. Found {_contents(root)}; known: {', '.join(READERS)}."
        )
    return images


def _subfolders(root: Path, names: Iterable[str]) -> list[Path]:
    wanted = {name.lower() for name in names}
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name.lower() in wanted)


def _contents(folder: Path) -> str:
    folders = sorted(path.name + "/" for path in folder.iterdir() if path.is_dir())
    suffixes = Counter(path.suffix.lower() or path.name for path in folder.iterdir() if path.is_file())
    files = [f"{n} {suffix} file(s)" for suffix, n in suffixes.most_common()]
    return ", ".join([*folders[:8], *files[:8]]) or "an empty folder"
