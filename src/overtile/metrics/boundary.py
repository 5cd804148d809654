"""Agreement of outlines: boundary IoU and the 95th percentile of the Hausdorff distance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from overtile.metrics.objects import check_same_shape
from overtile.metrics.sums import Number, add, ratio


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels that truth and prediction share, and that either has. Adds up over images."""

    intersection: Number
    union: Number

    __add__ = add


def boundary_width_px(valid: NDArray[np.bool_]) -> int:
    """Width of the boundary: 2 % of the diagonal of the valid pixels' bounding box, rounded, at least 1.

    >>> boundary_width_px(np.ones((300, 400), bool))
    10
    """
    box = [
        np.flatnonzero(valid.any(axis=tuple(a for a in range(valid.ndim) if a != axis))) for axis in range(valid.ndim)
    ]
    diagonal = np.sqrt(sum(float(np.ptp(hit) + 1) ** 2 for hit in box if hit.size))
    return max(1, round(0.02 * float(diagonal)))


def boundary(mask: NDArray[np.bool_], *, width_px: int) -> NDArray[np.bool_]:
    """Pixels of a mask within `width_px` of its outside, in the chessboard distance.

    boundary = mask - erosion(mask, 3x3 square, width_px times); beyond the image edge is outside.

    >>> boundary(np.ones((3, 5), bool), width_px=1).astype(int).tolist()
    [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    """
    inner = ndimage.minimum_filter(mask.astype(np.uint8), size=2 * width_px + 1, mode="constant", cval=0)
    outline: NDArray[np.bool_] = mask & (inner == 0)
    return outline


def boundary_counts(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    *,
    width_px: int | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> BoundaryCounts:
    """Compare the boundaries of two masks.

    Args:
        truth: mask; anything but 0 is inside.
        prediction: mask of the same shape.
        width_px: width of the boundary; `boundary_width_px` where None.
        valid: pixels to count; all where None. The others count as outside.

    Raises:
        ShapeError: the shapes differ.
    """
    check_same_shape(truth, prediction, valid)
    inside = np.ones(truth.shape, np.bool_) if valid is None else valid
    width = boundary_width_px(inside) if width_px is None else width_px
    t = boundary((truth != 0) & inside, width_px=width)
    p = boundary((prediction != 0) & inside, width_px=width)
    return BoundaryCounts(float(np.count_nonzero(t & p)), float(np.count_nonzero(t | p)))


def boundary_iou(counts: BoundaryCounts) -> Number:
    """Boundary IoU (Cheng et al. 2021, arXiv:2103.16562).

    |B(T) and B(P)| / |B(T) or B(P)|, in [0, 1], higher is better. One mask empty: 0; both: NaN, as for IoU.

    >>> boundary_iou(BoundaryCounts(intersection=6.0, union=8.0))
    np.float64(0.75)
    """
    return ratio(counts.intersection, counts.union)


def hausdorff_95(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    *,
    spacing: tuple[float, ...] | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> float:
    """95th percentile of the Hausdorff distance, defined as the larger of the two directed percentiles.

    HD95 = max(P95_{t in S(T)} min_{s in S(P)} |t - s|, P95_{s in S(P)} min_{t in S(T)} |s - t|), where S(M) are the
    pixels of M with an edge neighbour outside M; beyond the image edge is outside. This is MONAI's definition. The
    pooled percentile of both directions (medpy) and the percentile weighted by surface area (DeepMind) differ.

    Args:
        truth: mask; anything but 0 is inside.
        prediction: mask of the same shape.
        spacing: size of a pixel per axis; 1 where None.
        valid: pixels to count; all where None. The others count as outside.

    Returns:
        A distance of 0 or more in units of the spacing, lower is better. NaN if either mask is empty: there is no
        distance to nothing.

    Raises:
        ShapeError: the shapes differ.

    >>> hausdorff_95(np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 1]]))
    3.0
    """
    check_same_shape(truth, prediction, valid)
    inside = np.ones(truth.shape, np.bool_) if valid is None else valid
    t, p = _surface((truth != 0) & inside), _surface((prediction != 0) & inside)
    if not (t.any() and p.any()):
        return float("nan")
    to_prediction = ndimage.distance_transform_edt(~p, sampling=spacing)[t]
    to_truth = ndimage.distance_transform_edt(~t, sampling=spacing)[p]
    return float(max(np.percentile(to_prediction, 95), np.percentile(to_truth, 95)))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    outline: NDArray[np.bool_] = mask & ~ndimage.binary_erosion(mask)
    return outline
