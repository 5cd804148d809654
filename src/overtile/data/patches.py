"""Where to cut training patches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import ShapeError

SPARSE = 0.5
"""Where less than this share of an image is annotated, annotated pixels are kept away from the rim of the window."""


class PatchSampler:
    """Draws window positions in one image; the index of its foreground is made once.

    In a sparsely annotated image the pixel that a window is drawn for lies in the central half of it, because rotation
    and magnification would turn many of those at the rim out of the patch, and leave it without annotation.

    Args:
        labels: class indices or object ids (y, x), 0 = background.
        valid: False where pixels are ignored; windows that hold no valid pixel are not drawn.
        size: window (height, width).
    """

    def __init__(self, labels: NDArray[Any], valid: NDArray[np.bool_] | None, size: tuple[int, int]) -> None:
        if valid is not None and valid.shape != labels.shape:
            raise ShapeError(f"valid mask of size {valid.shape} does not fit labels of size {labels.shape}.")
        if valid is not None and not valid.any():
            raise ShapeError("no pixel is valid: there is no window to draw. Leave the image out.")
        self.shape = labels.shape
        self.size = size
        usable = labels > 0 if valid is None else (labels > 0) & valid
        positions = np.flatnonzero(usable)
        order = np.argsort(labels.ravel()[positions], kind="stable")
        self._foreground = positions[order]
        _, starts = np.unique(labels.ravel()[self._foreground], return_index=True)
        self._bounds = np.append(starts, len(self._foreground))
        self._valid = None if valid is None or valid.all() else np.flatnonzero(valid)
        sparse = valid is not None and valid.mean() < SPARSE
        self._rim = tuple(s // 4 if sparse else 0 for s in size)

    def centres(self, n: int, rng: np.random.Generator, *, foreground_fraction: float = 0.5) -> NDArray[np.int64]:
        """Draw n window centres (n, 2); the window of a centre c starts at c - size // 2.

        A share of `foreground_fraction` holds a foreground pixel: first a class (or object) is drawn, each with equal
        chance, then one of its pixels, then a window that holds it. The rest is uniform. Windows stay inside the image
        where it is larger than they are.
        """
        on_foreground = rng.random(n) < (foreground_fraction if len(self._foreground) else 0.0)
        centres = [
            self._containing(rng, self._foreground_pixel(rng)) if f else self._anywhere(rng) for f in on_foreground
        ]
        return np.array(centres, dtype=np.int64).reshape(n, 2)

    def _foreground_pixel(self, rng: np.random.Generator) -> int:
        which = rng.integers(len(self._bounds) - 1)
        return int(self._foreground[rng.integers(self._bounds[which], self._bounds[which + 1])])

    def _anywhere(self, rng: np.random.Generator) -> list[int]:
        if self._valid is not None:
            return self._containing(rng, int(self._valid[rng.integers(len(self._valid))]))
        return [
            int(rng.integers(0, n - s + 1)) + s // 2 if n > s else n // 2
            for n, s in zip(self.shape, self.size, strict=True)
        ]

    def _containing(self, rng: np.random.Generator, pixel: int) -> list[int]:
        """Draw uniformly among the windows inside the image that hold a pixel, not within their rim if possible."""
        centre = []
        for p, n, s, rim in zip(np.unravel_index(pixel, self.shape), self.shape, self.size, self._rim, strict=True):
            first, last = max(0, min(int(p) - s + 1 + rim, n - s)), min(max(int(p) - rim, 0), n - s)
            centre.append(int(rng.integers(first, last + 1)) + s // 2 if n > s else n // 2)
        return centre


def sample_centres(
    labels: NDArray[Any],
    valid: NDArray[np.bool_] | None,
    size: tuple[int, int],
    *,
    n: int,
    rng: np.random.Generator,
    foreground_fraction: float = 0.5,
) -> NDArray[np.int64]:
    """Draw n window centres in one image; see `PatchSampler`, which is faster for repeated draws.

    >>> labels = np.zeros((8, 8), int); labels[2, 5] = 1
    >>> centre = sample_centres(labels, None, (1, 1), n=1, rng=np.random.default_rng(0), foreground_fraction=1.0)
    >>> centre.tolist()
    [[2, 5]]
    """
    return PatchSampler(labels, valid, size).centres(n, rng, foreground_fraction=foreground_fraction)
