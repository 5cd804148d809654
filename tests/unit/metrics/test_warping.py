import numpy as np
import pytest

from overtile.core.errors import ShapeError
from overtile.metrics import warp, warping_counts, warping_error, warping_error_challenge
from overtile.metrics.simple_points import NEIGHBOURS, simple_point_table


def warp_by_the_book(truth, proposal, threshold):
    """One pixel at a time, as FACTS words it."""
    table = simple_point_table()
    mask = np.pad(truth, 1).astype(int)
    margin = np.abs(proposal.astype(np.float32).astype(float) - threshold)
    target = proposal.astype(np.float32).astype(float) > threshold
    before = -1
    while True:
        wrong = [(x, y) for x in range(truth.shape[1]) for y in range(truth.shape[0])]
        wrong = [(x, y) for x, y in wrong if mask[y + 1, x + 1] != target[y, x]]
        if len(wrong) == before:
            return mask[1:-1, 1:-1], len(wrong)
        before = len(wrong)
        for x, y in sorted(wrong, key=lambda at: -margin[at[1], at[0]]):
            code = sum(mask[y + 1 + dy, x + 1 + dx] << bit for bit, (dy, dx) in enumerate(NEIGHBOURS))
            if table[code]:
                mask[y + 1, x + 1] ^= 1


@pytest.mark.parametrize("seed", range(6))
def test_warping_equals_the_procedure_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((11, 14)) < 0.6
    proposal = rng.random((11, 14)).astype(np.float32)
    mask, wrong = warp_by_the_book(truth, proposal, 0.4)
    warped = warp(truth, proposal, threshold=0.4)
    np.testing.assert_array_equal(warped.mask, mask)
    assert warped.mismatches.sum() == wrong


def test_a_border_that_moves_costs_nothing():
    truth = np.array([[1, 1, 0, 1, 1, 1]] * 4)
    proposal = np.array([[1, 1, 1, 0, 1, 1]] * 4)
    assert warping_error(warping_counts(truth, proposal, thresholds=(0.5,))) == 0


@pytest.mark.parametrize(
    ("truth", "proposal", "classic", "challenge"),
    [
        ([1, 1, 0, 1], [1, 1, 1, 1], 1, 1),  # merge
        ([1, 1, 1, 1], [1, 1, 0, 1], 1, 1),  # split
        ([1, 1, 0, 0], [1, 1, 0, 1], 1, 0),  # object added
        ([1, 1, 0, 1], [1, 1, 0, 0], 1, 0),  # object deleted
        ([1, 0, 0, 0], [1, 1, 1, 1], 0, 0),  # grown
        ([0, 0, 0, 0], [0, 0, 0, 0], 0, 0),
        ([0, 0, 0, 0], [1, 1, 1, 1], 4, 0),
        ([1, 1, 1, 1], [0, 0, 0, 0], 1, 0),  # shrunk to a last pixel
    ],
)
def test_kinds_of_mistakes(truth, proposal, classic, challenge):
    counts = warping_counts(np.array([truth]), np.array([proposal]), thresholds=(0.5,))
    assert (warping_error(counts), warping_error_challenge(counts)) == (classic / 4, challenge / 4)


def test_holes_are_neither_splits_nor_merges():
    full = np.ones((5, 5), int)
    holed = full.copy()
    holed[2, 2] = 0
    for truth, proposal in ((full, holed), (holed, full)):
        warped = warp(truth, proposal)
        assert (warped.mismatches.sum(), warped.splits_and_merges.sum()) == (1, 0)


def test_a_merge_is_judged_within_twenty_pixels():
    def comb(height):  # two columns joined below row `height`
        mask = np.zeros((60, 3), int)
        mask[:, (0, 2)] = 1
        mask[height:] = 1
        return mask

    for height, topological in ((20, 0), (21, 1)):  # 20 rows below the bridge in row 0, and 21
        truth, proposal = comb(height), comb(height)
        proposal[0] = 1
        warped = warp(truth, proposal)
        assert (warped.mismatches.sum(), warped.splits_and_merges.sum()) == (1, topological)


def test_thresholds_compare_float32_pixels_with_float64_levels():
    proposal = np.array([[0.1]], np.float32)  # just above 0.1 in float64
    assert warp(np.array([[0]]), proposal, threshold=0.1).mismatches.sum() == 1


def test_invalid_pixels_do_not_count():
    truth, proposal = np.array([[1, 1, 0, 1]]), np.array([[1, 1, 1, 1]])
    valid = np.array([[True, True, False, True]])
    counts = warping_counts(truth, proposal, thresholds=(0.5,), valid=valid)
    assert (counts.mismatches.tolist(), counts.pixels.tolist()) == ([0], [3])
    nothing = warping_counts(truth, proposal, thresholds=(0.5,), valid=np.zeros_like(valid))
    assert np.isnan([warping_error(nothing), warping_error_challenge(nothing)]).all()


def test_volumes_and_other_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"expected one plane \(y, x\) as truth, got shape \(4,\)"):
        warp(np.zeros(4), np.zeros(4))
    with pytest.raises(ShapeError, match=r"expected a prediction of the truth's size \(1, 4\), got \(1, 3\)"):
        warp(np.zeros((1, 4)), np.zeros((1, 3)))
