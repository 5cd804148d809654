"""Sums of a map over square cells, gathered tile by tile, and the boxes in which they are highest."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from overtile.prediction.tiles import Tile


@dataclass(frozen=True)
class Box:
    """A box in a plane, in pixels, and the mean of the map in it."""

    y: int
    x: int
    height: int
    width: int
    mean: float


class Cells:
    """Sums over cells of a plane; a map of a whole slide takes a few bytes for each cell.

    Args:
        size: (y, x) of the plane.
        cell_px: side of a cell.
    """

    def __init__(self, size: tuple[int, ...], cell_px: int) -> None:
        self.size, self.cell_px = size, cell_px
        self.sums = np.zeros([-(-n // cell_px) for n in size])

    def write(self, tile: Tile, kept: NDArray[np.float32] | None) -> None:
        """Add the map (1, y, x) of a tile; None where there is nothing."""
        if kept is None:
            return
        part, places = kept[0].astype(np.float64), []
        for axis, window in enumerate(tile.write):
            cells = np.arange(window.start, window.stop) // self.cell_px
            places.append(np.unique(cells))
            part = np.add.reduceat(part, np.searchsorted(cells, places[-1]), axis=axis)
        self.sums[np.ix_(*places)] += part

    @property
    def mean(self) -> float:
        """Of the whole plane."""
        return float(self.sums.sum() / np.prod(self.size))

    def best_boxes(self, box_px: int, count: int) -> list[Box]:
        """Boxes with the highest mean that do not overlap, best first; the whole plane where it is no larger.

        Args:
            box_px: side of a box, a multiple of the cells.
            count: of boxes, at the most.

        >>> cells = Cells((4, 6), 2)
        >>> cells.sums[1, 2] = 8
        >>> cells.best_boxes(2, 1)
        [Box(y=2, x=4, height=2, width=2, mean=2.0)]
        """
        side = [min(box_px // self.cell_px, n) for n in self.sums.shape]
        means = self._means(side)
        found: list[Box] = []
        while len(found) < count and np.isfinite(means).any() and means.max() > -np.inf:
            row, column = np.unravel_index(int(means.argmax()), means.shape)
            best = float(means[row, column])
            y, x = int(row) * self.cell_px, int(column) * self.cell_px
            height, width = (
                min(n * self.cell_px, whole - at) for n, whole, at in zip(side, self.size, (y, x), strict=True)
            )
            found.append(Box(y, x, height, width, best))
            top, left = max(int(row) - side[0] + 1, 0), max(int(column) - side[1] + 1, 0)
            means[top : int(row) + side[0], left : int(column) + side[1]] = -np.inf
        return found

    def _means(self, side: list[int]) -> Float[NDArray[np.float64], "rows columns"]:
        """Mean of the map in the box that begins at each cell."""
        rows, columns = (
            np.minimum(np.arange(0, n + 1) * self.cell_px, whole)
            for n, whole in zip(self.sums.shape, self.size, strict=True)
        )
        total = np.pad(self.sums.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        h, w = side
        sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
        means: NDArray[np.float64] = sums / np.outer(rows[h:] - rows[:-h], columns[w:] - columns[:-w])
        return means
