import numpy as np
import pytest

from overtile.core.errors import DataError, ShapeError
from overtile.metrics import PixelCounts, bootstrap_interval, pixel_error, pool
from overtile.metrics.bootstrap import draw_weights, percentile_interval, resample
from overtile.metrics.sums import ByObject


def images(errors):
    wrong = np.array(errors, float)
    return PixelCounts(tp=10 - wrong, fp=wrong, fn=0 * wrong, tn=0 * wrong)


def test_interval_of_a_mean_agrees_with_its_standard_error():
    rng = np.random.default_rng(0)
    interval = bootstrap_interval(images(rng.integers(0, 5, 400)), pixel_error, rng=rng, resamples=4000)
    half = 1.96 * np.sqrt(2) / 10 / np.sqrt(400)  # the variance of 0..4 is 2
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)
    assert interval.low < 0.2 < interval.high


def test_the_same_generator_gives_the_same_interval():
    sums = images([0, 1, 2, 3, 4, 5])
    first, second, other = (bootstrap_interval(sums, pixel_error, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == second
    assert first != other


def test_every_unit_is_drawn_equally_often():
    weights = draw_weights(5, resamples=4000, rng=np.random.default_rng(0))
    assert (weights.sum(axis=1) == 5).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.05)


def test_what_belongs_to_no_object_is_in_every_resample():
    sums = ByObject(images([0, 4]), PixelCounts(0.0, 0.0, 0.0, 100.0))
    drawn = resample(sums, resamples=50, rng=np.random.default_rng(0))
    assert set(drawn.tn.tolist()) == {100}
    assert set(drawn.fp.tolist()) == {0, 4, 8}
    empty = resample(ByObject(images([]), sums.rest), resamples=3, rng=np.random.default_rng(0))
    assert empty.tn.tolist() == [100, 100, 100]


def test_undefined_resamples_are_left_out():
    interval = percentile_interval(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]), level=1.0)
    np.testing.assert_equal(interval.low, [1.0, np.nan])
    np.testing.assert_equal(interval.high, [3.0, np.nan])


def test_one_unit_has_no_interval():
    with pytest.raises(DataError, match="expected at least 2 images or objects for an interval, got 1"):
        bootstrap_interval(images([1]), pixel_error, rng=np.random.default_rng(0))


def test_nothing_and_unequal_sweeps_cannot_be_pooled():
    with pytest.raises(DataError, match="expected the sums of at least one image, got none"):
        pool([])
    with pytest.raises(ShapeError, match=r"expected sums of one shape, got \(2,\) and \(3,\)"):
        pool([images([1, 2]), images([1, 2, 3])])
