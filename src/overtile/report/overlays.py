"""Labels as pictures: classes, objects, and where the prediction is wrong.

Every picture is an index image with a palette of at most 256 colours, which keeps the page small.
"""

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.metrics import contingency, match
from overtile.report.images import RGB

BACKGROUND: RGB = (27, 33, 43)
FOREGROUND: RGB = (236, 231, 218)
CLASSES: tuple[RGB, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
)
"""Colours that colour-blind people tell apart (Okabe and Ito 2008); further classes get further hues."""

EXTRA: RGB = (255, 122, 0)
MISSED: RGB = (30, 144, 255)
CONFUSED: RGB = (255, 233, 77)
NOT_COUNTED: RGB = (110, 116, 126)
"""Kinds of errors differ in brightness and along the blue-yellow axis, which red-green blindness leaves intact."""

GREYS = 60
"""Grey levels below an error; four times as many still fit into a palette."""

OBJECT_HUES = 24
GOLDEN_RATIO = 0.618034


@dataclass(frozen=True)
class Legend:
    """One colour of a picture and what it stands for."""

    colour: RGB
    text: str

    @property
    def css(self) -> str:
        """The colour in CSS."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


@dataclass(frozen=True)
class Indexed:
    """Indices (y, x) into a palette."""

    indices: NDArray[np.uint8]
    palette: list[RGB]


def class_palette(classes: int) -> list[RGB]:
    """One colour per class; two classes show as a mask.

    >>> len(set(class_palette(12)))
    12
    """
    if classes <= 2:
        return [BACKGROUND, FOREGROUND]
    further = [_hue(n, 0.5, 0.85) for n in range(max(0, classes - 1 - len(CLASSES)))]
    return [BACKGROUND, *CLASSES[: classes - 1], *further]


def _hue(n: int, saturation: float, brightness: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(n * GOLDEN_RATIO % 1, saturation, brightness)
    return round(red * 255), round(green * 255), round(blue * 255)


def class_picture(labels: NDArray[Any], valid: NDArray[np.bool_], classes: int) -> Indexed:
    """Class indices (y, x) in their colours; pixels that are not counted are striped."""
    palette = class_palette(classes)
    indices = np.clip(labels, 0, len(palette) - 1).astype(np.uint8)
    return Indexed(_striped(indices, valid, len(palette)), [*palette, NOT_COUNTED])


def object_picture(ids: NDArray[Any], valid: NDArray[np.bool_]) -> Indexed:
    """Object ids (y, x), each in a colour that its id gives, with an outline in a lighter one."""
    fills = [_hue(n, 0.62, 0.72) for n in range(OBJECT_HUES)]
    lines = [_hue(n, 0.25, 1.0) for n in range(OBJECT_HUES)]
    # Consecutive ids, which are often neighbours, then have very different hues.
    colour = 1 + ids % OBJECT_HUES + OBJECT_HUES * outlines(ids)
    indices = np.where(ids > 0, colour, 0).astype(np.uint8)
    return Indexed(_striped(indices, valid, 1 + 2 * OBJECT_HUES), [BACKGROUND, *fills, *lines, NOT_COUNTED])


def outlines(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of objects that touch, through an edge, a pixel that is not theirs.

    >>> outlines(np.array([[0, 3, 3, 3, 3, 0]])).astype(int).tolist()
    [[0, 1, 0, 0, 1, 0]]
    """
    around = np.pad(ids, 1, mode="edge")
    height, width = ids.shape
    neighbours = ((0, 1), (2, 1), (1, 0), (1, 2))
    differs = [around[y : y + height, x : x + width] != ids for y, x in neighbours]
    return np.asarray(np.any(differs, axis=0) & (ids > 0))


def _striped(indices: NDArray[np.uint8], valid: NDArray[np.bool_], stripe: int) -> NDArray[np.uint8]:
    y, x = np.indices(indices.shape)
    return np.where(valid | ((x + y) // 3 % 2 == 0), indices, stripe).astype(np.uint8)


def matched_ids(truth: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.int64]:
    """Rename predicted objects: those that match an annotated one (IoU of 0.5 or more) get its id, others new ids.

    >>> matched_ids(np.array([[7, 7, 0, 0]]), np.array([[1, 1, 0, 2]])).tolist()
    [[7, 7, 0, 9]]
    """
    table = contingency(truth, prediction)
    pairs = match(table)
    names = np.arange(len(table.prediction_ids)) + table.truth_ids.max()
    names[0] = 0
    names[pairs.col] = table.truth_ids[pairs.row]
    return np.asarray(names[np.searchsorted(table.prediction_ids, prediction)], np.int64)


def error_kinds(truth: NDArray[Any], prediction: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What is wrong at each pixel: 0 nothing, 1 extra, 2 missed, 3 another class or object than the true one.

    Args:
        truth: class indices or object ids (y, x), 0 = background.
        prediction: likewise; ids as `matched_ids` names them.
        valid: pixels to count; the others are 0.

    >>> error_kinds(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 0, 2]]), np.ones((1, 4), bool)).tolist()
    [[0, 1, 2, 3]]
    """
    wrong = (truth != prediction) & valid
    kind = np.where(truth == 0, 1, np.where(prediction == 0, 2, 3))
    return np.where(wrong, kind, 0).astype(np.uint8)


def error_picture(kinds: NDArray[np.uint8], below: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Indexed:
    """Error kinds (y, x) in colours over a darkened grey picture (y, x)."""
    levels = [28 + round(142 * level / (GREYS - 1)) for level in range(GREYS)]
    palette: list[RGB] = [(g, g, g) for g in levels]
    for colour in (EXTRA, MISSED, CONFUSED):
        palette += [_mixed(colour, g) for g in levels]
    level = below.astype(np.int64) * (GREYS - 1) // 255
    indices = (kinds.astype(np.int64) * GREYS + level).astype(np.uint8)
    return Indexed(_striped(indices, valid, len(palette)), [*palette, NOT_COUNTED])


def _mixed(colour: RGB, grey: int) -> RGB:
    """Mostly the colour, with a little of the structure below it."""
    red, green, blue = (round(0.8 * c + 0.2 * grey) for c in colour)
    return red, green, blue
