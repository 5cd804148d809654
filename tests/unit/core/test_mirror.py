import numpy as np

from overtile.core import read_mirrored


def test_a_window_inside_is_a_view():
    array = np.arange(12).reshape(3, 4)
    window = read_mirrored(array, (slice(1, 3), slice(1, 3)))
    assert window.tolist() == [[5, 6], [9, 10]]
    assert np.shares_memory(window, array)


def test_a_window_over_all_sides_is_mirrored_without_repeating_the_edge():
    array = np.array([[1, 2, 3], [4, 5, 6]])
    assert read_mirrored(array, (slice(-1, 3), slice(-2, 5))).tolist() == [
        [6, 5, 4, 5, 6, 5, 4],
        [3, 2, 1, 2, 3, 2, 1],
        [6, 5, 4, 5, 6, 5, 4],
        [3, 2, 1, 2, 3, 2, 1],
    ]


def test_one_pixel_fills_any_window():
    assert read_mirrored(np.array([[[7]]]), (slice(-3, 2), slice(-3, 3))).tolist() == [[[7] * 6] * 5]
