from itertools import product

import numpy as np
import pytest

from overtile.metrics import contingency, information_sums, pool, rand_error, rand_sums, v_info, v_rand
from overtile.metrics.rand import InformationSums, RandSums


def sums(truth, prediction):
    return rand_sums(contingency(np.asarray(truth), np.asarray(prediction)))


def information(truth, prediction):
    return information_sums(contingency(np.asarray(truth), np.asarray(prediction)))


def test_pairs_counted_one_by_one():
    rng = np.random.default_rng(3)
    truth, prediction = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
    inside = np.flatnonzero(truth)
    own = np.where(prediction == 0, 100 + np.arange(40), prediction)  # singletons
    together = [(truth[i] == truth[j], own[i] == own[j]) for i, j in product(inside, inside)]
    got = sums(truth, prediction)
    assert got.both == sum(t and p for t, p in together)
    assert got.truth == sum(t for t, _ in together)
    assert got.proposal == sum(p for _, p in together)


def test_a_merger_lowers_precision_and_a_split_recall():
    merged, split = sums([1, 1, 2, 2], [1, 1, 1, 1]), sums([1, 1, 1, 1], [1, 1, 2, 2])
    assert (merged.precision, merged.recall) == (0.5, 1.0)
    assert (split.precision, split.recall) == (1.0, 0.5)


def test_only_the_inside_of_the_truth_counts():
    assert rand_error(sums([1, 1, 0, 0], [5, 5, 5, 6])) == 0


def test_slices_add_pairs_not_scores():
    pooled = sums([1, 1, 2, 2], [1, 1, 1, 1]) + sums([1, 1], [1, 1])
    assert (pooled.both, pooled.truth, pooled.proposal) == (12, 12, 20)
    assert pool([pooled]).f_score == pytest.approx(2 * 0.6 / 1.6)


def test_best_threshold_is_taken_on_the_pooled_slices():
    swept = RandSums(np.array([6.0, 8.0]), np.array([8.0, 8.0]), np.array([10.0, 8.0]))
    assert rand_error(swept) == 0


def test_entropies_by_hand_in_bits():
    # p = 1/2, 1/4 and a singleton of 1/4 (n = 4)
    got = information([1, 1, 2, 2], [3, 3, 3, 0])
    bits = np.array([got.truth, got.proposal, got.joint]) / np.log(2)
    np.testing.assert_allclose(bits, [1, 0.75 * np.log2(4 / 3) + 0.5, 0.5 + 0.5 + 0.5])
    precision, recall = (bits[0] + bits[1] - bits[2]) / bits[:2]
    assert v_info(got) == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        ([1, 1, 2, 2], [1, 1, 1, 1], 0.0),  # H(S) = 0
        ([1, 1, 1, 1], [1, 1, 2, 2], 0.0),  # H(T) = 0
        ([1, 1, 1, 1], [4, 4, 4, 4], 1.0),  # both: perfect agreement, 0 in Fiji
        ([1, 1, 0, 0], [4, 4, 0, 4], 1.0),
        ([0, 0], [1, 0], np.nan),
    ],
)
def test_v_info_without_entropy(truth, prediction, expected):
    np.testing.assert_equal(float(v_info(information(truth, prediction))), expected)


def test_v_info_is_nan_where_nothing_is_shared():
    independent = InformationSums(truth=1.0, proposal=1.0, joint=2.0)
    assert np.isnan(v_info(independent))


def test_empty_truth_is_undefined_and_empty_proposal_is_all_singletons():
    assert np.isnan(rand_error(sums([0, 0], [1, 0])))
    assert np.isnan(rand_error(sums([0, 0], [0, 0])))
    empty = sums([1, 1, 1, 1], [0, 0, 0, 0])
    assert (empty.precision, empty.recall) == (1.0, 0.25)


def test_v_rand_is_the_best_f():
    assert v_rand(RandSums(np.array([6.0, 8.0]), np.array([8.0, 8.0]), np.array([10.0, 8.0]))) == 1
