"""What the values of raw label files look like: how many, how compact, how solid."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as label_regions

MOST_LOOKED_AT = 40
"""Shapes are judged on at most this many images, evenly spread; values are counted on all."""

THIN = 0.02
"""A value of which less than this share lies in 3x3 blocks of its own is an edge, not a region."""


@dataclass(frozen=True)
class LabelEvidence:
    """Measurements on all label arrays together; the ignored value is left out.

    Attributes:
        n_images: number of label arrays.
        values: distinct values, ascending.
        pixels: pixels of each value.
        n_ids: sum over the images of the number of distinct values above 0.
        compactness: median over images and values above 0 of the share of the largest connected piece, 0 to 1.
        area_px: median over images and values above 0 of the number of pixels.
        consecutive: share of the images whose values above 0 are exactly 1, 2, ..., n.
        values_vary: the images do not all hold the same values.
        smoothed: values that only occur in thin lines, if they are the majority of the values and cover little.
        empty_images: indices of images with a single value.
    """

    n_images: int
    values: tuple[int, ...]
    pixels: tuple[int, ...]
    n_ids: int
    compactness: float
    area_px: float
    consecutive: float
    values_vary: bool
    smoothed: tuple[int, ...]
    empty_images: tuple[int, ...]


def describe_labels(labels: Sequence[NDArray[Any]], *, ignore_label: int | None = None) -> LabelEvidence:
    """Measure what raw labels look like.

    >>> describe_labels([np.array([[0, 1, 0, 1]])]).compactness
    0.5
    """
    counts = [_count(array, ignore_label) for array in labels]
    total: Counter[int] = sum(counts, Counter())
    values = tuple(sorted(total))
    above = [sorted(v for v in count if v > 0) for count in counts]
    some = [v for v in above if v]
    looked_at = (
        [labels[i] for i in np.unique(np.linspace(0, len(labels) - 1, MOST_LOOKED_AT).astype(int))] if labels else []
    )
    shares = [s for array in looked_at for s in _largest_piece_shares(array, ignore_label)]
    return LabelEvidence(
        n_images=len(labels),
        values=values,
        pixels=tuple(total[v] for v in values),
        n_ids=sum(map(len, above)),
        compactness=float(np.median(shares)) if shares else 1.0,
        area_px=float(np.median([n for count in counts for v, n in count.items() if v > 0] or [0])),
        consecutive=sum(v == list(range(1, len(v) + 1)) for v in some) / max(1, len(some)),
        values_vary=len({tuple(v) for v in some}) > 1,
        smoothed=thin_values(looked_at, ignore_label),
        empty_images=tuple(i for i, count in enumerate(counts) if len(count) < 2),
    )


def _count(array: NDArray[Any], ignore_label: int | None) -> Counter[int]:
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        histogram = np.bincount(array.ravel())
        values = np.flatnonzero(histogram)
        pixels = histogram[values]
    else:
        values, pixels = np.unique(array, return_counts=True)
    count = Counter(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
    if ignore_label is not None:
        count.pop(ignore_label, None)
    return count


def _largest_piece_shares(array: NDArray[Any], ignore_label: int | None) -> NDArray[np.float64]:
    """Share of the largest 4-connected piece among the pixels of each value above 0."""
    value_of_piece, sizes = pieces(array)
    values, inverse = np.unique(value_of_piece, return_inverse=True)
    largest = np.zeros(len(values))
    np.maximum.at(largest, inverse, sizes)
    whole = np.bincount(inverse, weights=sizes)
    wanted = (values > 0) & (values != (-1 if ignore_label is None else ignore_label))
    return np.asarray((largest / whole)[wanted])


def pieces(labels: NDArray[Any], *, connectivity: int = 1) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Find the connected pieces of equal value, background included: the value and the number of pixels of each.

    Connectivity 1 joins pixels that share an edge, 2 also those that share a corner.

    >>> [part.tolist() for part in pieces(np.array([[7, 7, 0, 7]]))]
    [[7, 0, 7], [2, 1, 1]]
    """
    outside = int(labels.min()) - 1
    numbered = label_regions(labels.astype(np.int64), connectivity=connectivity, background=outside)
    _, first, sizes = np.unique(numbered, return_index=True, return_counts=True)
    return labels.ravel()[first], sizes


def thin_values(labels: Sequence[NDArray[Any]], ignore_label: int | None = None) -> tuple[int, ...]:
    """Values that never fill a 3x3 block: at least three that outnumber the others, which cover most of the area.

    Smoothing, JPEG and resizing leave such values between the regions of a mask; ascending, none where it is clean.
    """
    solid: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for array in labels:
        uniform = ndimage.minimum_filter(array, 3) == ndimage.maximum_filter(array, 3)
        total += _count(array, ignore_label)
        solid += _count(array[ndimage.binary_dilation(uniform, np.ones((3, 3), bool))], ignore_label)
    thin = tuple(sorted(v for v in total if solid[v] < THIN * total[v]))
    thin_pixels = sum(total[v] for v in thin)
    return thin if len(thin) >= 3 and len(thin) > len(total) / 2 and 2 * thin_pixels < sum(total.values()) else ()
