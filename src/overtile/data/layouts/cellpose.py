"""Masks beside their images, as Cellpose has it: DATA/NAME.tif and DATA/NAME_masks.tif, or its sessions NAME_seg.npy."""

from functools import partial
from pathlib import Path

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data.cellpose_session import session_masks
from overtile.data.file_names import LABEL_SUFFIXES, natural_order, stem_of, stripped
from overtile.data.formats import read_image
from overtile.data.layouts.folders import SESSION, readable
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.layouts.masks import Files, paired_masks, partners
from overtile.data.reading import Reading


def find_beside(root: Path, reading: Reading) -> Layout | None:
    """Find masks beside their images, told apart by the ends of their names."""
    files, notes = readable(root)
    labels = tuple(path for path in files if stripped(stem_of(path), LABEL_SUFFIXES) != stem_of(path))
    images = tuple(path for path in files if path not in labels)
    if not labels or not images:
        return None
    if _sessions(root):
        notes = (*notes, "there are Cellpose sessions too; --layout cellpose-seg reads them instead of the masks")
    return paired_masks("cellpose", Files(images, labels, notes), reading)


def find_sessions(root: Path, reading: Reading) -> Layout | None:
    """Find sessions of the Cellpose window beside their images; only the masks in them are read.

    Raises:
        DataError: images have no session, or sessions no image.
    """
    sessions = _sessions(root)
    if not sessions:
        return None
    files, notes = readable(root)
    images = tuple(path for path in files if stripped(stem_of(path), LABEL_SUFFIXES) == stem_of(path))
    if not images:
        raise DataError(f"{root} holds {len(sessions)} Cellpose session(s) and no image. Put the images beside them.")
    notes = tuple(note for note in notes if ".npy file(s)" not in note)
    found, notes = partners(Files(images, sessions, notes), reading)
    pairs = [Pair(name, image, path, partial(_read, image, path)) for name, (image, path) in found.items()]
    return Layout("cellpose-seg", tuple(pairs), notes, Meaning(objects=True))


def _sessions(root: Path) -> tuple[Path, ...]:
    return tuple(sorted((path for path in root.glob(f"*{SESSION}") if path.is_file()), key=natural_order))


def _read(image: Path, session: Path) -> tuple[Image, Annotation]:
    return read_image(image), Annotation(session_masks(session))
