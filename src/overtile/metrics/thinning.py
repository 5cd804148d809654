"""Thin the borders between proposed objects to lines one pixel wide, as the 2015 scores V^Rand and V^Info need it."""

from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray

from overtile.metrics.objects import check_plane, check_same_shape


def thin_borders(objects: NDArray[Any], *, valid: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Flood the background from the objects until one-pixel dams are left where two floods meet.

    Watershed by flooding (Vincent and Soille 1991) of a binary image, objects = 0 and border = 255, so that every
    border pixel lies at one level and its distance to the objects decides; 4-connected. Pixels are visited first in,
    first out, columns outermost, as in Fiji; one with a single label among its neighbours takes it, all others stay 0.

    Args:
        objects: (y, x) ids, 0 = border. Objects that touch keep touching: no dam is cut into an object.
        valid: pixels that the flood may enter; all where None.

    Returns:
        (y, x) ids, 0 = dam; all 0 without objects.

    Raises:
        ShapeError: not a plane, or the mask has another size.

    >>> thin_borders(np.array([[1, 0, 0, 0, 2]])).tolist()
    [[1, 1, 0, 2, 2]]
    """
    check_plane("objects", objects)
    check_same_shape(objects, objects, valid)
    labels = np.pad(objects.astype(np.int64), 1)
    open_pixels = np.zeros(labels.shape, np.bool_)
    open_pixels[1:-1, 1:-1] = (objects == 0) if valid is None else (objects == 0) & valid
    _flood(labels, open_pixels)
    return labels[1:-1, 1:-1]


@njit(cache=True)
@no_type_check
def _flood(labels, waiting):
    """Label the `waiting` pixels in place, breadth first; both arrays have a frame of closed pixels."""
    width = labels.shape[1]
    queue = np.empty(np.count_nonzero(waiting), np.int64)
    head, tail = 0, _queue_shore(labels, waiting, queue)
    while head < tail:
        y, x = queue[head] // width, queue[head] % width
        head += 1
        label, dam = 0, False
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            other = labels[v, u]
            dam = dam or (label != 0 and other != 0 and other != label)
            label = other if other != 0 else label
            if waiting[v, u]:
                waiting[v, u] = False
                queue[tail] = v * width + u
                tail += 1
        labels[y, x] = 0 if dam else label


@njit(cache=True)
@no_type_check
def _queue_shore(labels, waiting, queue):
    """Queue the waiting pixels that touch an object, columns outermost; return their number."""
    height, width = labels.shape
    tail = 0
    for x in range(1, width - 1):
        for y in range(1, height - 1):
            beside = labels[y - 1, x] or labels[y, x - 1] or labels[y, x + 1] or labels[y + 1, x]
            if waiting[y, x] and beside:
                queue[tail] = y * width + x
                tail += 1
    for i in range(tail):
        waiting[queue[i] // width, queue[i] % width] = False
    return tail
