"""The connected pieces of each class of a label image as objects, worked out where they are read."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.instances.grid import Window, overlapping
from overtile.instances.stitch import scan_components


class Pieces:
    """Object ids of a label image that holds classes: 4-connected pieces (of stacks 6-connected) of one class each.

    Ids are not stored: a part that is asked for is numbered anew, block by block, so that memory does not grow with the
    image.

    Args:
        labels: class values ([z], y, x), anything that gives slices; other values than those named are background.
        values: class values of objects.
        block: size of the blocks that are read at once.

    >>> pieces = Pieces(np.array([[5, 5, 0, 7, 5]]), (5, 7), (1, 2))
    >>> pieces[0:1, 0:5], pieces.classes((slice(0, 1), slice(0, 5)))
    (array([[1, 1, 0, 3, 2]]), array([[1, 1, 0, 2, 1]]))
    """

    def __init__(self, labels: Any, values: Sequence[int], block: tuple[int, ...]) -> None:
        self.shape: tuple[int, ...] = tuple(labels.shape)
        self._labels, self._values, self._block = labels, tuple(values), block
        self._found = [scan_components(partial(self._mask, v), self.shape, block) for v in self._values]
        self._before = list(accumulate((found.count for found in self._found), initial=0))

    def __getitem__(self, window: Window) -> NDArray[np.int64]:
        """Ids of a part of the image."""
        part = np.zeros([w.stop - w.start for w in window], np.int64)
        for whole, inside, place in overlapping(window, self.shape, self._block):
            part[place] = self._ids(whole)[inside]
        return part

    def classes(self, window: Window) -> NDArray[np.int64]:
        """Which of the values each pixel of a part has, counted from 1; 0 for none of them."""
        here = np.asarray(self._labels[window])
        return sum(
            (np.where(here == value, i, 0) for i, value in enumerate(self._values, 1)), np.zeros(here.shape, np.int64)
        )

    def _mask(self, value: int, window: Window) -> NDArray[np.bool_]:
        return np.asarray(np.equal(self._labels[window], value))

    def _ids(self, window: Window) -> NDArray[np.int64]:
        """Ids of one block."""
        here = np.asarray(self._labels[window])
        ids = np.zeros(here.shape, np.int64)
        for value, found, before in zip(self._values, self._found, self._before, strict=False):
            numbered = found.number(here == value, window)
            ids += np.where(numbered > 0, numbered + before, 0)
        return ids
