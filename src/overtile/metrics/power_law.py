"""How a score grows with the number of training images."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import nnls

LEAST_POINTS = 3
"""A curve of three parameters takes as many points, at the least."""

EXPONENTS = np.geomspace(0.1, 3.0, 35)
"""Those that are tried: errors of learned models fall with about the square root of the data, give or take."""


@dataclass(frozen=True)
class PowerLaw:
    """score(n) = ceiling - gap n^(-exponent), with gap >= 0: it never falls, and never passes its ceiling.

    Attributes:
        ceiling: what endless images would give, at most 1.
        gap: what a single image lacks to it.
        exponent: how fast the gap closes.
    """

    ceiling: float
    gap: float
    exponent: float

    def __call__(self, images: float | int) -> float:
        """The score that so many images are likely to give."""
        return float(self.ceiling - self.gap * images**-self.exponent)


def fit_power_law(
    images: Float[NDArray[np.generic], " points"], scores: Float[NDArray[np.generic], " points"]
) -> PowerLaw:
    """Fit a saturating power law by least squares (Cortes et al. 1994; Hestness et al. 2017).

    For each of some exponents b, 1 - score = f + gap n^(-b) with f, gap >= 0 is a linear problem of non-negative least
    squares, which has one solution; the best exponent wins. A curve that falls is fitted by a constant.

    Args:
        images: numbers of training images, different ones, at least LEAST_POINTS.
        scores: of the networks trained on them, at most 1; higher is better.

    >>> n = np.array([1.0, 2.0, 4.0, 8.0])
    >>> law = fit_power_law(n, 0.9 - 0.4 * n**-0.5)
    >>> round(law(16.0), 2), round(law.ceiling, 1)
    (0.8, 0.9)
    """
    error = 1 - np.asarray(scores, np.float64)
    best, least = PowerLaw(1 - float(error.mean()), 0.0, 1.0), np.inf
    for exponent in EXPONENTS:
        terms = np.stack([np.ones_like(error), np.asarray(images, np.float64) ** -exponent], axis=1)
        (floor, gap), residual = nnls(terms, error)
        if residual < least - 1e-12:
            best, least = PowerLaw(1 - float(floor), float(gap), float(exponent)), residual
    return best
