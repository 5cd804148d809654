"""Intensity statistics of the training images: what normalisation needs, and how much the images differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.data.dataset import Sample

CLIP_PERCENT = (0.1, 99.9)
"""Percentiles outside of which pixels are outliers: dead pixels, dust, saturated spots."""

MOST_PIXELS = 16_000_000
"""Pixels of all images together that enter the statistics, evenly spread over each image."""


@dataclass(frozen=True)
class IntensityStatistics:
    """Intensities over the valid pixels of all training images, one number per channel.

    Attributes:
        mean: mean after clipping.
        std: standard deviation after clipping; 1 where a channel is constant.
        low: percentile 0.1 over all images.
        high: percentile 99.9 over all images.
        image_ranges: per image and channel the percentiles (0.1, 99.9).
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    image_ranges: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def scale_ratio(self) -> float:
        """Largest over smallest intensity range of the images, the worst channel; 1 means equal scales.

        Above about 4, the images were taken at different exposures or scales and are better normalised one by one.
        """
        widths = np.diff(np.array(self.image_ranges), axis=2)[..., 0]
        ratios = [float(w[w > 0].max() / w[w > 0].min()) for w in widths.T if (w > 0).any()]
        return max(ratios, default=1.0)


def intensity_statistics(samples: Sequence[Sample]) -> IntensityStatistics:
    """Measure mean, standard deviation and ranges per channel.

    With q the percentiles 0.1 and 99.9 of all valid pixels x and y = min(max(x, q_low), q_high):
    mean = sum(y) / n, std = sqrt(sum((y - mean)^2) / n).

    Raises:
        DataError: no pixel of an image is valid.
    """
    if not samples:
        raise DataError("expected at least one image to measure, got none.")
    pixels = [_valid_pixels(sample, MOST_PIXELS // len(samples) + 1) for sample in samples]
    pooled = np.concatenate(pixels, axis=1)
    low, high = np.percentile(pooled, CLIP_PERCENT, axis=1)
    clipped = pooled.clip(low[:, np.newaxis], high[:, np.newaxis])
    std = clipped.std(axis=1)
    return IntensityStatistics(
        mean=tuple(clipped.mean(axis=1).tolist()),
        std=tuple(np.where(std > 0, std, 1.0).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        image_ranges=tuple(tuple(map(tuple, np.percentile(p, CLIP_PERCENT, axis=1).T.tolist())) for p in pixels),
    )


def _valid_pixels(sample: Sample, most: int) -> NDArray[np.float64]:
    """Valid pixels (channel, n) of a sample, thinned out evenly where there are many."""
    array = sample.image.array
    flat: NDArray[Any] = array.reshape(len(array), -1)
    if sample.valid is not None:
        flat = flat[:, sample.valid.ravel()]
    if flat.shape[1] == 0:
        raise DataError(f"{sample.name}: no pixel is valid. Remove the image or correct its mask of valid pixels.")
    step = -(-flat.shape[1] // most)
    return flat[:, ::step].astype(np.float64)
