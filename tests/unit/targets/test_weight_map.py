import numpy as np
import pytest

from overtile.core import DataError, ShapeError, UnknownNameError
from overtile.targets import (
    WEIGHT_MAPS,
    Distances,
    border_term,
    class_counts,
    class_weights,
    falk2019_weight_map,
    unet2015_weight_map,
    weight_map,
)

IDS = np.array([[1, 1, 0, 0, 2, 2]])
LABELS = (IDS > 0).astype(int)


def test_class_weights_are_of_the_whole_set_and_average_to_one():
    counts = class_counts([np.array([[0, 0, 0, 1]]), np.array([[0, 0, 0, -1]])], 2)
    weights = class_weights(counts)
    assert counts == (6, 1)
    assert weights == (7 / 12, 7 / 2)
    assert np.dot(counts, weights) == sum(counts)


def test_a_class_that_does_not_occur_has_weight_zero():
    assert class_weights((4, 0)) == (0.5, 0.0)


def test_border_term_by_hand():
    distances = Distances(np.array([[0.0, 3.0]]), np.array([[0.0, 4.0]]))
    np.testing.assert_allclose(border_term(distances), [[10, 10 * np.exp(-49 / 50)]])


def test_unet2015_by_hand():
    weights = unet2015_weight_map(LABELS, IDS, class_weights=(3.0, 1.5))
    sums = np.array([[4, 3, 3, 3, 3, 4]])  # d1 + d2
    expected = np.array([[1.5, 1.5, 3, 3, 1.5, 1.5]]) + 10 * np.exp(-(sums**2) / 50)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_border_on_background_only():
    weights = unet2015_weight_map(LABELS, IDS, border_on="background")
    np.testing.assert_allclose(weights, 1 + (LABELS == 0) * 10 * np.exp(-9 / 50), rtol=1e-6)


def test_falk2019_by_hand():
    weights = falk2019_weight_map(LABELS, IDS)
    background = 0.1 + 0.9 * np.exp(-1 / 200) + 50 * np.exp(-9 / 72)
    np.testing.assert_allclose(weights, np.where(LABELS == 1, 1, background), rtol=1e-6)


def test_without_ids_the_objects_are_the_pieces_of_each_class():
    np.testing.assert_array_equal(unet2015_weight_map(LABELS), unet2015_weight_map(LABELS, IDS))

    # two classes side by side need no border; two pieces of class 2 around a piece of class 1 do
    assert unet2015_weight_map(np.array([[1, 2]])).tolist() == [[1, 1]]
    np.testing.assert_allclose(unet2015_weight_map(np.array([[2, 1, 2]]))[0, 1], 1 + 10 * np.exp(-4 / 50), rtol=1e-6)


@pytest.mark.parametrize("name", WEIGHT_MAPS)
@pytest.mark.parametrize("ids", [np.zeros((3, 4), int), np.ones((3, 4), int), np.zeros((0, 0), int)])
def test_fewer_than_two_cells_give_finite_weights_without_border(name, ids):
    weights = weight_map(name, (0.5, 2.0))((ids > 0).astype(int), ids)
    assert weights.dtype == np.float32
    assert weights.shape == ids.shape
    assert (weights <= 2).all()
    assert (weights > 0).all()


@pytest.mark.parametrize("name", WEIGHT_MAPS)
@pytest.mark.parametrize("instances", [IDS, None])
def test_ignored_pixels_weigh_nothing(name, instances):
    labels = np.array([[-1, 1, -1, 0, 1, 1]])
    weights = weight_map(name, (1.0, 1.0))(labels, instances)
    np.testing.assert_array_equal(weights == 0, labels < 0)


def test_errors():
    with pytest.raises(UnknownNameError, match=r"unknown weight map 'unet2016': did you mean 'unet2015'"):
        weight_map("unet2016", (1.0, 1.0))
    with pytest.raises(UnknownNameError, match="unknown border_on 'backgrund': did you mean 'background'"):
        unet2015_weight_map(LABELS, IDS, border_on="backgrund")
    with pytest.raises(ShapeError, match=r"labels and instances of one shape, got \(1, 6\) and \(1, 5\)"):
        unet2015_weight_map(LABELS, IDS[:, :5])
    with pytest.raises(ShapeError, match="expected a weight for each class up to 1, got 1"):
        unet2015_weight_map(LABELS, IDS, class_weights=(1.0,))
    with pytest.raises(DataError, match=r"at least one annotated pixel to balance the classes, got counts \(0, 0\)"):
        class_weights((0, 0))
    with pytest.raises(DataError, match="expected labels below 2, found 3"):
        class_counts([np.array([[0, 3]])], 2)
