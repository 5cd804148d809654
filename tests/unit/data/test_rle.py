import numpy as np
import pytest

from overtile.core.errors import FormatError
from overtile.data.rle import compressed, decompressed, mask_of_runs, read_rle, run_lengths


def test_columns_are_read_downwards() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1:, 1] = True  # column 0: 3 off; column 1: 1 off, 2 on; columns 2 and 3: 6 off
    assert run_lengths(mask) == [4, 2, 6]
    assert np.array_equal(mask_of_runs([4, 2, 6], (3, 4)), mask)


def test_a_mask_that_starts_inside_starts_with_zero() -> None:
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]
    assert run_lengths(np.zeros((2, 2), bool)) == [4]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ([5], "5"),  # 5 + 48
        ([15], "?"),  # the largest of one character: the fifth bit is the sign
        ([16], "`0"),  # 16 | 32 + 48 = 96, then 0
        ([1, 1, 1, 1], "1110"),  # the fourth is a difference of 0
        ([0, 9, 3, 5], "093L"),  # 5 - 9 = -4: 28 + 48 = 76
        ([100, 200], "T3X6"),  # 100 = 4 + 3 * 32: 4 | 32 + 48 = 84, 3 + 48; 200 = 8 + 6 * 32
    ],
)
def test_compression_by_hand(counts: list[int], text: str) -> None:
    assert compressed(counts) == text
    assert decompressed(text) == counts


def test_both_forms_give_the_mask() -> None:
    mask = np.zeros((9, 10), bool)
    mask[6, 0] = True
    expected = run_lengths(mask)
    for counts in (expected, compressed(expected)):
        assert np.array_equal(read_rle({"size": [9, 10], "counts": counts}), mask)


def test_damage_is_named() -> None:
    with pytest.raises(FormatError, match="add up to 5 pixels, expected 2 x 2"):
        mask_of_runs([2, 3], (2, 2))
    with pytest.raises(FormatError, match="hold the letter '!'"):
        decompressed("1!")
    with pytest.raises(FormatError, match="end in the middle of a number"):
        decompressed("`")
    with pytest.raises(FormatError, match="need 'size' and 'counts': KeyError"):
        read_rle({"size": [2, 2]})
