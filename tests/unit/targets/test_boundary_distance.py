import numpy as np
import pytest

from overtile.core import DataError, UnknownNameError
from overtile.targets import BOUNDARIES, border_distance, boundary_classes, normalized_border_distance

SQUARE = np.zeros((7, 7), int)
SQUARE[1:6, 1:6] = 9


def test_inner_boundary_of_a_square():
    classes = boundary_classes(SQUARE)
    assert (classes == 2).sum() == 16
    assert (classes == 1).sum() == 9
    assert (classes == 0).sum() == 24


def test_outer_boundary_of_a_square_runs_along_face_neighbours():
    classes = boundary_classes(SQUARE, mode="outer")
    assert (classes == 1).sum() == 25
    assert (classes == 2).sum() == 20


def test_thick_boundary_is_both():
    classes = boundary_classes(SQUARE, mode="thick")
    assert (classes == 1).sum() == 9
    assert (classes == 2).sum() == 16 + 20


def test_wider_boundaries():
    assert (boundary_classes(SQUARE, width_px=2.0) == 1).sum() == 1


def test_an_object_keeps_its_deepest_pixels():
    assert boundary_classes(np.array([[0, 3, 3, 0]]), width_px=9.0).tolist() == [[0, 1, 1, 0]]
    assert (boundary_classes(SQUARE, width_px=99.0) == 1).sum() == 1


@pytest.mark.parametrize("mode", BOUNDARIES)
def test_no_object_and_no_background(mode):
    assert (boundary_classes(np.zeros((3, 3), int), mode=mode) == 0).all()
    assert (boundary_classes(np.ones((3, 3), int), mode=mode) == 1).all()
    assert boundary_classes(np.zeros((0, 3), int), mode=mode).shape == (0, 3)


def test_border_distance_of_touching_objects_cut_by_the_edge():
    assert border_distance(np.array([[1, 1, 2, 2, 2, 0]])).tolist() == [[2, 1, 1, 2, 1, 0]]
    assert border_distance(SQUARE).max() == 3


def test_border_distance_limits():
    assert border_distance(SQUARE, clip_px=1.5).max() == 1.5
    assert border_distance(np.ones((3, 4), int)).tolist() == [[5] * 4] * 3
    assert border_distance(np.zeros((2, 0), int)).shape == (2, 0)


def test_normalized_distance_is_one_in_the_middle_of_every_object():
    distance = normalized_border_distance(np.array([[70_000, 0, 4, 4, 4, 0]]))
    assert distance.tolist() == [[1, 0, 0.5, 1, 0.5, 0]]
    assert normalized_border_distance(np.ones((2, 2), int)).tolist() == [[1, 1], [1, 1]]
    assert normalized_border_distance(np.zeros((2, 2), int)).max() == 0


def test_errors():
    with pytest.raises(UnknownNameError, match="unknown boundary mode 'iner': did you mean 'inner'"):
        boundary_classes(SQUARE, mode="iner")
    with pytest.raises(DataError, match=r"expected a boundary of 1 pixel or more, got width_px=0.0"):
        boundary_classes(SQUARE, width_px=0.0)
    with pytest.raises(DataError, match=r"expected a positive limit in pixels or None, got clip_px=0.0"):
        border_distance(SQUARE, clip_px=0.0)
