"""Normalisation of intensities. It belongs to the model, so that a crop and the slide it came from agree."""

from dataclasses import dataclass
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

    def fitted_to(self, array: NDArray[Any]) -> "Normalization":
        """Fix offset and scale for one whole image, (channel, *S); itself under the scheme "model"."""
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


def _of_image(array: NDArray[Any]) -> Normalization:
    """Mean and standard deviation per channel of one image, clipped to its 0.1 and 99.9 percentile."""
    samples = array.reshape(len(array), -1).astype(np.float64)
    low, high = np.percentile(samples, (0.1, 99.9), axis=1)
    clipped = samples.clip(low[:, np.newaxis], high[:, np.newaxis])
    spread = clipped.std(axis=1)
    return Normalization(tuple(clipped.mean(axis=1).tolist()), tuple(np.where(spread > 0, spread, 1.0).tolist()))
