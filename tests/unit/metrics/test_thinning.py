import numpy as np
import pytest

from overtile.core.errors import ShapeError
from overtile.metrics import thin_borders


def test_floods_meet_half_way():
    assert thin_borders(np.array([[1, 0, 0, 0, 0, 0, 2]])).tolist() == [[1, 1, 1, 0, 2, 2, 2]]


def test_an_even_gap_leaves_its_dam_on_the_side_that_is_flooded_last():
    # the pixel of the left column is visited first, takes 1, and makes the next one a dam
    assert thin_borders(np.array([[1, 0, 0, 2]])).tolist() == [[1, 1, 0, 2]]


def test_a_background_pixel_enclosed_by_one_object_is_filled():
    ring = np.array([[3, 3, 3], [3, 0, 3], [3, 3, 3]])
    assert (thin_borders(ring) == 3).all()


def test_without_objects_nothing_is_flooded():
    assert not thin_borders(np.zeros((3, 4), int)).any()


def test_touching_objects_stay_as_they_are():
    assert thin_borders(np.array([[1, 2, 2]])).tolist() == [[1, 2, 2]]


def test_floods_do_not_enter_invalid_pixels():
    valid = np.array([[True, True, False, True, True]])
    assert thin_borders(np.array([[1, 0, 0, 0, 2]]), valid=valid).tolist() == [[1, 1, 0, 2, 2]]


def test_volumes_are_refused():
    with pytest.raises(ShapeError, match=r"expected one plane \(y, x\) as objects, got shape \(2, 3, 4\)"):
        thin_borders(np.zeros((2, 3, 4), int))
