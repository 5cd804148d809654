"""Simple points of binary images: pixels whose change leaves the topology as it is."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""(dy, dx) of bit b of a neighbourhood code, row by row."""


@cache
def simple_point_table() -> NDArray[np.bool_]:
    """Whether the centre of each of the 256 neighbourhoods is simple (Bertrand 1994; Jain et al. 2010).

    Bit b of the code says that neighbour b is foreground. The centre is simple if exactly one 4-connected piece of
    foreground among the 8 neighbours touches it by an edge, and the background among them is one 8-connected piece.

    >>> table = simple_point_table()
    >>> bool(table[0b00000010]), bool(table[0]), int(table.sum())  # a tip; an isolated pixel; simple in all
    (True, False, 116)
    """
    return np.array([_is_simple(code) for code in range(256)])


def _is_simple(code: int) -> bool:
    foreground = np.zeros((3, 3), np.bool_)
    background = np.zeros((3, 3), np.bool_)
    for bit, (dy, dx) in enumerate(NEIGHBOURS):
        foreground[1 + dy, 1 + dx] = code >> bit & 1
        background[1 + dy, 1 + dx] = not code >> bit & 1
    pieces = ndimage.label(foreground)[0]
    by_edge = {int(pieces[at]) for at in ((0, 1), (1, 0), (1, 2), (2, 1))} - {0}
    holes = ndimage.label(background, structure=np.ones((3, 3)))[1]
    return len(by_edge) == 1 and holes == 1
