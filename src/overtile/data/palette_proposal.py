"""A palette for a folder whose masks are colours: the colours found, ready to be named."""

from pathlib import Path

from overtile.core.errors import DataError
from overtile.data.formats import read_colours
from overtile.data.layouts import WITH_MASKS, find_pairs
from overtile.data.palette import Palette, proposed_palette
from overtile.data.reading import Reading


def find_palette(folder: str | Path, *, labels: str | None = None, layout: str = "auto") -> Palette:
    """Make a palette of all colours in the masks of a folder.

    Raises:
        DataError: the folder has no masks, or they hold no colours or too many.
    """
    found = find_pairs(folder, Reading(layout, labels, allow_unlabelled=True))
    if found.name not in WITH_MASKS:
        raise DataError(f"{folder} has the layout {found.name}, whose labels are no pictures: it needs no palette.")
    masks = [read_colours(pair.labels) for pair in found.pairs]
    odd = next((pair.labels for pair, mask in zip(found.pairs, masks, strict=True) if len(mask) not in (1, 3)), None)
    if odd is not None:
        raise DataError(f"{odd} is no picture of red, green and blue. A palette is for masks in colours.")
    if all(len(mask) == 1 or (mask == mask[:1]).all() for mask in masks):
        raise DataError(f"the masks of {folder} hold numbers, no colours: they need no palette.")
    return proposed_palette(masks)
