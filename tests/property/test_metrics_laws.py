"""Laws that hold for every pair of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from overtile.metrics import METRICS, TASKS, aggregate, contingency, score_image, thin_borders, warp

SIZES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
ANY_TASK = st.sampled_from(TASKS)
SYMMETRIC = (
    "pixel_error", "pixel_error_f", "pixel_accuracy", "iou", "dice", "boundary_iou", "hausdorff_95", "ap_50", "ap_75",
    "ap_mean", "f1_50", "pq_50",
)  # fmt: skip


def labels(draw, shape, most=3):
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, most)))


@st.composite
def pairs(draw):
    shape = draw(SIZES)
    return labels(draw, shape), labels(draw, shape)


def values(truth, prediction, task, valid=None):
    score = score_image(truth, prediction, task=task, classes=8, valid=valid)
    total = aggregate({"a": score}, rng=np.random.default_rng(0), resamples=2)["total"]
    return {name: np.nan if entry["value"] is None else entry["value"] for name, entry in total.items()}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=1e-12, err_msg=name)


@settings(deadline=None, max_examples=30)
@given(pairs(), ANY_TASK)
def test_a_perfect_prediction_is_best_and_none_is_better(pair, task):
    truth, prediction = (np.minimum(image, 1) if task == "binary" else image for image in pair)
    perfect, other = values(truth, truth, task), values(truth, prediction, task)
    for name, value in perfect.items():
        sign = -1 if METRICS[name].better == "lower" else 1
        best = 0 if sign < 0 else 1
        assert np.isnan(value) or value == pytest.approx(best, abs=1e-12), name
        assert np.isnan(other[name]) or sign * (best - other[name]) >= -1e-12, name


@settings(deadline=None, max_examples=30)
@given(pairs(), st.permutations(range(1, 4)))
def test_numbering_changes_nothing(pair, order):
    renumbered = np.array([0, *order], np.int64) * 70_001
    truth, prediction = pair
    assert_equal(values(truth, prediction, "instances"), values(renumbered[truth], renumbered[prediction], "instances"))


@settings(deadline=None, max_examples=30)
@given(pairs(), ANY_TASK)
def test_symmetric_metrics_are_symmetric(pair, task):
    there, back = values(*pair, task), values(*pair[::-1], task)
    names = [name for name in SYMMETRIC if name in there]
    assert_equal({n: there[n] for n in names}, {n: back[n] for n in names})


@settings(deadline=None, max_examples=40)
@given(pairs(), ANY_TASK, st.data())
def test_ignored_pixels_change_nothing(pair, task, data):
    truth, prediction = pair
    widths = [(data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))) for _ in range(2)]
    valid = np.pad(np.ones(truth.shape, bool), widths)
    larger = [labels(data.draw, valid.shape, most=5) for _ in range(2)]
    for image, inner in zip(larger, pair, strict=True):
        image[valid] = inner.ravel()
        if task == "binary":  # a value beside the mask's may not turn it into ids
            image[~valid] = np.minimum(image[~valid], 3)
    assert_equal(values(truth, prediction, task), values(*larger, task, valid=valid))


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_contingency_equals_counting(pair):
    truth, prediction = pair
    table = contingency(truth, prediction)
    dense = np.zeros((4, 4), int)
    dense[table.truth_ids[table.row], table.prediction_ids[table.col]] = table.count
    expected = [[((truth == t) & (prediction == p)).sum() for p in range(4)] for t in range(4)]
    np.testing.assert_array_equal(dense, expected)


@settings(deadline=None, max_examples=40)
@given(SIZES.flatmap(lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(0, 3))))
def test_thinning_keeps_objects_and_every_dam_parts_two(objects):
    thinned = thin_borders(objects)
    np.testing.assert_array_equal(thinned[objects > 0], objects[objects > 0])
    if objects.any():
        assert (thin_borders(np.where(thinned == 0, 0, 1)) == 1).all()


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_warping_only_moves_towards_the_proposal(pair):
    truth, proposal = (image > 1 for image in pair)
    warped = warp(truth, proposal)
    np.testing.assert_array_equal(warped.mismatches, warped.mask != proposal)
    assert not (warped.mismatches & (truth == proposal)).any()
    assert not (warped.splits_and_merges & ~warped.mismatches).any()
