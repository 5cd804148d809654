"""Images with the outlines of their labels drawn on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from overtile.data import Region, Sample
from overtile.report.images import RGB, displayed, indexed_png, sampled, shown_size, shrunk
from overtile.report.overlays import CLASSES, EXTRA, MISSED, NOT_COUNTED, class_palette, outlines

GREYS = 200
"""Grey levels of a picture; the colours of the outlines still fit into a palette."""

COLOURS = 128
"""Colours that a photograph is reduced to, likewise."""


@dataclass(frozen=True)
class View:
    """A part of an image with outlines.

    Attributes:
        caption: name of the image, and which part it is.
        source: the picture as a data URI.
        width: of the picture.
        height: of the picture.
    """

    caption: str
    source: str
    width: int
    height: int


def outline_colours(classes: int) -> list[RGB]:
    """Colours of the outlines of classes 1, 2, ...; one for objects and for a single class.

    >>> outline_colours(2) == [EXTRA]
    True
    """
    return [EXTRA] if classes <= 2 else class_palette(max(classes, len(CLASSES)))[1:classes]


def view_of(sample: Sample, region: Region, *, classes: int, longest_px: int, caption: str | None = None) -> View:
    """A part of an image with the outlines of its labels; small parts are enlarged, large ones scaled down.

    Where the region means one object, that has another colour than the others.

    Args:
        sample: image, labels and valid pixels.
        region: the part.
        classes: number of classes; 2 for objects, whose outlines have one colour.
        longest_px: longest side of the picture.
        caption: None: the name of the image, and where the part lies.
    """
    part = _part(region)
    size = _size((region.height, region.width), longest_px)
    picture = _resized(displayed(sample.image.array[(slice(None), *part)]), size)
    labels = sampled(sample.labels[part], size)
    lines = np.where(outlines(labels), np.clip(labels, 1, None), 0)
    valid = np.ones(size, bool) if sample.valid is None else sampled(sample.valid[part], size)
    colours = outline_colours(classes)
    if region.label is not None:
        lines = np.where(lines == region.label, 1, np.where(lines > 0, 2, 0))
        colours = [EXTRA, MISSED]
    source = _drawn(picture, lines, valid, colours)
    return View(_caption(sample, region) if caption is None else caption, source, size[1], size[0])


def labels_view(sample: Sample, region: Region, longest_px: int) -> View:
    """A part of the labels themselves, as grey values."""
    return plain_view(sample.labels[_part(region)][np.newaxis], _caption(sample, region), longest_px)


def plain_view(image: NDArray[Any], caption: str, longest_px: int) -> View:
    """An image (channel, y, x) without outlines."""
    size = _size(image.shape[1:], longest_px)
    picture = _resized(displayed(image), size)
    return View(caption, _drawn(picture, np.zeros(size, int), np.ones(size, bool), []), size[1], size[0])


def _part(region: Region) -> tuple[slice, slice]:
    return np.s_[region.top : region.top + region.height, region.left : region.left + region.width]


def _caption(sample: Sample, region: Region) -> str:
    """Name of the image, and which part of it is shown."""
    if (region.height, region.width) == sample.labels.shape:
        return sample.name
    below, right = region.top + region.height, region.left + region.width
    return f"{sample.name}, rows {region.top} to {below}, columns {region.left} to {right}"


def _size(size: Sequence[int], longest_px: int) -> tuple[int, int]:
    """Enlarged by a whole factor where that fits, else scaled down."""
    factor = max(1, longest_px // max(size))
    return (size[0] * factor, size[1] * factor) if factor > 1 else shown_size(tuple(size), longest_px)


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    factor = size[0] // picture.shape[0]
    return shrunk(picture, size) if factor <= 1 else picture.repeat(factor, 0).repeat(factor, 1)


def _drawn(picture: NDArray[np.uint8], lines: NDArray[Any], valid: NDArray[np.bool_], colours: Sequence[RGB]) -> str:
    """A picture with a palette: its own colours, those of the lines, and stripes where pixels do not count."""
    if picture.ndim == 2:
        indices = (picture.astype(np.int64) * (GREYS - 1) // 255).astype(np.uint8)
        palette: list[RGB] = [(g, g, g) for g in (round(255 * level / (GREYS - 1)) for level in range(GREYS))]
    else:
        reduced = Image.fromarray(picture).quantize(COLOURS, dither=Image.Dither.NONE)
        flat = reduced.getpalette() or []
        palette = [(r, g, b) for r, g, b in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
        indices = np.asarray(reduced, np.uint8)
    y, x = np.indices(indices.shape)
    indices = np.where(valid | ((x + y) % 6 > 1), indices, len(palette))
    if colours:
        indices = np.where(lines > 0, len(palette) + 1 + (lines - 1) % len(colours), indices)
    return indexed_png(indices.astype(np.uint8), [*palette, NOT_COUNTED, *colours])
