"""Objects where only a part of the image was annotated: the edge of the annotation is no edge of an object."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from overtile.core.errors import ShapeError


def beyond_annotation(instances: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Give every pixel that was not annotated the id of the nearest one that was.

    A scribble inside a cell, or a cell that is cut by a box of annotation, has then no border where nothing is known.
    The result is for making targets; what it holds beyond the annotation stays ignored.

    Args:
        instances: object ids (y, x).
        valid: False where nothing was annotated; at least one pixel is.

    Raises:
        ShapeError: the shapes differ, or no pixel is valid.

    >>> beyond_annotation(np.array([[0, 5, 0, 0]]), np.array([[True, True, False, False]]))
    array([[0, 5, 5, 5]])
    """
    if instances.shape != valid.shape or not valid.any():
        raise ShapeError(
            f"expected ids and valid pixels of one shape with at least one valid, got {instances.shape} and {valid.shape} "
            f"with {int(valid.sum())}"
        )
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.asarray(instances[tuple(nearest)])
