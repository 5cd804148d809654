"""What a layout is: which images a folder holds, and how image and annotation are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.image import Image
from overtile.data.reading import Reading


@dataclass(frozen=True)
class Annotation:
    """What was annotated in one image, as stored.

    Attributes:
        labels: class values or object ids, integers ([z], y, x).
        valid: False where nothing was annotated; None where all was.
        classes: where the labels are object ids, the class value of id n at index n; None where that is not said.
        notes: what was left out or assumed.
    """

    labels: NDArray[Any]
    valid: NDArray[np.bool_] | None = None
    classes: NDArray[np.int32] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """What a layout itself says about its labels.

    Attributes:
        objects: whether labels are ids of objects; class values otherwise.
        class_names: class value -> name, background included; empty where they have none.
        ignore_label: class value of pixels that are not annotated.
    """

    objects: bool
    class_names: Mapping[int, str] = field(default_factory=dict)
    ignore_label: int | None = None


@dataclass(frozen=True)
class Pair:
    """One annotated image on disk.

    Attributes:
        name: what the files have in common; unique in its folder.
        image: file of the image, or the first of its channels.
        labels: file with the annotation.
        read: reads both.
        group: images of one group must not be split; the name where it is alone.
        valid: file that is 0 where pixels shall be ignored.
    """

    name: str
    image: Path
    labels: Path
    read: Callable[[], tuple[Image, Annotation]]
    group: str = ""
    valid: Path | None = None


@dataclass(frozen=True)
class Layout:
    """What was found in a folder.

    Attributes:
        name: a key of `LAYOUTS`.
        pairs: the annotated images, sorted by name.
        notes: what was left out or assumed.
        meaning: what the labels mean, where the layout says so.
        grouped: whether the groups of the pairs are those that the user named.
    """

    name: str
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    meaning: Meaning | None = None
    grouped: bool = False


Finder = Callable[[Path, Reading], Layout | None]
"""Looks for one layout in a folder; None where the folder is arranged differently."""
