"""Normalisation of intensities. It belongs to the model, so that a crop and the slide it came from agree."""

from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import ShapeError


@dataclass(frozen=True)
class Normalization:
    """Per channel (x - offset) / scale.

    Attributes:
        offset: one value per channel, in the units of the stored samples.
        scale: one positive value per channel.
        scheme: "model": the same offset and scale for every image, fixed in training; a crop then gives what the slide
            gives. "image": each whole image has its own mean and standard deviation; only for data whose intensity
            scale differs from image to image (MRI, mixed microscopes), where a fixed scale cannot work. A crop taken
            out by hand is then another image and may differ from the slide.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    scheme: Literal["model", "image"] = "model"

    def fitted_to(self, array: Any) -> "Normalization":
        """Fix offset and scale for one whole image; itself under the scheme "model".

        Args:
            array: (channel, *S), a NumPy array or anything with a shape that gives slices.

        Raises:
            ShapeError: the image has other channels than the model.
        """
        if len(self.offset) != array.shape[0]:
            raise ShapeError(
                f"the model was trained on images with {len(self.offset)} channel(s), this image has {array.shape[0]}: "
                "choose the channels it was trained on, or train a model for these images"
            )
        return _of_image(array) if self.scheme == "image" else self

    def __call__(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise samples of shape (channel, *S) to float32.

        >>> Normalization((10.0,), (2.0,))(np.array([[12, 8]]))
        array([[ 1., -1.]], dtype=float32)
        """
        shape = (-1,) + (1,) * (array.ndim - 1)
        offset = np.asarray(self.offset, np.float32).reshape(shape)
        scale = np.asarray(self.scale, np.float32).reshape(shape)
        return (array.astype(np.float32) - offset) / scale


SAMPLE_PX = 2**24
"""At most about so many pixels per channel tell the intensities of an image; of a larger one, those of a grid."""


def _of_image(array: Any) -> Normalization:
    """Mean and standard deviation per channel of one image, clipped to its 0.1 and 99.9 percentile."""
    samples = _on_a_grid(array).astype(np.float64)
    low, high = np.percentile(samples, (0.1, 99.9), axis=1)
    clipped = samples.clip(low[:, np.newaxis], high[:, np.newaxis])
    spread = clipped.std(axis=1)
    return Normalization(tuple(clipped.mean(axis=1).tolist()), tuple(np.where(spread > 0, spread, 1.0).tolist()))


def _on_a_grid(array: Any) -> NDArray[Any]:
    """Pixels (channel, n) of every k-th row and column, read block by block; all of them where the image is small."""
    height, width = array.shape[-2:]
    step = ceil(sqrt(prod(array.shape[1:]) / SAMPLE_PX))
    rows = max(SAMPLE_PX // (width * step), 1) * step
    whole = (slice(None),) * (len(array.shape) - 2)
    blocks = [
        array[(*whole, slice(y, min(y + rows, height)), slice(0, width))][..., ::step, ::step]
        for y in range(0, height, rows)
    ]
    return np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
