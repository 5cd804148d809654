import numpy as np
import pytest
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data import Sample, intensity_statistics


def sample(array: NDArray[np.float64], valid: NDArray[np.bool_] | None = None) -> Sample:
    return Sample("a", Image(array), np.zeros(array.shape[1:], np.int32), valid)


def test_mean_and_deviation_per_channel() -> None:
    array = np.stack([np.tile([0.0, 2.0], (20, 10)), np.full((20, 20), 5.0)])

    statistics = intensity_statistics([sample(array)])

    assert statistics.mean == (1.0, 5.0)
    assert statistics.std == (1.0, 1.0)  # the constant channel is given 1
    assert statistics.image_ranges == (((0.0, 2.0), (5.0, 5.0)),)
    assert statistics.scale_ratio == 1.0


def test_outliers_hardly_count() -> None:
    array = np.tile([0.0, 2.0], (100, 50))[np.newaxis]
    array[0, 0, 0] = 1e9

    statistics = intensity_statistics([sample(array)])

    assert statistics.mean[0] == pytest.approx(1.0, abs=1e-3)
    assert statistics.high == (2.0,)


def test_invalid_pixels_do_not_count() -> None:
    array = np.full((1, 10, 10), 3.0)
    array[0, :5] = 99.0
    valid = np.zeros((10, 10), bool)
    valid[5:] = True

    assert intensity_statistics([sample(array, valid)]).mean == (3.0,)
    with pytest.raises(DataError, match="a: no pixel is valid"):
        intensity_statistics([sample(array, np.zeros((10, 10), bool))])


def test_scales_that_differ_show() -> None:
    ramp = np.linspace(0, 1, 400).reshape(1, 20, 20)
    assert intensity_statistics([sample(ramp), sample(ramp * 50)]).scale_ratio == pytest.approx(50.0)


def test_no_image_is_refused() -> None:
    with pytest.raises(DataError, match="at least one image to measure, got none"):
        intensity_statistics([])
