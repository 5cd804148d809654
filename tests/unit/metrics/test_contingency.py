import numpy as np
import pytest

from overtile.core.errors import DataError, ShapeError
from overtile.metrics import contingency


def as_dict(table):
    ids = zip(table.truth_ids[table.row], table.prediction_ids[table.col], table.count, strict=True)
    return {(int(t), int(p)): int(n) for t, p, n in ids}


def test_counts_every_pair_also_where_runs_break_at_row_ends():
    truth = np.array([[0, 9, 9], [9, 9, 300_000]])
    prediction = np.array([[1, 1, 2], [2, 2, 2]])
    assert as_dict(contingency(truth, prediction)) == {(0, 1): 1, (9, 1): 1, (9, 2): 3, (300_000, 2): 1}


def test_sizes_and_numbers_of_objects_leave_the_background_first():
    table = contingency(np.array([5, 5, 7]), np.array([1, 1, 1]))
    assert table.truth_ids.tolist() == [0, 5, 7]
    assert table.truth_sizes.tolist() == [0, 2, 1]
    assert (table.truths, table.predictions) == (2, 1)
    assert table.prediction_sizes.tolist() == [0, 3]


def test_invalid_pixels_are_not_counted():
    valid = np.array([True, False, True, False])
    table = contingency(np.array([1, 1, 0, 2]), np.array([3, 3, 3, 3]), valid=valid)
    assert as_dict(table) == {(1, 3): 1, (0, 3): 1}


def test_nothing_valid_gives_an_empty_table():
    table = contingency(np.ones((2, 2), int), np.ones((2, 2), int), valid=np.zeros((2, 2), bool))
    assert (as_dict(table), table.truths, table.predictions) == ({}, 0, 0)


def test_small_dtypes_do_not_overflow():
    truth = np.full((300, 300), 255, np.uint8)
    assert as_dict(contingency(truth, truth.astype(np.uint16))) == {(255, 255): 90_000}


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.array([0.5, 1.0]), "expected integer labels or ids as truth, got float64"),
        (np.array([-1, 1]), "expected labels of 0 or more in truth, got -1"),
        (np.array([0, 2**63], np.uint64), "expected ids below 2\\*\\*63 in truth, got 9223372036854775808"),
    ],
)
def test_what_is_no_label_is_refused(truth, message):
    with pytest.raises(DataError, match=message):
        contingency(truth, np.array([0, 1]))


def test_other_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"expected a prediction of the truth's size \(2,\), got \(3,\)"):
        contingency(np.array([0, 1]), np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match=r"expected a valid mask of the truth's size \(2,\), got \(1,\)"):
        contingency(np.array([0, 1]), np.array([0, 1]), valid=np.array([True]))
