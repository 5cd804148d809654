"""Textured touching cells, as a fluorescence microscope shows them."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from overtile.core.seeds import generator

RADIUS_PX = (8.0, 14.0)
"""Range of the mean radius of a cell."""

FAR = 1e3


def cells(seed: int, *, size: int = 256, count: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw cells in clusters whose members touch along faint dark lines.

    A cell is an ellipse with irregular outline: the pixel at polar position (r, phi) around its centre has the relative
    radius r / R(phi), and belongs to the cell for which this is smallest, if below 1. Illumination is uneven, cells
    differ in brightness, debris lies between them, and the picture is blurred and noisy.

    Args:
        seed: the same seed gives the same picture.
        size: height and width in pixels.
        count: number of cells; by default as many as cover a quarter to two fifths of the area.

    Returns:
        The image (y, x) and the object ids (y, x), 0 = background; touching cells have no gap between them.

    >>> image, instances = cells(0, size=64, count=5)
    >>> image.shape, int(instances.max()) <= 5
    ((64, 64), True)
    """
    rng = generator(seed, "cells")
    if count is None:
        count = max(1, round(rng.uniform(0.25, 0.4) * size**2 / (np.pi * np.mean(RADIUS_PX) ** 2)))
    nearest, second, owner = _shapes(rng, size, _centres(rng, size, count))
    instances = _consecutive(owner)
    return _picture(rng, nearest, second, owner), instances


def _centres(rng: np.random.Generator, size: int, count: int) -> NDArray[np.float64]:
    """Place cells one by one, most of them beside an earlier one; crowded places are tried again."""
    centres = [rng.uniform(0, size, 2)]
    spacing = 2 * float(np.mean(RADIUS_PX))
    for _ in range(count - 1):
        for _ in range(20):
            if rng.random() < 0.7:
                angle, distance = rng.uniform(0, 2 * np.pi), spacing * rng.uniform(0.7, 1.0)
                place = centres[rng.integers(len(centres))] + distance * np.array([np.sin(angle), np.cos(angle)])
            else:
                place = rng.uniform(0, size, 2)
            free = np.min(np.hypot(*(np.array(centres) - place).T)) > 0.62 * spacing
            if free and (place > 0).all() and (place < size).all():
                centres.append(place)
                break
    return np.array(centres)


def _shapes(
    rng: np.random.Generator, size: int, centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Smallest and second smallest relative radius per pixel, and whose the smallest is (0 = none)."""
    nearest, second = np.full((size, size), FAR), np.full((size, size), FAR)
    owner = np.zeros((size, size), np.int32)
    for number, (cy, cx) in enumerate(centres, 1):
        radius, turn = rng.uniform(*RADIUS_PX), rng.uniform(0, np.pi)
        elongation = rng.uniform(1.0, 1.5)
        reach = int(radius * 2.6)
        y0, y1 = max(0, int(cy) - reach), min(size, int(cy) + reach)
        x0, x1 = max(0, int(cx) - reach), min(size, int(cx) + reach)
        y, x = np.mgrid[y0:y1, x0:x1] - np.array([cy, cx]).reshape(2, 1, 1)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        angle = np.arctan2(v, u)
        outline = 1 + sum(rng.normal(0, 0.10 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 6))
        relative = np.hypot(u / np.sqrt(elongation), v * np.sqrt(elongation)) / (radius * outline)
        window = (slice(y0, y1), slice(x0, x1))
        closer = relative < nearest[window]
        second[window] = np.where(closer, nearest[window], np.minimum(second[window], relative))
        owner[window] = np.where(closer & (relative < 1), number, owner[window])
        nearest[window] = np.minimum(nearest[window], relative)
    return nearest, second, owner


def _consecutive(owner: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number what is left of the cells 1, 2, 3, ... without gaps."""
    values, index = np.unique(owner, return_inverse=True)
    start = 0 if values[0] == 0 else 1
    return (index.reshape(owner.shape) + start).astype(np.int32)


def _picture(
    rng: np.random.Generator, nearest: NDArray[np.float64], second: NDArray[np.float64], owner: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Render brightness, texture, the dark line where cells touch, debris, illumination, blur and noise."""
    shape = owner.shape
    brightness = np.append(0.0, rng.lognormal(0, 0.35, int(owner.max())).clip(0.45, 2.0))[owner]
    dome = np.sqrt(np.clip(1.15 - nearest**2, 0, 1))
    texture = 1 + 0.16 * _noise(rng, shape, 1.2) + 0.14 * _noise(rng, shape, 3.0)
    gap = 1 - rng.uniform(0.35, 0.55) * np.exp(-(((second - nearest) / 0.16) ** 2))
    light = brightness * dome * texture * gap + 0.30 * np.exp(-((nearest.clip(max=3) - 0.4) ** 2))  # cytoplasm, haze
    light += _debris(rng, shape)
    illumination = 1 + 0.3 * _noise(rng, shape, shape[0] / 3)
    photons = gaussian_filter(light, 1.1) * illumination.clip(0.4) * 60 + 14
    noisy = rng.poisson(photons.clip(0)) + rng.normal(0, 3, shape)
    return np.asarray(noisy.clip(0, 255).astype(np.uint8))


def _debris(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Small bright specks and large dim ones that are no cells."""
    result = np.zeros(shape)
    for sigma, density, height in ((0.9, 1 / 6000, 0.9), (7.0, 1 / 30000, 0.35)):
        spots = np.zeros(shape)
        n = max(1, round(density * result.size))
        spots[rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)] = rng.uniform(0.4, 1.0, n)
        result += height * 2 * np.pi * sigma**2 * gaussian_filter(spots, sigma)
    return result


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """Smooth noise of zero mean and unit variance."""
    smooth = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return np.asarray((smooth - smooth.mean()) / (smooth.std() + 1e-12))
