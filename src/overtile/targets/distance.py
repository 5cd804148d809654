"""Distance of object pixels to the border of their object: a target whose peaks are one seed per object."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.targets.ids import compact_ids
from overtile.targets.two_nearest import two_nearest_distances


def border_distance(instances: NDArray[Any], *, clip_px: float | None = None) -> NDArray[np.float32]:
    """Distance of every object pixel to the nearest pixel that is not of its object, in pixels; 0 outside objects.

    Exact and of one pass for all objects: with the background as one more object it is the distance to the second
    nearest. The first pixel inside has 1. The edge of the image is no border: an object cut by it goes on outside.
    An object that fills the whole image has no border; its distance is the diagonal of the image.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object.
        clip_px: largest distance that is told apart; None for no limit.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers, or the limit is not positive.

    >>> border_distance(np.array([[0, 4, 4, 4, 7]]))
    array([[0., 1., 2., 1., 1.]], dtype=float32)
    """
    if clip_px is not None and not clip_px > 0:
        raise DataError(f"expected a positive limit in pixels or None, got clip_px={clip_px}")
    ids = compact_ids(instances)
    limit = np.hypot(*ids.shape) if clip_px is None else clip_px
    inside = np.minimum(two_nearest_distances(ids + 1).d2, limit)
    return np.where(ids > 0, inside, 0).astype(np.float32)


def normalized_border_distance(instances: NDArray[Any]) -> NDArray[np.float32]:
    """Border distance divided by its largest value in the same object: 1 in the middle of large and small ones alike.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object.

    Returns:
        Distances in (0, 1] inside objects, 0 outside.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers.

    >>> normalized_border_distance(np.array([[0, 4, 4, 4, 7]]))
    array([[0. , 0.5, 1. , 0.5, 1. ]], dtype=float32)
    """
    ids, distance = compact_ids(instances), border_distance(instances)
    largest = np.zeros(int(ids.max(initial=0)) + 1, np.float32)
    np.maximum.at(largest, ids.ravel(), distance.ravel())
    largest[0] = 1
    return distance / largest[ids]
