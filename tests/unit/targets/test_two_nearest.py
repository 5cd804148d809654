import numpy as np
import pytest

from overtile.core import DataError, ShapeError
from overtile.targets import two_nearest_distances
from overtile.targets.ids import compact_ids


def test_hand_computed_distances():
    near = two_nearest_distances(np.array([[1, 0, 0], [0, 0, 0], [0, 0, 2]]))
    r2, r5, r8 = np.sqrt([2, 5, 8])
    np.testing.assert_array_equal(near.d1, [[0, 1, 2], [1, r2, 1], [2, 1, 0]])
    np.testing.assert_array_equal(near.d2, [[r8, r5, 2], [r5, r2, r5], [2, r5, r8]])


def test_pixel_size_scales_each_axis():
    near = two_nearest_distances(np.array([[1, 0], [0, 2]]), pixel_size=(3.0, 4.0))
    np.testing.assert_array_equal(near.d1, [[0, 3], [3, 0]])
    np.testing.assert_array_equal(near.d2, [[5, 4], [4, 5]])


def test_fewer_than_two_objects_are_infinitely_far():
    assert np.isinf(two_nearest_distances(np.zeros((2, 3), int)).d1).all()
    one = two_nearest_distances(np.array([[0, 3]]))
    assert one.d1.tolist() == [[1, 0]]
    assert np.isinf(one.d2).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_images_without_pixels_or_with_one(shape):
    assert two_nearest_distances(np.zeros(shape, int)).d2.shape == shape


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.int64, np.uint64])
def test_every_integer_type(dtype):
    assert two_nearest_distances(np.array([[1, 0]]).astype(dtype)).d1.tolist() == [[0, 1]]


def test_an_object_in_pieces_is_one_object():
    assert two_nearest_distances(np.array([[1, 0, 2, 0, 1]])).d2.tolist() == [[2, 1, 2, 1, 2]]


def test_rows_in_steps_are_read_correctly():
    instances = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]]).T
    np.testing.assert_array_equal(two_nearest_distances(instances).d1, two_nearest_distances(instances.copy()).d1)


def test_compact_ids():
    ids = np.array([[2**40, 5], [5, 2**40 + 1]])
    assert compact_ids(ids).tolist() == [[2, 1], [1, 3]]
    assert compact_ids(np.array([[2**63 + 5, 0]], np.uint64)).tolist() == [[1, 0]]
    assert compact_ids(np.array([[-3, 2]])).tolist() == [[0, 2]]


def test_errors():
    with pytest.raises(ShapeError, match=r"expected object ids of shape \(y, x\), got shape \(2, 2, 2\)"):
        two_nearest_distances(np.zeros((2, 2, 2), int))
    with pytest.raises(DataError, match="expected whole numbers as object ids, got float64"):
        two_nearest_distances(np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"expected a positive pixel size \(height, width\), got \(0.0, 1.0\)"):
        two_nearest_distances(np.zeros((2, 2), int), pixel_size=(0.0, 1.0))
