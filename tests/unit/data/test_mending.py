"""Fixes on arrays small enough to be checked by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from overtile.core.errors import DataError, OptionError, UnknownNameError
from overtile.core.image import Image
from overtile.data.dataset import RawSample
from overtile.data.mending import FIXES, fix_named, snapped, split, turned, without_specks

LABELS = np.arange(12).reshape(3, 4)


def sample(labels: NDArray[Any], image: NDArray[Any] | None = None, size: float | None = None) -> RawSample:
    array = np.zeros((1, *labels.shape), np.uint8) if image is None else image
    return RawSample("a", Image(array, None if size is None else (size, size)), labels, None, "a")


def mended(text: str, labels: NDArray[Any]) -> list[Any]:
    result: list[Any] = fix_named(text)(sample(labels)).labels.tolist()
    return result


@pytest.mark.parametrize(
    ("turn", "first_row"),
    [
        ("transpose", [0, 4, 8]),
        ("flip-x", [3, 2, 1, 0]),
        ("flip-y", [8, 9, 10, 11]),
        ("rotate-90", [3, 7, 11]),
        ("rotate-180", [11, 10, 9, 8]),
        ("rotate-270", [8, 4, 0]),
        ("anti-transpose", [11, 7, 3]),
    ],
)
def test_turns(turn: str, first_row: list[int]) -> None:
    assert mended(f"turn={turn}", LABELS)[0] == first_row
    assert turned(LABELS, turn)[0].tolist() == first_row


def test_what_a_shift_uncovers_is_not_annotated() -> None:
    result = fix_named("shift=1,-2")(sample(LABELS))
    assert result.labels.tolist() == [[0, 0, 0, 0], [2, 3, 0, 0], [6, 7, 0, 0]]
    assert result.valid is not None
    assert result.valid.astype(int).tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert not fix_named("shift=9,0")(sample(LABELS)).labels.any()


def test_values_are_replaced_all_at_once() -> None:
    assert mended("values=0:1,1:0,255:2", np.array([[0, 1, 255, 7]])) == [[1, 0, 2, 7]]


def test_smoothing_is_undone() -> None:
    mask = np.zeros((3, 16), np.uint8)
    mask[:, 6:] = 255
    smooth = mask.copy()
    smooth[:, 4:8] = [10, 90, 170, 245]
    assert snapped(smooth).tolist() == mask.tolist()
    assert snapped(mask) is mask
    rounded = smooth.copy()
    rounded[:, 11:] = 254  # more often than 255
    assert snapped(rounded).tolist() == mask.tolist()


def test_smoothing_of_several_values_is_undone_by_what_lies_nearest() -> None:
    clean = np.repeat(np.repeat([[0, 100, 200]], 5, axis=1), 5, axis=0)
    smooth = clean.copy()
    smooth[:, 4:6] = [30, 70]
    smooth[:, 9:11] = [130, 170]
    assert snapped(smooth).tolist() == clean.tolist()


def test_the_largest_piece_keeps_its_id() -> None:
    labels = np.array([[3, 0, 3, 3, 0, 3], [0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0]])
    result = split(labels)
    assert result[0, 2] == result[0, 3] == 3
    assert sorted([result[0, 0], result[0, 5]]) == [6, 7]
    assert result[2, 0] == 5


def test_specks_become_what_is_nearest() -> None:
    labels = np.full((4, 5), 2)
    labels[1, 1] = 7
    labels[:, 4] = 0
    assert without_specks(labels, 2).tolist() == [[2, 2, 2, 2, 0]] * 4
    assert without_specks(labels, 1) is labels
    assert mended("specks=2", labels)[1][1] == 2


def test_colours_become_grey() -> None:
    image = np.array([[[0, 30]], [[0, 60]], [[3, 90]]], np.uint8)
    grey = fix_named("grey")(sample(np.array([[0, 1]]), image)).image
    assert grey.array.tolist() == [[[1, 60]]]
    assert grey.array.dtype == np.uint8
    two = np.zeros((2, 1, 2), np.uint8)
    assert fix_named("grey")(sample(np.array([[0, 1]]), two)).image.array is two


def test_rescaling_changes_image_labels_and_mask() -> None:
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    before = RawSample("a", Image(labels[np.newaxis].astype(np.float32), (0.5, 0.5)), labels, labels == 1, "a")
    half = fix_named("pixel-size=1.0")(before)
    assert half.labels.tolist() == [[1, 2]]
    assert half.valid is not None
    assert half.valid.tolist() == [[True, False]]
    assert half.image.pixel_size_um == (1.0, 1.0)
    assert half.image.array.shape == (1, 1, 2)
    assert fix_named("pixel-size=0.5")(before) is before
    double = fix_named("pixel-size=0.25")(before)
    assert double.labels.shape == (4, 8)
    assert double.image.array.dtype == np.float32
    with pytest.raises(DataError, match="a has no pixel size: expected one in the file"):
        fix_named("pixel-size=1.0")(sample(labels))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shift=3", r"'shift' expects ROWS,COLUMNS such as 3,-4, got '3'"),
        ("shift=a,b", r"got 'a,b'"),
        ("values=255", r"'values' expects OLD:NEW pairs such as 255:1,128:2, got '255'"),
        ("specks=few", r"'specks' expects a number of pixels such as 10, got 'few'"),
        ("pixel-size=0", r"'pixel-size' expects micrometres above 0 such as 0.5, got '0'"),
        ("pixel-size=inf", "got 'inf'"),
        ("snap=1", r"'snap' expects no value, got '1'"),
        ("split=1", r"'split' expects no value, got '1'"),
        ("grey=1", r"'grey' expects no value, got '1'"),
    ],
)
def test_values_that_a_fix_cannot_have(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fix_named(text)


def test_unknown_fixes_and_turns() -> None:
    with pytest.raises(UnknownNameError, match="unknown fix 'shfit': did you mean 'shift'"):
        fix_named("shfit=1,2")
    with pytest.raises(UnknownNameError, match="unknown turn 'transposed': did you mean 'transpose'"):
        fix_named("turn=transposed")
    with pytest.raises(UnknownNameError, match="unknown turn 'left'"):
        turned(LABELS, "left")
    assert list(FIXES) == ["turn", "shift", "values", "snap", "split", "specks", "grey", "pixel-size"]
