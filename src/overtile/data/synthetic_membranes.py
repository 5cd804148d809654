"""Sections through neural tissue, as a transmission electron microscope shows them."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import KDTree

from overtile.core.seeds import generator

SEED_SPACING_PX = 24.0
"""Mean distance of the points that small neurites grow from."""

LARGE_RADIUS_PX = (16.0, 42.0)
"""Range of the radius of large neurites."""

MARGIN_PX = 60
"""Neurites are laid out this far beyond the picture."""


def membranes(seed: int, *, size: int = 256) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw neurites that are separated by dark membranes.

    Every pixel, moved by a smooth elastic displacement, belongs to the nearest neurite: some are discs, the others
    points, a third of which joins its neighbour. The membrane is what lies within a varying half-width of a border. It
    is dark with varying contrast and gaps; the cytoplasm is textured and holds mitochondria and vesicles.

    Args:
        seed: the same seed gives the same picture.
        size: height and width in pixels.

    Returns:
        The image (y, x), and labels (y, x): 255 inside neurites, 0 on membranes.

    >>> image, inside = membranes(0, size=64)
    >>> image.shape, np.unique(inside).tolist()
    ((64, 64), [0, 255])
    """
    rng = generator(seed, "membranes")
    owner = _territories(rng, size)
    distance = _distance_to_border(owner)
    half_width = (1.9 + 0.45 * _noise(rng, size, 12.0)).clip(1.0, 3.0)
    inside = np.where(distance > half_width, 255, 0).astype(np.uint8)
    return _picture(rng, distance / half_width, distance, owner), inside


def _territories(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Number of the neurite that owns each pixel: the one of least distance |x - p| - r, r = 0 for small ones."""
    extent = size + 2 * MARGIN_PX
    points = rng.uniform(-MARGIN_PX, size + MARGIN_PX, (round((extent / SEED_SPACING_PX) ** 2), 2))
    discs = rng.uniform(-MARGIN_PX, size + MARGIN_PX, (round((extent / 88) ** 2), 2))
    radii = rng.uniform(*LARGE_RADIUS_PX, len(discs))
    stretch = np.array([1.0, rng.uniform(0.8, 1.25)])
    shift = [6 * _noise(rng, size, 18.0) + 1.2 * _noise(rng, size, 5.0) for _ in range(2)]
    where = np.moveaxis(np.mgrid[:size, :size] + np.stack(shift), 0, -1) * stretch
    nearest, index = KDTree(points * stretch).query(where)
    owner: NDArray[np.int64] = _joined(rng, points)[index]
    for number, (centre, radius) in enumerate(zip(discs * stretch, radii, strict=True), len(points)):
        distance = np.linalg.norm(where - centre, axis=-1) - radius
        owner = np.where(distance < nearest, number, owner)
        nearest = np.minimum(distance, nearest)
    return owner


def _joined(rng: np.random.Generator, points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number small neurites: a third of the points joins its neighbour's, so that winding ones arise."""
    _, neighbours = KDTree(points).query(points, k=2)
    neurite = np.arange(len(points))
    for i in rng.permutation(len(points))[: len(points) // 3].tolist():
        neurite[neurite == neurite[i]] = neurite[neighbours[i, 1]]
    return neurite


def _distance_to_border(owner: NDArray[np.int64]) -> NDArray[np.float64]:
    border = np.zeros(owner.shape, bool)
    border[:-1] |= owner[:-1] != owner[1:]
    border[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    return np.asarray(distance_transform_edt(~border), dtype=np.float64)


def _picture(
    rng: np.random.Generator, relative: NDArray[np.float64], distance: NDArray[np.float64], owner: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Render cytoplasm, organelles, membranes, blur and noise."""
    size = len(owner)
    tone = rng.normal(0, 7, int(owner.max()) + 1)[owner]
    light = 155 + tone + 8 * _noise(rng, size, 1.5) + 5 * _noise(rng, size, 3.5) + 9 * _noise(rng, size, size / 4)
    light = _vesicles(rng, _mitochondria(rng, light, distance), distance)
    contrast = (0.82 + 0.2 * _noise(rng, size, 6.0) + 0.08 * _noise(rng, size, 2.0)).clip(0.1, 1.15)
    light -= 115 * contrast * np.exp(-((relative / 0.95) ** 2))
    blurred = gaussian_filter(light, 0.8)
    grain = 9 * gaussian_filter(rng.standard_normal((size, size)), 0.6) / 0.45
    noisy = blurred + grain + rng.normal(0, 5, (size, size))
    return np.asarray(noisy.clip(0, 255), dtype=np.uint8)


def _mitochondria(
    rng: np.random.Generator, light: NDArray[np.float64], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw dark ovals with a rim and stripes where a neurite is wide enough."""
    size = len(light)
    for _ in range(max(1, round(size**2 / 5000))):
        cy, cx = (int(v) for v in rng.integers(0, size, 2))
        room = distance[cy, cx]
        if room < 7:
            continue
        turn, long, short = rng.uniform(0, np.pi), min(1.1 * room, 26), min(0.7 * room, 13)
        reach = int(long * 1.5)
        window = (slice(max(0, cy - reach), cy + reach), slice(max(0, cx - reach), cx + reach))
        y, x = np.mgrid[:size, :size][(slice(None), *window)] - np.array([cy, cx]).reshape(2, 1, 1)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        r = np.hypot(u / long, v / short) + 0.05 * np.cos(3 * np.arctan2(v, u))
        body = 1 / (1 + np.exp((r - 1) * short * 1.5)) * (distance[window] > 3.5)
        stripes = 10 * np.cos(u * 1.5 + 0.6 * np.sin(v / 2))
        light[window] += body * (stripes - 42) - 40 * np.exp(-(((r - 1) * short / 1.3) ** 2)) * (distance[window] > 3.5)
    return light


def _vesicles(
    rng: np.random.Generator, light: NDArray[np.float64], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw small dark-rimmed circles in clusters, and dark dots, inside neurites."""
    size = len(light)
    spots = np.zeros((size, size))
    n = round(size**2 / 110)
    y, x = rng.integers(0, size, (2, n))
    crowd = _noise(rng, size, 12.0)[y, x] > -0.2
    spots[y[crowd], x[crowd]] = 1
    rings = 130 * (gaussian_filter(spots, 2.4) * 2.4**2 - gaussian_filter(spots, 1.4) * 1.4**2) * 2 * np.pi
    return np.asarray(light - rings * (distance > 5))


def _noise(rng: np.random.Generator, size: int, sigma: float) -> NDArray[np.float64]:
    """Smooth noise of zero mean and unit variance."""
    smooth = gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
    return np.asarray((smooth - smooth.mean()) / (smooth.std() + 1e-12))
