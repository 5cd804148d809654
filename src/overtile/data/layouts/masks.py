"""Images whose labels are pictures too: one number or colour per pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data.file_names import by_key, image_key, label_key, listed, natural_order, stem_of
from overtile.data.formats import read_image, read_labels
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.palette import Palette
from overtile.data.reading import Reading


@dataclass(frozen=True)
class Files:
    """The files of one layout before they are paired; notes say what was left out."""

    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def paired_masks(layout: str, files: Files, reading: Reading) -> Layout:
    """Pair images and masks by stem; what is left, by stem without the usual suffixes.

    Raises:
        DataError: files have no partner.
    """
    by_stem, notes = partners(files, reading)
    pairs = [
        Pair(name, image, labels, partial(read_masked, (image,), labels, reading.palette))
        for name, (image, labels) in by_stem.items()
    ]
    return Layout(layout, tuple(pairs), notes, palette_meaning(reading.palette))


def partners(files: Files, reading: Reading) -> tuple[dict[str, tuple[Path, Path]], tuple[str, ...]]:
    """Name -> image and labels, sorted by name, and notes on what was left out.

    Raises:
        DataError: files have no partner.
    """
    images, labels = by_key(files.images, stem_of), by_key(files.labels, stem_of)
    found = {key: (images[key], labels[key]) for key in images.keys() & labels.keys()}
    left_images = by_key([p for k, p in images.items() if k not in found], image_key)
    left_labels = by_key([p for k, p in labels.items() if k not in found], label_key)
    found |= {key: (left_images[key], left_labels[key]) for key in left_images.keys() & left_labels.keys()}
    taken = {path for pair in found.values() for path in pair}
    notes = refuse_lonely(
        [p for p in files.images if p not in taken], [p for p in files.labels if p not in taken],
        allow_unlabelled=reading.allow_unlabelled and bool(found),
    )  # fmt: skip
    return {name: found[name] for name in sorted(found, key=lambda name: natural_order(Path(name)))}, (
        *files.notes,
        *notes,
    )


def refuse_lonely(images: Sequence[Path], labels: Sequence[Path], *, allow_unlabelled: bool) -> tuple[str, ...]:
    """Note images without labels where they are allowed.

    Raises:
        DataError: they are not, or there are labels without image.
    """
    if allow_unlabelled and not labels:
        return (f"{len(images)} image(s) without labels left out: {listed(images)}",) if images else ()
    if not images and not labels:
        return ()
    parts = [f"{len(images)} image(s) without labels: {listed(images)}."] if images and not allow_unlabelled else []
    parts += [f"{len(labels)} label file(s) without image: {listed(labels)}."] if labels else []
    advice = "Give partners the same name, or move the rest elsewhere"
    raise DataError(" ".join(parts) + f" {advice}{', or pass --allow-unlabelled' if images and not labels else ''}.")


def read_masked(channels: Sequence[Path], labels: Path, palette: Palette | None) -> tuple[Image, Annotation]:
    """Read an image, from one file or one file per channel, and its mask.

    Raises:
        DataError: a file cannot be read, or the channels differ in size.
    """
    image = joined([read_image(path) for path in channels], channels)
    values = read_labels(labels, image=channels[0], palette=palette)
    if values.ndim == 3 and image.array.shape == values.shape:
        image = Image(image.array[np.newaxis], image.pixel_size_um)  # pages are planes: the labels have as many
    return image, Annotation(values)


def joined(parts: Sequence[Image], files: Sequence[Path]) -> Image:
    """Join images of single channels to one.

    Raises:
        DataError: they differ in size.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for part, file in zip(parts, files, strict=True):
        if part.size != first.size:
            raise DataError(
                f"{file} has size {part.size}, {files[0].name} has {first.size}: expected the channels of an image to have "
                "one size. Export them again."
            )
    return Image(np.concatenate([part.array for part in parts]), first.pixel_size_um)


def palette_meaning(palette: Palette | None) -> Meaning | None:
    """What a palette says about class values."""
    return None if palette is None else Meaning(False, dict(enumerate(palette.names)), palette.ignore_label)
