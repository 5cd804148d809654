import numpy as np
import pytest

from overtile.metrics import (
    Confusion,
    PixelCounts,
    confusion_matrix,
    dice,
    iou,
    mean_dice,
    mean_iou,
    pixel_accuracy,
    pixel_counts,
    pixel_error,
    pixel_error_f,
    pool,
)

TRUTH = np.array([[1, 1, 1, 0], [0, 0, 0, 0]])
PREDICTION = np.array([[1, 1, 0, 1], [0, 0, 0, 0]])


def test_both_forms_of_the_pixel_error():
    counts = pixel_counts(TRUTH, PREDICTION)
    assert counts == PixelCounts(tp=2.0, fp=1.0, fn=1.0, tn=4.0)
    assert pixel_error(counts) == 2 / 8
    assert pixel_error_f(counts) == pytest.approx(1 - 2 / 3)


def test_counts_of_images_add_up_before_f_is_taken():
    counts = pixel_counts(TRUTH, PREDICTION) + pixel_counts(TRUTH, TRUTH)
    assert counts == PixelCounts(tp=5.0, fp=1.0, fn=1.0, tn=9.0)
    assert pixel_error_f(counts) == pytest.approx(1 - 10 / 12)
    assert pool([counts]) == counts


@pytest.mark.parametrize(
    ("truth", "prediction", "plain", "challenge"), [(0, 0, 0, 0), (1, 0, 1, 1), (0, 1, 1, 1), (1, 1, 0, 0)]
)
def test_empty_and_full_masks(truth, prediction, plain, challenge):
    counts = pixel_counts(np.full((2, 3), truth), np.full((2, 3), prediction))
    assert (pixel_error(counts), pixel_error_f(counts)) == (plain, challenge)


def test_invalid_pixels_do_not_count_and_none_valid_is_undefined():
    valid = TRUTH == PREDICTION
    assert pixel_error(pixel_counts(TRUTH, PREDICTION, valid=valid)) == 0
    assert np.isnan(pixel_error(pixel_counts(TRUTH, PREDICTION, valid=np.zeros_like(valid))))


def test_overlap_of_three_classes():
    confusion = confusion_matrix(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 1]), classes=4)
    assert confusion.matrix.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(iou(confusion), [1 / 2, 2 / 4, 0, np.nan])
    np.testing.assert_allclose(dice(confusion), [2 / 3, 4 / 6, 0, np.nan])
    assert mean_iou(confusion) == pytest.approx(1 / 3)  # class 3 is nowhere and does not count
    assert mean_dice(confusion) == pytest.approx(4 / 9)
    assert pixel_accuracy(confusion) == pytest.approx(3 / 5)


def test_overlap_without_any_valid_pixel_is_undefined():
    label = np.zeros((2, 2), int)
    confusion = confusion_matrix(label, label, classes=2, valid=np.zeros((2, 2), bool))
    assert np.isnan([pixel_accuracy(confusion), mean_iou(confusion), mean_dice(confusion)]).all()


def test_confusions_add_up():
    both = Confusion(np.eye(2)) + Confusion(np.ones((2, 2)))
    assert both.matrix.tolist() == [[2, 1], [1, 2]]
