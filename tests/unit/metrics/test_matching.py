import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from overtile.core.errors import DataError
from overtile.metrics import (
    average_precision,
    contingency,
    det,
    f1,
    match,
    match_counts,
    mean_average_precision,
    op_csb,
    panoptic_quality,
    precision,
    recall,
    seg,
    tracking_counts,
)


def counts(truth, prediction):
    return match_counts(contingency(np.asarray(truth), np.asarray(prediction)))


def tracking(truth, prediction):
    return tracking_counts(contingency(np.asarray(truth), np.asarray(prediction)))


TRUTH = [1, 1, 1, 1, 0, 2, 2, 0, 3]
PREDICTION = [5, 5, 5, 0, 0, 6, 6, 7, 0]  # IoU 3/4 and 1, one invented, one missed


def test_scores_by_hand():
    got = counts(TRUTH, PREDICTION)
    assert average_precision(got).tolist() == [0.5] * 6 + [0.2] * 4  # 2 / 4 up to .75, then 1 / 5
    assert mean_average_precision(got) == pytest.approx((6 * 0.5 + 4 * 0.2) / 10)
    assert f1(got)[0] == pytest.approx(4 / 6)
    assert (precision(got)[0], recall(got)[0]) == pytest.approx((2 / 3, 2 / 3))
    assert panoptic_quality(got)[0] == pytest.approx(1.75 / 3)


def test_thresholds_are_met_exactly():
    # IoU 3/5 meets 0.6, which 0.5 + 2 * 0.05 would not say in floating point
    assert counts([1, 1, 1, 1, 1], [2, 2, 2, 0, 0]).tp[:3].tolist() == [1, 1, 1]


def test_two_halves_of_an_object_match_once():
    table = contingency(np.array([1, 1, 1, 1, 8, 8]), np.array([2, 2, 3, 3, 9, 9]))
    pairs = match(table)
    assert sorted(pairs.iou.tolist()) == [0.5, 1.0]
    halves = contingency(np.array([2, 2, 3, 3]), np.array([1, 1, 1, 1]))
    assert match(halves).iou.tolist() == [0.5]


@pytest.mark.parametrize("seed", range(8))
def test_matching_equals_the_optimal_assignment(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, 24).repeat(rng.integers(1, 4, 24))
    prediction = np.where(rng.random(truth.size) < 0.75, truth + 10, rng.integers(0, 5, truth.size))
    overlap = np.array(
        [
            [
                ((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum()
                for p in set(prediction) - {0}
            ]
            for t in set(truth) - {0}
        ]
    )
    got = counts(truth, prediction)
    for i, threshold in enumerate((0.5, 0.55, 0.6, 0.65, 0.7)):
        row, col = linear_sum_assignment(overlap >= threshold, maximize=True)
        assert got.tp[i] == (overlap[row, col] >= threshold).sum()


@pytest.mark.parametrize(
    ("truth", "prediction", "value"), [([0, 0], [0, 0], 1.0), ([0, 0], [1, 1], 0.0), ([1, 1], [0, 0], 0.0)]
)
def test_empty_images(truth, prediction, value):
    got = counts(truth, prediction)
    for metric in (average_precision, f1, precision, recall, panoptic_quality):
        assert metric(got)[0] == value
    assert mean_average_precision(got) == value
    assert det(tracking(truth, prediction)) == value


def test_counts_add_up_over_images():
    pooled = counts([1, 1], [1, 1]) + counts([1, 1], [0, 0])
    assert (average_precision(pooled)[0], f1(pooled)[0]) == pytest.approx((1 / 2, 2 / 3))


def test_low_thresholds_are_refused():
    with pytest.raises(DataError, match=r"expected IoU thresholds of 0.5 or more, got 0.3"):
        match_counts(contingency(np.array([1]), np.array([1])), thresholds=(0.3, 0.5))


def test_seg_asks_for_more_than_half_of_the_reference():
    assert seg(tracking([1, 1, 1, 1], [2, 2, 0, 0])) == 0
    assert seg(tracking([1, 1, 1], [2, 2, 0])) == pytest.approx(2 / 3)


def test_one_result_may_detect_several_references():
    got = tracking([1, 1, 2, 2, 3], [4, 4, 4, 4, 0])
    assert seg(got) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert [float(n) for n in (got.objects, got.splits, got.misses, got.extra)] == [3, 1, 1, 0]
    assert det(got) == pytest.approx(1 - 15 / 30)
    assert op_csb(got) == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_false_detections_cost_one_tenth_and_det_stops_at_zero():
    assert det(tracking([1, 1, 0, 0], [1, 1, 2, 0])) == pytest.approx(0.9)
    assert det(tracking([1, *[0] * 11], [0, *range(1, 12)])) == 0


def test_without_reference_seg_is_undefined():
    assert np.isnan([seg(tracking([0], [0])), seg(tracking([0], [1])), op_csb(tracking([0], [1]))]).all()
