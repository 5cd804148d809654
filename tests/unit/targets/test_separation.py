import numpy as np
import pytest

from overtile.core import DataError
from overtile.targets import separate_by_erosion, separate_touching


def test_the_border_lies_in_the_later_object_and_follows_the_original_ids():
    instances = np.array([[1, 1, 2], [3, 3, 3], [3, 3, 3]])
    assert separate_touching(instances).tolist() == [[1, 1, 0], [0, 0, 0], [3, 3, 3]]


def test_corner_neighbours_count():
    assert separate_touching(np.array([[0, 1], [2, 0]])).tolist() == [[0, 1], [0, 0]]
    assert separate_touching(np.array([[1, 0], [0, 2]])).tolist() == [[1, 0], [0, 0]]


def test_objects_apart_and_empty_images_stay_as_they_are():
    apart = np.array([[1, 0, 2], [1, 0, 2]])
    assert separate_touching(apart).tolist() == apart.tolist()
    assert separate_touching(np.zeros((0, 3), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize("separate", [separate_touching, separate_by_erosion])
def test_type_and_large_ids_are_kept(separate):
    separated = separate(np.array([[2**40, 2**40, 5, 5, -1]]))
    assert separated.dtype == np.int64
    assert set(separated.ravel()) <= {0, 2**40, 5, -1}
    assert separated[0, 0] == 2**40


def test_erosion_is_symmetric_and_leaves_sides_towards_the_background():
    instances = np.array([[0, 1, 1, 1, 2, 2, 2, 0]])
    assert separate_by_erosion(instances, radius_px=2.0).tolist() == [[0, 1, 0, 0, 0, 0, 2, 0]]


def test_erosion_radius_below_one_is_refused():
    with pytest.raises(DataError, match=r"expected a radius of 1 pixel or more, got 0.5"):
        separate_by_erosion(np.zeros((2, 2), int), radius_px=0.5)
