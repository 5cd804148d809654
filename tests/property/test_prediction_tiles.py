"""Laws of the overlap-tile strategy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from overtile.core import mirrored_indices, read_mirrored
from overtile.prediction import Tiling, averaged, predict_tiled, tiles

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
tile_sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))
strides = st.sampled_from([1, 2, 4, 8])


@settings(deadline=None, max_examples=60)
@given(size=sizes, tile=tile_sizes, stride=strides, halo=st.integers(0, 3))
def test_the_writes_of_all_tiles_partition_the_image(size, tile, stride, halo):
    tiling = Tiling(tile, (stride, stride), (halo * stride, halo * stride))
    count = np.zeros(size, int)
    for step in tiles(size, tiling):
        count[step.write] += 1
        assert all(part.start % stride == 0 for part in step.read)
        assert [k.stop - k.start for k in step.keep] == [w.stop - w.start for w in step.write]
    assert (count == 1).all()


@settings(deadline=None, max_examples=40)
@given(size=sizes, tile=tile_sizes, seed=st.integers(0, 99))
def test_tiling_a_zero_padded_filter_changes_nothing(size, tile, seed):
    image = np.random.default_rng(seed).normal(size=(1, *size)).astype(np.float32)

    def mean_of_five(part):
        return ndimage.uniform_filter(part, (0, 5, 5), mode="constant")

    tiled = predict_tiled(image, mean_of_five, Tiling(tile, (1, 1), (2, 2)))
    np.testing.assert_allclose(tiled, mean_of_five(image), atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(size=sizes, tile=tile_sizes, seed=st.integers(0, 99))
def test_tiling_a_valid_filter_mirrors_the_context(size, tile, seed):
    image = np.random.default_rng(seed).normal(size=(1, *size)).astype(np.float32)

    def valid_mean_of_five(part):
        return ndimage.uniform_filter(part, (0, 5, 5))[:, 2:-2, 2:-2]

    tiling = Tiling(tile, (1, 1), (2, 2), input_size=lambda output: tuple(n + 4 for n in output))
    whole = valid_mean_of_five(read_mirrored(image, [slice(-2, n + 2) for n in size]))
    np.testing.assert_allclose(predict_tiled(image, valid_mean_of_five, tiling), whole, atol=1e-6)


@settings(deadline=None)
@given(size=st.integers(1, 9), before=st.integers(0, 30), after=st.integers(0, 30))
def test_mirroring_agrees_with_numpy_wherever_numpy_can(size, before, after):
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    np.testing.assert_array_equal(mirrored_indices(-before, size + after, size), expected)


def test_averaging_over_the_symmetries_of_the_square_undoes_each_of_them():
    seen = []

    def run(part):
        seen.append(part.copy())
        return part

    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    np.testing.assert_allclose(averaged(run, "dihedral")(image), image)
    assert len({part.tobytes() + str(part.shape).encode() for part in seen}) == 8
