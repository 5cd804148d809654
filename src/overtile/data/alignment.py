"""Do labels lie where the image changes? Their edges are compared with the image's, shifted and turned.

Annotated boundaries mostly follow edges of the image. Where they fit clearly better after a shift, a transposition or a
flip, the labels were saved so by mistake. Loose outlines, which fit in no place, are no such case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import irfft2, next_fast_len, rfft2

LONGEST_PX = 512
"""Larger images are averaged down to this before they are compared."""

SMALLEST_PX = 64
"""Images with a shorter side than this do not decide."""

FEWEST_EDGE_PX = 300
"""Nor do labels with fewer pixels at their edges."""

SMALLEST_NOISE = 0.01
"""Where fits vary less than this over all shifts, there is too little to compare."""

FARTHEST = 1 / 12
"""Shifts of up to this share of the shorter side are tried."""

BLUR_PX, SURROUNDINGS_PX, MARGIN_PX = 1.0, 12.0, 3

Turn = Callable[[NDArray[Any]], NDArray[Any]]

TURNS: dict[str, Turn] = {
    "transpose": lambda a: a.T,
    "flip-x": lambda a: a[:, ::-1],
    "flip-y": lambda a: a[::-1],
    "rotate-90": np.rot90,
    "rotate-180": lambda a: a[::-1, ::-1],
    "rotate-270": lambda a: np.rot90(a, 3),
    "anti-transpose": lambda a: a[::-1, ::-1].T,
}
"""How labels may have been turned, besides not at all; what undoes it. Rotations are counter-clockwise."""


@dataclass(frozen=True)
class Fit:
    """How well label edges fit image edges; all fits are correlations, -1 to 1.

    Attributes:
        in_place: fit of the labels as they are.
        shift: by how many pixels (rows, columns) the labels would have to move to fit best.
        shifted: fit after that shift.
        opposite: fit after the opposite shift; outlines that are too wide or too narrow fit equally well there.
        turn: key of `TURNS` after which the labels fit best; empty where none is possible.
        turned: fit after that turn.
        noise: robust standard deviation of the fits over all shifts.
        level: median of the fits over all shifts.
        pixel: size in image pixels of the pixels that were compared.
    """

    in_place: float
    shift: tuple[int, int]
    shifted: float
    opposite: float
    turn: str
    turned: float
    noise: float
    level: float
    pixel: int

    def contrast(self, fit: float) -> float:
        """By how many standard deviations a fit rises above those of all shifts."""
        return (fit - self.level) / max(self.noise, SMALLEST_NOISE)


def fit_of(image: NDArray[Any], labels: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> Fit | None:
    """Compare the edges of labels (y, x) with those of an image (channel, y, x).

    Returns:
        None where the image is too small or the labels have hardly an edge.

    >>> square = np.zeros((128, 128), int)
    >>> square[20:90, 30:80] = 1
    >>> fit_of(square[None], np.roll(square, (5, 0), axis=(0, 1))).shift
    (-5, 0)
    """
    factor = max(1, -(-max(labels.shape) // LONGEST_PX))
    borders = _averaged(label_edges(labels, valid), factor)
    if min(borders.shape) < SMALLEST_PX or (borders > 0).sum() < FEWEST_EDGE_PX:
        return None
    edges, change = _unit(borders), image_edges(image, factor)
    farthest = int(min(edges.shape) * FARTHEST)
    fits = _fits(edges, change, farthest)
    rows, columns = (int(i) for i in np.unravel_index(int(fits.argmax()), fits.shape))
    turned = _turned(edges, change)
    turn = max(turned, key=lambda name: turned[name])
    level = float(np.median(fits))
    return Fit(
        in_place=float(fits[farthest - 1 : farthest + 2, farthest - 1 : farthest + 2].max()),
        shift=((rows - farthest) * factor, (columns - farthest) * factor),
        shifted=float(fits[rows, columns]),
        opposite=float(fits[2 * farthest - rows, 2 * farthest - columns]),
        turn=turn,
        turned=turned[turn],
        noise=1.4826 * float(np.median(np.abs(fits - level))),
        level=level,
        pixel=factor,
    )


def label_edges(labels: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """1 on both sides of every border between labels (y, x), 0 elsewhere and around pixels that do not count.

    >>> label_edges(np.array([[0, 0, 7, 7]])).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    edges = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    for part, differs in ((edges[1:], down), (edges[:-1], down), (edges[:, 1:], right), (edges[:, :-1], right)):
        part |= differs
    if valid is not None:
        edges &= ndimage.binary_erosion(valid, np.ones((5, 5)), border_value=1)
    return edges.astype(np.float32)


def image_edges(image: NDArray[Any], factor: int = 1) -> NDArray[np.float32]:
    """How much an image (channel, y, x) changes at each pixel, compared to its surroundings; zero mean, unit norm.

    Args:
        image: of any real type.
        factor: pixels per side that are averaged first.
    """
    change = np.zeros([n // factor for n in image.shape[1:]], np.float32)
    for channel in image:
        plane = _averaged(channel.astype(np.float32), factor)
        low, high = np.percentile(plane, (0.5, 99.5))
        slope = ndimage.gaussian_gradient_magnitude(plane.clip(low, high), BLUR_PX)
        change += slope / (slope.mean() + 1e-9)
    change /= ndimage.gaussian_filter(change, SURROUNDINGS_PX) + 0.3 * change.mean() + 1e-9
    inner = change[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    return _normalised(np.pad(inner - inner.mean(), MARGIN_PX))


def _unit(edges: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred = ndimage.gaussian_filter(edges, BLUR_PX)
    return _normalised(blurred - blurred.mean())


def _normalised(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(plane / max(float(np.linalg.norm(plane)), 1e-9), np.float32)


def _averaged(plane: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean over factor x factor pixels; an incomplete rest is left out."""
    if factor == 1:
        return plane
    rows, columns = (n // factor for n in plane.shape)
    whole = plane[: rows * factor, : columns * factor]
    return np.asarray(whole.reshape(rows, factor, columns, factor).mean((1, 3)), np.float32)


def _fits(edges: NDArray[np.float32], change: NDArray[np.float32], farthest: int) -> NDArray[np.float32]:
    """Correlation after every shift of up to `farthest` rows and columns; no shift stands in the middle."""
    size = [next_fast_len(n + farthest, real=True) for n in edges.shape]
    product = irfft2(np.conj(rfft2(edges, size)) * rfft2(change, size), size)
    shifts = np.arange(-farthest, farthest + 1)
    return np.asarray(product[np.ix_(shifts % size[0], shifts % size[1])], np.float32)


def _turned(edges: NDArray[np.float32], change: NDArray[np.float32]) -> Mapping[str, float]:
    """Best correlation within two pixels after each turn that keeps the size."""
    possible = {name: turn(edges) for name, turn in TURNS.items() if turn(edges).shape == edges.shape}
    return {name: float(_fits(np.ascontiguousarray(one), change, 2).max()) for name, one in possible.items()}
