import numpy as np
import pytest
from scipy import ndimage

from overtile.core.errors import ShapeError
from overtile.metrics import boundary_counts, boundary_iou, hausdorff_95
from overtile.metrics.boundary import boundary, boundary_width_px


def square(size, start, stop):
    mask = np.zeros((size, size), bool)
    mask[start:stop, start:stop] = True
    return mask


def test_boundary_is_what_d_erosions_with_a_3x3_square_take_away():
    mask = np.random.default_rng(0).random((30, 40)) < 0.97
    eroded = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=3)
    np.testing.assert_array_equal(boundary(mask, width_px=3), mask & ~eroded)


def test_boundary_iou_sees_only_the_rim():
    # rims of 20 and 12 pixels (6x6 and 4x4 squares), the smaller one inside the other's hole
    counts = boundary_counts(square(10, 2, 8), square(10, 3, 7), width_px=1)
    assert (counts.intersection, counts.union) == (0, 32)
    assert boundary_iou(counts) == 0
    assert boundary_iou(boundary_counts(square(10, 2, 8), square(10, 2, 8))) == 1


def test_boundary_width_follows_the_valid_part():
    valid = np.zeros((900, 900), bool)
    valid[100:400, 100:500] = True  # 3:4:5, diagonal 500
    assert boundary_width_px(valid) == 10
    assert boundary_width_px(np.ones((2, 2), bool)) == 1


def test_empty_masks():
    nothing, something = np.zeros((4, 4), bool), square(4, 1, 3)
    assert boundary_iou(boundary_counts(nothing, something)) == 0
    assert np.isnan(boundary_iou(boundary_counts(nothing, nothing)))
    assert np.isnan(hausdorff_95(nothing, something))
    assert np.isnan(hausdorff_95(something, something, valid=nothing))


def test_hausdorff_95_takes_the_larger_directed_percentile():
    # 100 pixels in a row against the same with an outlier 50 pixels away that is 1 % of its surface
    truth = np.zeros((60, 100), bool)
    truth[0] = True
    outlier = truth.copy()
    outlier[50, 0] = True
    assert hausdorff_95(truth, outlier) == 0  # within the 5 %
    few, one_more = np.zeros((60, 10), bool), np.zeros((60, 10), bool)
    few[0], one_more[0] = True, True
    one_more[50, 0] = True
    # to the truth: ten zeros and a 50; numpy's 95th percentile lies half way between the last two
    assert hausdorff_95(few, one_more) == pytest.approx(25.0)
    assert hausdorff_95(one_more, few, spacing=(0.5, 1.0)) == pytest.approx(12.5)


def test_hausdorff_of_a_shifted_square():
    assert hausdorff_95(square(20, 4, 10), np.roll(square(20, 4, 10), 3, axis=1)) == 3.0


def test_other_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"expected a prediction of the truth's size \(4, 4\), got \(5, 5\)"):
        hausdorff_95(square(4, 1, 2), square(5, 1, 2))
    with pytest.raises(ShapeError, match=r"expected a prediction of the truth's size \(4, 4\), got \(5, 5\)"):
        boundary_counts(square(4, 1, 2), square(5, 1, 2))
