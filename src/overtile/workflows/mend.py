"""A mended copy of a folder of annotated images."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from overtile.core import DataError, OptionError, OutputExistsError, UnknownNameError
from overtile.core.atomic import rename_folder
from overtile.data import Reading, find_pairs, read_labels, write_image, write_labels
from overtile.data.channels import select_channels
from overtile.data.dataset import RawSample, check_sizes, read_pair
from overtile.data.groups import with_groups, write_groups
from overtile.data.layouts import Pair
from overtile.data.mending import Fix, fix_named


@dataclass(frozen=True)
class Mended:
    """What was written.

    Attributes:
        images: names of all images of the copy; planes of a stack count one by one.
        changed: names of those that differ from the original.
        left_out: names of the images that are not in the copy.
    """

    images: tuple[str, ...]
    changed: tuple[str, ...]
    left_out: tuple[str, ...]


def mend(
    data: str | Path,
    output: str | Path,
    fixes: Sequence[str] = (),
    *,
    only: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    reading: Reading | None = None,
) -> Mended:
    """Write a mended copy of a folder of annotated images; the folder itself stays as it is.

    The copy has images/ and labels/ as TIFF, valid/ where not all pixels count, and groups.csv where images belong together,
    such as the planes of one stack.

    Args:
        data: folder of annotated images.
        output: folder to write to; must be empty or not exist.
        fixes: applied in this order, each NAME or NAME=VALUE with a name of overtile.data.mending.FIXES.
        only: names of the images to mend, all if empty; the others are copied.
        leave_out: names of the images that shall not be in the copy.
        reading: how the folder is to be read, where that shall not be found out.

    Raises:
        DataError: the images cannot be read, cannot be mended in this way, or do not fit their labels thereafter.
        OptionError: nothing is asked for, or a fix has a value that it cannot have.
        OutputExistsError: the folder to write to is not empty.
        UnknownNameError: there is no such fix, or no image of that name.
    """
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputExistsError(f"{folder} exists already and is not empty. Choose another folder for the mended copy.")
    if not fixes and not leave_out:
        raise OptionError("nothing to mend: name a fix (--fix split), or images to leave out (--leave-out a,b)")
    chosen = [fix_named(text) for text in fixes]
    reading = reading or Reading()
    found = with_groups(find_pairs(data, reading), data)
    samples = [sample for pair in found.pairs for sample in _read(pair, reading)]
    names = [sample.name for sample in samples]
    for name in (*only, *leave_out):
        if name not in names:
            raise UnknownNameError("image", name, names)
    kept = [sample for sample in samples if sample.name not in leave_out]
    if not kept:
        raise OptionError(f"all {len(samples)} images would be left out: keep at least one")
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        changed = tuple(_write_all(kept, chosen, only or names, partial))
        write_groups(partial, {sample.name: sample.group for sample in kept})
        rename_folder(partial, folder, overwrite=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Mended(tuple(sample.name for sample in kept), changed, tuple(leave_out))


def _read(pair: Pair, reading: Reading) -> list[RawSample]:
    """Read a pair; an image and labels of different sizes are let through, since a turn may mend them."""
    image, annotation = pair.read()
    if annotation.classes is not None:
        raise DataError(
            f"{pair.labels} holds objects with classes, which a picture of labels cannot hold. Correct it in the tool "
            "that wrote it."
        )
    if annotation.labels.ndim > 2 or len(image.size) > 2:
        return read_pair(pair, reading)
    valid = annotation.valid
    if pair.valid is not None:
        inside = read_labels(pair.valid) > 0
        valid = inside if valid is None else valid & inside
    chosen = select_channels(image, reading.channels, str(pair.image))
    return [RawSample(pair.name, chosen, annotation.labels, valid, pair.group or pair.name, pair.image)]


def _write_all(
    samples: Sequence[RawSample], fixes: Sequence[Fix], chosen: Sequence[str], folder: Path
) -> Iterator[str]:
    """Mend and write; gives the names of what has changed."""
    for sample in samples:
        mended = sample
        for fix in fixes if sample.name in chosen else ():
            mended = fix(mended)
        check_sizes(mended)
        size_um = mended.image.pixel_size_um
        write_image(folder / "images" / f"{sample.name}.tif", mended.image)
        write_labels(folder / "labels" / f"{sample.name}.tif", mended.labels, pixel_size_um=size_um)
        if mended.valid is not None:
            write_labels(folder / "valid" / f"{sample.name}.tif", mended.valid.astype(np.uint8) * 255)
        if _differs(sample, mended):
            yield sample.name


def _differs(before: RawSample, after: RawSample) -> bool:
    return not (np.array_equal(before.labels, after.labels) and np.array_equal(before.image.array, after.image.array))
