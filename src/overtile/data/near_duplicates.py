"""Images that show nearly the same thing: copies, neighbouring sections, shifted fields of view."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import connected_components

from overtile.core.image import Image

logger = logging.getLogger(__name__)

GRID = 64
"""Images are compared on a grid of this many cells per side."""

HIGH_PASS_CELLS = 3.0
"""Standard deviation of the blur that is subtracted: illumination and vignetting say nothing about the content."""

ALIKE = 0.7
"""Correlation from which two images are near-duplicates; sections 20 nm apart reach 0.95, 50 nm apart 0.45."""

COPY = 0.995
"""Correlation from which two images are the same one, whatever all images have in common."""

MOST_SHIFTED = 400
"""With more images than this, only unshifted near-duplicates are looked for."""


def near_duplicates(
    images: Sequence[Image], valid: Sequence[NDArray[np.bool_] | None] | None = None
) -> NDArray[np.int64]:
    """Number the groups of images that are alike, directly or by a chain of others.

    The similarity of two images is the maximum over all shifts of the circular correlation of their high-pass filtered,
    normalised thumbnails. Where that joins more than half of all images, what they have in common (a round field of
    view, an organ in its place) is subtracted and they are compared once more.

    Args:
        images: at least one, of any sizes.
        valid: per image, False where pixels do not count.

    Returns:
        One group number per image, from 0 on in order of appearance.

    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.random((2, 1, 96, 96))
    >>> near_duplicates([Image(a), Image(b), Image(np.roll(a, 12, axis=2))]).tolist()
    [0, 1, 0]
    """
    given = [None] * len(images) if valid is None else valid
    # A mask that leaves less than half of an image is a sparse annotation, no field of view: all of it is compared.
    masks = [mask if mask is not None and mask.mean() >= 0.5 else None for mask in given]
    thumbs = np.stack([_thumbnail(image.array, mask) for image, mask in zip(images, masks, strict=True)])
    similarity = _similarity(_normalised(thumbs))
    groups = _joined(similarity > ALIKE)
    if len(images) >= 4 and np.bincount(groups).max() > len(images) / 2:
        common = np.median(thumbs, axis=0).astype(np.float32)
        residual = _similarity(_normalised(thumbs - common))
        groups = _joined((residual > ALIKE) | (similarity > COPY))
    return groups


def _thumbnail(array: NDArray[Any], valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Average to a grid, subtract the surroundings, limit outliers, scale to unit variance."""
    grey = np.stack([_averaged(channel) for channel in array]).mean(axis=0)
    weight = np.ones_like(grey) if valid is None else _averaged(valid)
    surroundings = gaussian_filter(grey * weight, HIGH_PASS_CELLS) / (gaussian_filter(weight, HIGH_PASS_CELLS) + 1e-6)
    detail = (grey - surroundings) * (weight > 0.99)
    detail = detail.clip(*np.percentile(detail, [1, 99]))
    return np.asarray((detail - detail.mean()) / (detail.std() + 1e-9), dtype=np.float32)


def _averaged(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Average a plane over a GRID x GRID grid; cells of a smaller image repeat its pixels."""
    result = plane.astype(np.float64)
    for axis, n in enumerate(plane.shape):
        edges = np.linspace(0, n, GRID + 1).astype(int)
        result = np.add.reduceat(result, edges[:-1], axis=axis)
        result /= np.maximum(1, np.diff(edges)).reshape((-1, 1) if axis == 0 else (1, -1))
    return result


def _normalised(thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to unit norm; a thumbnail without contrast becomes zero and is like nothing."""
    norms = np.linalg.norm(thumbs.reshape(len(thumbs), -1), axis=1)[:, np.newaxis, np.newaxis]
    return np.where(norms > 1e-3, thumbs / np.maximum(norms, 1e-3), 0).astype(np.float32)


def _similarity(thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlate all pairs, at the best shift where there are few enough."""
    n = len(thumbs)
    if n > MOST_SHIFTED:
        logger.info("%d images: near-duplicates are looked for without shifts", n)
        flat = thumbs.reshape(n, -1)
        return np.asarray(flat @ flat.T)
    spectra = np.fft.rfft2(thumbs).astype(np.complex64)
    result = np.zeros((n, n), np.float32)
    for i in range(n):
        correlation = np.fft.irfft2(spectra[i].conj() * spectra[i:], s=thumbs.shape[1:])
        result[i, i:] = correlation.reshape(n - i, -1).max(axis=1)
    return np.asarray(np.maximum(result, result.T))


def _joined(alike: NDArray[np.bool_]) -> NDArray[np.int64]:
    _, groups = connected_components(alike, directed=False)
    return np.asarray(groups, dtype=np.int64)
