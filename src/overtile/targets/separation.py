"""Separation border: touching objects of one class become objects with background between them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.targets.ids import compact_ids
from overtile.targets.two_nearest import two_nearest_distances


def separate_touching(instances: NDArray[Any]) -> NDArray[Any]:
    """Set to background every object pixel one of whose W, NW, N, NE neighbours is of another object.

    Looks at the ids as given, not at those already changed (Falk et al. 2019, the authors' plugin). The border
    lies in the object that comes later in reading order, and leaves no two objects 8-connected.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object.

    Returns:
        The same ids with the border set to 0.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers.

    >>> separate_touching(np.array([[1, 1, 2, 2], [1, 1, 0, 2]]))
    array([[1, 1, 0, 2],
           [1, 0, 0, 2]])
    """
    ids = np.pad(compact_ids(instances), ((1, 0), (1, 1)))
    here = ids[1:, 1:-1]
    border = np.zeros(here.shape, np.bool_)
    for neighbour in (ids[1:, :-2], ids[:-1, :-2], ids[:-1, 1:-1], ids[:-1, 2:]):
        border |= (neighbour > 0) & (neighbour != here)
    return np.where(border & (here > 0), 0, instances).astype(instances.dtype)


def separate_by_erosion(instances: NDArray[Any], *, radius_px: float = 1.0) -> NDArray[Any]:
    """Set to background every object pixel within a radius of another object, on both sides alike.

    The 2015 paper says "computed using morphological operations" and no more. This is the erosion of each object by a
    disc, only where it faces another object, so that sides towards the background stay in place: two objects that
    touch are 2 * radius_px pixels apart afterwards.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object.
        radius_px: radius of the disc in pixels, 1 or more.

    Returns:
        The same ids with the border set to 0.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers, or the radius is below 1.

    >>> separate_by_erosion(np.array([[1, 1, 1, 2, 2, 2]]))
    array([[1, 1, 0, 0, 2, 2]])
    """
    if not radius_px >= 1:
        raise DataError(f"expected a radius of 1 pixel or more, got {radius_px}: smaller ones would change nothing")
    close = two_nearest_distances(instances).d2 <= radius_px
    return np.where(close & (instances > 0), 0, instances).astype(instances.dtype)
