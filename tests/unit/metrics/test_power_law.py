"""How a score grows with the number of images."""

import numpy as np
import pytest

from overtile.metrics.power_law import fit_power_law

SIZES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])


@pytest.mark.parametrize(("ceiling", "gap", "exponent"), [(0.95, 0.5, 0.5), (1.0, 0.3, 0.2), (0.8, 0.2, 1.5)])
def test_a_power_law_is_found_again(ceiling, gap, exponent):
    law = fit_power_law(SIZES, ceiling - gap * SIZES**-exponent)
    for images in (1.0, 16.0, 32.0):
        assert law(images) == pytest.approx(ceiling - gap * images**-exponent, abs=0.005)


def test_a_falling_curve_is_flat_and_no_curve_passes_one():
    falling = fit_power_law(SIZES, 0.9 - 0.01 * np.arange(5))
    assert (falling.gap, falling(32.0)) == (0.0, pytest.approx(0.88))
    steep = fit_power_law(SIZES, np.array([0.1, 0.4, 0.7, 0.9, 1.0]))
    assert steep.ceiling <= 1.0
    assert steep(1e9) <= 1.0
