"""Boundary class: background, interior and boundary as three classes, so that touching objects come apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.targets.distance import border_distance
from overtile.targets.ids import compact_ids
from overtile.targets.two_nearest import two_nearest_distances

BACKGROUND, INTERIOR, BOUNDARY = 0, 1, 2

BOUNDARIES = ("inner", "outer", "thick")


def boundary_classes(instances: NDArray[Any], *, mode: str = "inner", width_px: float = 1.0) -> NDArray[np.uint8]:
    """Background 0, interior 1, boundary 2.

    With d the Euclidean distance in pixels, the boundary is
        inner: object pixels with d(not this object) <= width; background stays as annotated.
        outer: background pixels with d(an object) <= width, and object pixels with d(another object) <= width, so
            that touching objects come apart too; objects that stand alone stay whole.
        thick: both.
    An object that inner boundaries would consume entirely keeps the pixels that are deepest inside it as interior.
    The edge of the image is no boundary.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object.
        mode: inner, outer or thick.
        width_px: width of the boundary on either side, 1 or more; at 1 it runs along 4-neighbours.

    Raises:
        UnknownNameError: there is no such mode.
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers, or the width is below 1.

    >>> cells = np.array([[0, 0, 3, 3, 3, 8, 8, 8]])
    >>> boundary_classes(cells)
    array([[0, 0, 2, 1, 2, 2, 1, 1]], dtype=uint8)
    >>> boundary_classes(cells, mode="outer")
    array([[0, 2, 1, 1, 2, 2, 1, 1]], dtype=uint8)
    """
    if mode not in BOUNDARIES:
        raise UnknownNameError("boundary mode", mode, BOUNDARIES)
    if not width_px >= 1:
        raise DataError(f"expected a boundary of 1 pixel or more, got width_px={width_px}")
    ids = compact_ids(instances)
    classes = np.where(ids > 0, INTERIOR, BACKGROUND).astype(np.uint8)
    boundary = np.zeros(ids.shape, np.bool_)
    if mode in ("outer", "thick"):
        near = two_nearest_distances(ids)
        boundary |= np.where(ids > 0, near.d2, near.d1) <= width_px
    if mode in ("inner", "thick"):
        boundary |= _inner(ids, width_px)
    classes[boundary] = BOUNDARY
    return classes


def _inner(ids: NDArray[np.int32], width_px: float) -> NDArray[np.bool_]:
    """Object pixels near their own border, but never a whole object."""
    distance = border_distance(ids)
    deepest = np.zeros(int(ids.max(initial=0)) + 1, np.float32)
    np.maximum.at(deepest, ids.ravel(), distance.ravel())
    return (ids > 0) & (distance <= width_px) & (distance < deepest[ids])
