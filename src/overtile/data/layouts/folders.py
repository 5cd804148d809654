"""What lies in a folder: images, sub-folders, all the rest."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from overtile.core.errors import DataError
from overtile.data.file_names import natural_order
from overtile.data.formats import REFUSED, is_readable

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "raw", "inputs", "input")
LABEL_FOLDERS = (
    "labels", "label", "masks", "mask", "annotations", "annotation", "gt", "ground_truth", "groundtruth",
    "segmentations", "segmentation", "targets", "1st_manual", "manual",
)  # fmt: skip
VALID_FOLDERS = ("fov", "valid", "roi", "fov_masks", "field_of_view")

GROUPS_FILE = "groups.csv"
"""Says which images belong together; no image, and not left out."""

SESSION = "_seg.npy"
"""What the names of Cellpose sessions end with; they are pickles, no arrays."""


def readable(folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """List the image files of a folder in natural order, and say what is left out."""
    entries = [p for p in folder.iterdir() if not p.name.startswith(".") and p.name != GROUPS_FILE]
    good = sorted((p for p in entries if is_readable(p) and not p.name.endswith(SESSION)), key=natural_order)
    rest = Counter(p.suffix.lower() or p.name for p in entries if p.is_file() and p not in good)
    notes = [
        f"{folder.name}: {n} {suffix} file(s) left out. {REFUSED.get(suffix, '')}".strip() for suffix, n in rest.items()
    ]
    return tuple(good), tuple(notes)


def subfolders(root: Path, names: Iterable[str]) -> list[Path]:
    """The folders in a folder that have one of some names, in lower or upper case."""
    wanted = {name.lower() for name in names}
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name.lower() in wanted)


def only_folder(root: Path, kind: str, found: list[Path]) -> Path | None:
    """The folder of some kind, if there is one.

    Raises:
        DataError: there are several.
    """
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        advice = "Name one with --labels." if kind == "labels" else "Move all but one elsewhere."
        raise DataError(f"{root} has several folders of {kind}: {names}. {advice}")
    return found[0] if found else None


def label_folder(root: Path, labels: str | None) -> Path | None:
    """The folder with the labels: the named one, or the only one with a usual name.

    Raises:
        DataError: the named one does not exist, or there are several.
    """
    found = subfolders(root, LABEL_FOLDERS if labels is None else (labels,))
    if labels is not None and not found:
        raise DataError(f"{root} has no folder {labels!r} for the labels. Found {contents(root)}.")
    return only_folder(root, "labels", found)


def contents(folder: Path) -> str:
    """Describe what a folder holds, for messages."""
    folders = sorted(path.name + "/" for path in folder.iterdir() if path.is_dir())
    suffixes = Counter(path.suffix.lower() or path.name for path in folder.iterdir() if path.is_file())
    files = [f"{n} {suffix} file(s)" for suffix, n in suffixes.most_common()]
    return ", ".join([*folders[:8], *files[:8]]) or "an empty folder"
