"""Sums over cells, and the boxes in which they are highest."""

import numpy as np
import pytest

from overtile.prediction import Tiling, stream, tiles
from overtile.prediction.cells import Box, Cells


def gathered(values, cell_px, tile_px):
    cells = Cells(values.shape, cell_px)
    tiling = Tiling(tile=(tile_px, tile_px), stride=(1, 1), halo=(0, 0), input_size=None)
    steps = list(tiles(values.shape, tiling))
    stream(steps, lambda tile: values[None][(slice(None), *tile.read)], lambda part: part, cells.write)
    return cells


@pytest.mark.parametrize("tile_px", [5, 8, 64])
def test_the_sums_do_not_depend_on_the_tiles(tile_px):
    values = np.random.default_rng(0).random((37, 50)).astype(np.float32)
    cells = gathered(values, 8, tile_px)
    np.testing.assert_allclose(cells.sums[1, 2], values[8:16, 16:24].sum(), rtol=1e-5)
    np.testing.assert_allclose(cells.sums[4, 6], values[32:, 48:].sum(), rtol=1e-5)
    assert cells.mean == pytest.approx(values.mean(), rel=1e-5)


def test_boxes_are_the_highest_that_do_not_overlap():
    values = np.zeros((64, 64), np.float32)
    values[16:32, 32:48] = 1.0
    values[20:24, 12:16] = 0.5
    first, second = gathered(values, 4, 64).best_boxes(16, 2)
    assert first == Box(16, 32, 16, 16, 1.0)
    assert second.mean == pytest.approx(0.5 * 16 / 256)
    assert second.x + second.width <= 32
    assert second.y <= 20
    assert second.y + second.height >= 24


def test_a_small_plane_is_one_box_and_its_edge_counts_by_its_pixels():
    (box,) = gathered(np.full((10, 7), 0.25, np.float32), 4, 64).best_boxes(16, 5)
    assert (box.y, box.x, box.height, box.width, box.mean) == (0, 0, 10, 7, pytest.approx(0.25))
