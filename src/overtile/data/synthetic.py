"""Seeded folders of synthetic annotated images, for the demo and the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import OptionError, UnknownNameError
from overtile.core.image import Image
from overtile.data.synthetic_cells import cells
from overtile.data.synthetic_membranes import membranes
from overtile.data.writing import write_image, write_labels

KINDS: dict[str, Callable[[int, int], tuple[NDArray[np.uint8], NDArray[Any]]]] = {
    "cells": lambda seed, size: cells(seed, size=size),
    "membranes": lambda seed, size: membranes(seed, size=size),
}
"""What can be drawn: (seed, size) -> (image, labels)."""


def write_dataset(
    folder: str | Path, kind: str, n: int, *, seed: int = 0, size: int = 256, overwrite: bool = False
) -> None:
    """Write n synthetic images with labels as FOLDER/images/NAME.png and FOLDER/labels/NAME.png.

    Args:
        folder: made where it does not exist.
        kind: "cells" (object ids) or "membranes" (0 and 255).
        n: number of images.
        seed: the same seed gives the same files; image i is drawn with seed * 1000 + i.
        size: height and width in pixels.
        overwrite: replace files of the same names.

    Raises:
        UnknownNameError: there is no such kind.
        OptionError: fewer than one image is asked for.
        OutputExistsError: a file exists and may not be overwritten.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of synthetic image", kind, KINDS)
    if n < 1:
        raise OptionError(f"expected at least 1 image to make, got {n}")
    root = Path(folder)
    for i in range(n):
        image, labels = KINDS[kind](1000 * seed + i, size)
        write_image(root / "images" / f"{kind}_{i:02d}.png", Image(image[np.newaxis]), overwrite=overwrite)
        write_labels(root / "labels" / f"{kind}_{i:02d}.png", labels, overwrite=overwrite)
