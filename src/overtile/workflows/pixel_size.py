"""Images whose pixels are larger or smaller than those that a model was trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from overtile.core import DataError, Image
from overtile.data.checks.intensity import PIXEL_SIZE_TOLERANCE

PixelSize = tuple[float, ...]
"""Micrometres per pixel of each spatial axis ([z], y, x)."""


def typical_pixel_size(images: Sequence[Image]) -> PixelSize | None:
    """Median pixel size (y, x) of those images that have one; None where none has.

    >>> typical_pixel_size([Image(np.zeros((1, 2, 2)), (0.5, 0.5)), Image(np.zeros((1, 2, 2)))])
    (0.5, 0.5)
    """
    known = [image.pixel_size_um[-2:] for image in images if image.pixel_size_um is not None]
    return tuple(float(size) for size in np.median(known, axis=0)) if known else None


def mismatch(pixel_size_um: PixelSize | None, trained_um: PixelSize | None) -> str | None:
    """Say how the pixels of an image differ from those of the training, where it is by more than a quarter.

    Args:
        pixel_size_um: of the image; None where it is unknown, and so not compared.
        trained_um: of the model, `manifest.pixel_size_um`.

    >>> mismatch((0.5, 0.5), (0.25, 0.25))
    'its pixels are 0.5 um, the model was trained on 0.25 um: objects look 2.0 times smaller than the model knows them'
    >>> mismatch((0.3, 0.3), (0.25, 0.25)) is None
    True
    """
    if pixel_size_um is None or trained_um is None:
        return None
    ratios = [size / trained for size, trained in zip(pixel_size_um[-2:], trained_um[-2:], strict=True)]
    worst = max(ratios, key=lambda ratio: max(ratio, 1 / ratio))
    factor = max(worst, 1 / worst)
    if factor <= 1 + PIXEL_SIZE_TOLERANCE:
        return None
    axis = ratios.index(worst) - 2
    return (
        f"its pixels are {pixel_size_um[axis]:.4g} um, the model was trained on {trained_um[axis]:.4g} um: objects look "
        f"{factor:.1f} times {'smaller' if worst > 1 else 'larger'} than the model knows them"
    )


def matched(image: Image, trained_um: PixelSize | None) -> Image:
    """Rescale an image to the pixel size of the training; linear interpolation, smoothed first where it shrinks.

    The planes of a stack are rescaled one by one. `restored_labels` and `restored_maps` bring results back.

    Args:
        image: (channel, [z], y, x).
        trained_um: of the model, `manifest.pixel_size_um`.

    Raises:
        DataError: the pixel size of the image or that of the model is unknown.

    >>> matched(Image(np.zeros((1, 6, 8), np.uint8), (0.5, 0.5)), (0.25, 0.25)).array.shape
    (1, 12, 16)
    """
    if image.pixel_size_um is None or trained_um is None:
        whose = "the image" if image.pixel_size_um is None else "the model's training images"
        raise DataError(
            f"the pixel size of {whose} is not known, so that it cannot be matched. Store it in the file (TIFF, OME-TIFF, "
            "OME-Zarr, NIfTI), or leave out --match-pixel-size."
        )
    steps = zip(image.size[-2:], image.pixel_size_um[-2:], trained_um[-2:], strict=True)
    size = tuple(max(1, round(n * own / wanted)) for n, own, wanted in steps)
    if size == image.size[-2:]:
        return image
    scaled = _resized(image.array, size)
    if image.array.dtype.kind in "iu":
        scaled = np.rint(scaled)
    pixel_size = (*image.pixel_size_um[:-2], *trained_um[-2:])
    return Image(scaled.astype(image.array.dtype), pixel_size, image.channel_names)


def restored_labels(labels: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Bring labels ([z], y, x) of a matched image back to the size (y, x) of the original, by the nearest pixel.

    >>> restored_labels(np.array([[1, 1, 2, 2]]), (1, 2))
    array([[1, 2]])
    """
    rows, columns = (
        ((np.arange(n) + 0.5) * m / n).astype(np.intp) for n, m in zip(size[-2:], labels.shape[-2:], strict=True)
    )
    return labels[..., rows[:, np.newaxis], columns]


def restored_maps(maps: NDArray[np.floating], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring probabilities (class, [z], y, x) of a matched image back to the size (y, x) of the original."""
    return _resized(maps, size[-2:]).astype(np.float32)


def _resized(array: NDArray[Any], size: tuple[int, ...]) -> NDArray[np.floating]:
    """Resize the last two axes; values stay within their range."""
    planes = array.reshape(-1, *array.shape[-2:])
    shrinks = any(new < old for new, old in zip(size, planes.shape[-2:], strict=True))
    scaled = [
        resize(plane.astype(np.float32), size, order=1, mode="reflect", anti_aliasing=shrinks, preserve_range=True)
        for plane in planes
    ]
    return np.stack(scaled).reshape(*array.shape[:-2], *size)
