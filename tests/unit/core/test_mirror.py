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


class Disk:
    """An array that notes what is read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read: list[tuple[slice, ...]] = []

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        self.read.append(region)
        return self.array[region]


def test_of_an_array_on_disk_the_smallest_region_is_read_once():
    array = np.arange(2 * 50 * 60).reshape(2, 50, 60)
    disk = Disk(array)

    window = read_mirrored(disk, (slice(-3, 5), slice(50, 64)))

    assert disk.read == [(slice(None), slice(0, 5), slice(50, 60))]
    assert np.array_equal(window, read_mirrored(array, (slice(-3, 5), slice(50, 64))))


def test_context_larger_than_the_array_reads_all_of_it():
    disk = Disk(np.array([[1, 2, 3]]))
    found = read_mirrored(disk, (slice(0, 1), slice(-5, 9)))
    assert found.tolist() == [[2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1]]
    assert disk.read == [(slice(0, 1), slice(0, 3))]
