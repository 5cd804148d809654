import numpy as np
import pytest

from overtile.core import DataError
from overtile.instances import connected_components, fill_holes, id_dtype, relabel_sequential, remove_small

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def test_connectivity_decides_whether_corners_join():
    diagonal = np.array([[1, 0], [0, 1]])
    assert connected_components(diagonal).tolist() == [[1, 0], [0, 2]]
    assert connected_components(diagonal, connectivity=2).tolist() == [[1, 0], [0, 1]]


def test_small_pieces_are_left_out_and_the_rest_renumbered():
    assert connected_components(np.array([[1, 0, 1, 1]]), min_size_px=2).tolist() == [[0, 0, 1, 1]]


def test_holes_belong_to_the_object_around_them():
    assert connected_components(RING).tolist() == RING.tolist()
    assert connected_components(RING, fill=True).tolist() == [[1] * 3] * 3


def test_a_hole_is_enclosed_by_one_object_only_and_not_by_the_edge():
    two = np.array([[3, 3, 5], [3, 0, 5], [3, 3, 5]])
    assert fill_holes(two).tolist() == two.tolist()
    open_ = np.array([[3, 0, 3], [3, 0, 3], [3, 3, 3]])
    assert fill_holes(open_).tolist() == open_.tolist()


def test_holes_are_connected_the_other_way_round_than_objects():
    # the middle reaches the corner diagonally
    leaky = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert fill_holes(leaky, connectivity=1).tolist() == leaky.tolist()
    assert fill_holes(leaky, connectivity=2)[1, 1] == 1


def test_an_island_keeps_its_own_id_and_stops_the_filling():
    island = np.pad(np.array([[7]]), 1)
    island = np.pad(island, 1, constant_values=2)
    assert fill_holes(island).tolist() == island.tolist()


def test_sizes_count_all_pieces_of_an_object():
    assert remove_small(np.array([[4, 0, 4, 9]]), 2).tolist() == [[4, 0, 4, 0]]


def test_ids_become_sequential_and_as_wide_as_needed():
    ids = np.arange(70_000).reshape(100, 700) * 10**9
    sequential = relabel_sequential(ids)
    assert sequential.dtype == np.uint32
    np.testing.assert_array_equal(sequential.ravel(), np.arange(70_000))
    assert relabel_sequential(np.array([[2**40, -5, 3]])).tolist() == [[2, 0, 1]]
    assert id_dtype(2**32) == np.uint64


@pytest.mark.parametrize("shape", [(0, 4), (3, 3), (2, 3, 4)])
def test_no_objects(shape):
    empty = np.zeros(shape, int)
    found = connected_components(empty, fill=True, min_size_px=5)
    assert found.dtype == np.uint16
    assert found.shape == shape
    assert not found.any()
    assert not remove_small(empty, 3).any()


def test_errors():
    with pytest.raises(DataError, match=r"expected a connectivity from 1 .* to 2 .*, got 3"):
        connected_components(RING, connectivity=3)
    with pytest.raises(DataError, match=r"expected a connectivity from 1 .*, got 0"):
        fill_holes(RING, connectivity=0)
    with pytest.raises(DataError, match="expected whole numbers as object ids, got float64"):
        relabel_sequential(RING / 2)
