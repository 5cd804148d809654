"""Overlapping tiles that fade into one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overtile.prediction import GaussianBlend, Tile, Tiling, gaussian_window, overlapping_tiles, predict_blended


def tiling(tile, stride=2):
    return Tiling(tile=(tile, tile), stride=(stride, stride), halo=(0, 0))


class Canvas:
    """Remembers what was written, and that nothing was written twice."""

    def __init__(self, size):
        self.maps = np.full((2, *size), np.nan, np.float32)
        self.bands = []

    def write(self, tile, kept):
        assert np.isnan(self.maps[(slice(None), *tile.write)]).all()
        self.maps[(slice(None), *tile.write)] = kept
        self.bands.append(tile.write[0])


@settings(deadline=None, max_examples=30)
@given(size=st.tuples(st.integers(1, 60), st.integers(1, 60)), tile=st.integers(1, 40), seed=st.integers(0, 99))
def test_blending_what_does_not_depend_on_the_tile_changes_nothing(size, tile, seed):
    maps = np.random.default_rng(seed).random((2, *size), np.float32)
    steps = overlapping_tiles(size, tiling(tile))
    canvas = Canvas(size)
    blend = GaussianBlend(size, steps, canvas.write)
    for step in steps:
        blend.write(step, maps[(slice(None), *step.write)])
    np.testing.assert_allclose(canvas.maps, maps, atol=1e-5)


def test_rows_that_were_written_before_are_not_written_again():
    size = (40, 12)
    maps = np.random.default_rng(0).random((2, *size), np.float32)
    steps = overlapping_tiles(size, tiling(8))
    whole = Canvas(size)
    blend = GaussianBlend(size, steps, whole.write)
    for step in steps:
        blend.write(step, maps[(slice(None), *step.write)] * (1 + step.write[0].start))  # depends on the tile
    done = whole.bands[3].stop
    rest = [step for step in steps if step.write[0].stop > done]
    assert len(rest) < len(steps)
    resumed = Canvas(size)
    blend = GaussianBlend(size, rest, resumed.write, done_rows=done)
    for step in rest:
        blend.write(step, maps[(slice(None), *step.write)] * (1 + step.write[0].start))
    assert np.isnan(resumed.maps[:, :done]).all()
    np.testing.assert_allclose(resumed.maps[:, done:], whole.maps[:, done:], rtol=1e-5)


def test_an_image_no_larger_than_a_tile_is_seen_whole():
    assert overlapping_tiles((7, 8), tiling(8)) == [Tile(*(((slice(0, 7), slice(0, 8)),) * 3))]


def test_the_last_tile_sees_as_much_as_the_others():
    lengths = {part.stop - part.start for tile in overlapping_tiles((37, 37), tiling(16)) for part in tile.write}
    assert lengths == {16}


def test_networks_of_valid_convolutions_read_their_margin():
    valid = Tiling(tile=(8, 8), stride=(2, 2), halo=(3, 3), input_size=lambda size: tuple(n + 6 for n in size))
    first = overlapping_tiles((12, 12), valid)[0]
    assert first.read == (slice(-3, 11), slice(-3, 11))
    assert first.keep == (slice(0, 8), slice(0, 8))


def test_the_window_is_highest_in_the_middle_and_never_zero():
    window = gaussian_window((65, 33))
    assert window.argmax() == window.size // 2
    assert window.max() == 1
    assert window.min() == pytest.approx(1e-3)


def test_an_image_in_memory_is_blended_whole():
    image = np.random.default_rng(0).random((1, 45, 37), np.float32)
    found = predict_blended(image, lambda part: np.concatenate([part, 1 - part]), tiling(8))
    np.testing.assert_allclose(found, np.concatenate([image, 1 - image]), atol=1e-5)
