"""What the names of image and label files have in common."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from overtile.core.errors import DataError

LABEL_SUFFIXES = (
    "_cp_masks", "_masks", "_mask", "_labels", "_label", "_lbl", "_seg", "_segmentation", "_gt", "_groundtruth",
    "_annotation", "_annotations", "_manual1", "_manual", "-masks", "-mask", "-labels", "-label", "-seg", "-gt",
)  # fmt: skip
VALID_SUFFIXES = ("_fov", "_valid", "_roi", "_mask", "-fov", "-valid", "-roi")
IMAGE_SUFFIXES = ("_image", "_img", "_raw", "_training", "_im", "-image", "-img", "-raw")


def natural_order(path: Path) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts 2 before 10.

    >>> [p.name for p in sorted(map(Path, ["z10", "z2"]), key=natural_order)]
    ['z2', 'z10']
    """
    parts = re.split(r"([0-9]+)", str(path))
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def suffix_of(path: Path) -> str:
    """Suffix in lower case, with what is compressed.

    >>> suffix_of(Path("a.ome.TIF")), suffix_of(Path("brain.nii.gz"))
    ('.tif', '.nii.gz')
    """
    suffix = path.suffix.lower()
    return ".nii.gz" if suffix == ".gz" and path.stem.lower().endswith(".nii") else suffix


def stem_of(path: Path) -> str:
    """Name without suffix, without the .ome of .ome.tif and the .nii of .nii.gz.

    >>> stem_of(Path("a.ome.zarr")), stem_of(Path("brain.nii.gz"))
    ('a', 'brain')
    """
    return path.name[: len(path.name) - len(suffix_of(path))].removesuffix(".ome")


def stripped(stem: str, suffixes: Iterable[str]) -> str:
    """Remove the first suffix that fits, unless nothing would be left."""
    found = next((s for s in suffixes if stem.lower().endswith(s) and len(stem) > len(s)), "")
    return stem[: len(stem) - len(found)]


def image_key_of(stem: str) -> str:
    """Stem of an image without channel number and words such as _image."""
    return stripped(re.sub(r"_0000$", "", stem), IMAGE_SUFFIXES)


def image_key(path: Path) -> str:
    """What an image file has in common with its labels."""
    return image_key_of(stem_of(path))


def label_key(path: Path) -> str:
    """What a label file has in common with its image."""
    return image_key_of(stripped(stem_of(path), LABEL_SUFFIXES))


def by_key(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    """Index files by key; two files of one key cannot be told apart."""
    found: dict[str, Path] = {}
    for path in paths:
        if key(path) in found:
            other = found[key(path)]
            raise DataError(f"{other} and {path} have the same name {key(path)!r}. Rename one or move it elsewhere.")
        found[key(path)] = path
    return found


def listed(paths: Sequence[Path]) -> str:
    """Name up to five files and count the rest."""
    shown = ", ".join(path.name for path in paths[:5])
    return shown if len(paths) <= 5 else f"{shown} and {len(paths) - 5} more"
