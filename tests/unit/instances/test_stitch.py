import numpy as np
import pytest

from overtile.core import DataError, ShapeError
from overtile.instances import Basin, PostProcessing, scan_components, scan_flood, segment, segment_tiled, windows

SNAKE = np.array([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]], bool)


def test_windows_partition_the_image():
    seen = np.zeros((5, 7), int)
    for window in windows((5, 7), (2, 3)):
        seen[window] += 1
    assert (seen == 1).all()


def test_an_object_through_every_tile_has_one_id():
    found = scan_components(SNAKE.__getitem__, SNAKE.shape, (1, 1))
    ids = np.zeros(SNAKE.shape, int)
    found.write(ids)
    assert found.count == 1
    np.testing.assert_array_equal(ids, SNAKE)


def test_size_is_that_of_the_whole_object():
    assert scan_components(SNAKE.__getitem__, SNAKE.shape, (1, 1), min_size_px=14).count == 1
    assert scan_components(SNAKE.__getitem__, SNAKE.shape, (1, 1), min_size_px=15).count == 0


def test_corners_across_the_crossing_of_seams():
    cross = np.array([[1, 0], [0, 1]], bool)
    assert scan_components(cross.__getitem__, (2, 2), (1, 1), connectivity=1).count == 2
    assert scan_components(cross.__getitem__, (2, 2), (1, 1), connectivity=2).count == 1


@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full_masks(value):
    mask = np.full((6, 6), value)
    assert scan_components(mask.__getitem__, (6, 6), (4, 4)).count == int(value)
    nothing = scan_flood(lambda w: Basin(mask[w] * 1.0, mask[w], np.zeros_like(mask[w], int)), (6, 6), (4, 4))
    assert nothing.count == 0
    assert not nothing.ids((slice(0, 4), slice(0, 4))).any()


def test_a_memory_map_is_filled_tile_by_tile(tmp_path):
    rng = np.random.default_rng(0)
    inside = np.kron(rng.random((9, 9)) > 0.5, np.ones((5, 5))) * 0.8 + 0.1
    maps = np.stack([1 - inside, inside])
    on_disk = np.lib.format.open_memmap(tmp_path / "ids.npy", "w+", np.uint32, inside.shape)
    asked = []

    def read(window):
        asked.append([part.stop - part.start for part in window])
        return maps[(slice(None), *window)]

    count = segment_tiled(read, on_disk, PostProcessing(), shape=inside.shape, tile=(16, 16))

    assert count == segment(maps, PostProcessing()).max() == np.load(tmp_path / "ids.npy").max()
    assert np.max(asked) == 16
    assert len(asked) == 3 * 9


def test_errors():
    with pytest.raises(ShapeError, match=r"expected a tile of 2 positive sizes, one per axis of \(4, 4\), got \(2,\)"):
        list(windows((4, 4), (2,)))
    with pytest.raises(ShapeError, match=r"expected a tile of 2 positive sizes.*got \(0, 2\)"):
        list(windows((4, 4), (0, 2)))
    with pytest.raises(DataError, match=r"expected a connectivity from 1 .*, got 3"):
        scan_components(SNAKE.__getitem__, SNAKE.shape, (2, 2), connectivity=3)
    elsewhere = (slice(1, 3), slice(0, 2))
    with pytest.raises(ShapeError, match=r"window of a tile of \(2, 2\) in \(5, 4\), got one that starts at \(1, 0\)"):
        scan_components(SNAKE.__getitem__, SNAKE.shape, (2, 2)).ids(elsewhere)
    found = scan_flood(lambda w: Basin(SNAKE[w] * 1.0, SNAKE[w], SNAKE[w] * 1), SNAKE.shape, (2, 2))
    with pytest.raises(ShapeError, match=r"window of a tile of \(2, 2\) in \(5, 4\), got one from \(1, 0\)"):
        found.ids(elsewhere)
