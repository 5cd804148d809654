"""Objects of an image: the ids of an instance map, or the connected pieces of a mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from overtile.core.errors import DataError, ShapeError

THRESHOLDS = tuple(k / 10 for k in range(10))
"""0, 0.1, ..., 0.9: the levels of the EM challenge (Arganda-Carreras et al. 2015)."""


def connected_objects(mask: NDArray[Any]) -> NDArray[np.int32]:
    """Number the pieces of a mask, connected through edges (4 neighbours in 2-D); diagonals do not connect.

    >>> connected_objects(np.array([[1, 0], [0, 1]])).tolist()
    [[1, 0], [0, 2]]
    """
    labels: NDArray[np.int32] = ndimage.label(mask != 0)[0]
    return labels


def connected_labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Number the connected pieces of equal, non-zero labels.

    >>> connected_labels(np.array([[1, 1, 2, 0, 1]])).tolist()
    [[1, 1, 2, 0, 3]]
    """
    return np.asarray(measure.label(labels, background=0, connectivity=1), np.int64)


def separated_mask(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of all objects with a gap where two of them touch, so that its 4-connected pieces are the objects again.

    A pixel becomes background if the one before it along some axis belongs to another object. That is the gap of
    Falk et al. (2019) without its diagonals, which a 4-connected foreground does not need: so connected pieces of a
    mask stay as they are.

    >>> separated_mask(np.array([[5, 5, 7, 7]])).astype(int).tolist()
    [[1, 1, 0, 1]]
    """
    mask: NDArray[np.bool_] = ids != 0
    for axis in range(ids.ndim):
        here, mask_here = np.moveaxis(ids, axis, 0), np.moveaxis(mask, axis, 0)
        mask_here[1:] &= (here[:-1] == 0) | (here[:-1] == here[1:])
    return mask


def exceeds(probabilities: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Pixels above a threshold, compared as Fiji does: pixels in float32, the threshold in float64.

    >>> exceeds(np.array([0.1, 0.5]), 0.5).tolist()
    [False, False]
    """
    above: NDArray[np.bool_] = probabilities.astype(np.float32).astype(np.float64) > threshold
    return above


def check_same_shape(truth: NDArray[Any], prediction: NDArray[Any], valid: NDArray[np.bool_] | None) -> None:
    """Refuse images of different sizes.

    Raises:
        ShapeError: the sizes differ.
    """
    for name, other in (("prediction", prediction), ("valid mask", valid)):
        if other is not None and other.shape != truth.shape:
            raise ShapeError(
                f"expected a {name} of the truth's size {truth.shape}, got {other.shape}; "
                "compare images of the same section at the same scale"
            )


def check_labels(name: str, labels: NDArray[Any]) -> None:
    """Refuse what cannot be labels or ids.

    Raises:
        DataError: the type is not integer or bool, or a label is negative.
    """
    if labels.dtype.kind not in "bui":
        raise DataError(
            f"expected integer labels or ids as {name}, got {labels.dtype}; threshold probabilities or cast first"
        )
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise DataError(f"expected ids below 2**63 in {name}, got {labels.max()}; renumber the objects")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise DataError(
            f"expected labels of 0 or more in {name}, got {labels.min()}; mark unannotated pixels with `valid`"
        )


def check_plane(name: str, image: NDArray[Any]) -> None:
    """Refuse anything but a single plane.

    Raises:
        ShapeError: the image does not have the axes (y, x).
    """
    if image.ndim != 2:
        raise ShapeError(f"expected one plane (y, x) as {name}, got shape {image.shape}; score stacks slice by slice")
