"""The two-label distance transform equals the brute force over all objects, and its laws."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from overtile.targets import border_distance, boundary_classes, separate_touching, two_nearest_distances

SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))
SPARSE = st.one_of(st.just(0), st.just(0), st.just(0), st.integers(0, 6))
INSTANCES = SIZES.flatmap(lambda size: arrays(np.int64, size, elements=SPARSE | st.just(0), fill=st.just(0)))


def brute_force(instances, sampling=(1, 1)):
    ids = np.unique(instances[instances > 0])
    maps = [distance_transform_edt(instances != i, sampling=sampling) for i in ids]
    return np.sort(np.stack([*maps, *np.full((2, *instances.shape), np.inf)]), axis=0)[:2]


@settings(deadline=None, max_examples=150)
@given(INSTANCES)
def test_distances_equal_the_brute_force_bit_by_bit(instances):
    near = two_nearest_distances(instances)
    d1, d2 = brute_force(instances)
    np.testing.assert_array_equal(near.d1, d1)
    np.testing.assert_array_equal(near.d2, d2)


@settings(deadline=None, max_examples=60)
@given(INSTANCES, st.tuples(st.floats(0.05, 9), st.floats(0.05, 9)))
def test_distances_with_oblong_pixels_are_within_1e_12(instances, pixel_size):
    near = two_nearest_distances(instances, pixel_size=pixel_size)
    d1, d2 = brute_force(instances, pixel_size)
    np.testing.assert_allclose(near.d1, d1, rtol=1e-12)
    np.testing.assert_allclose(near.d2, d2, rtol=1e-12)


def test_few_objects_far_apart_in_wide_rows():
    # the envelopes, not the search to the left and right, decide here
    rng = np.random.default_rng(0)
    for n_objects in (2, 3, 7, 8, 20):
        instances = np.zeros((9, 700), np.int32)
        instances[rng.integers(0, 9, 2 * n_objects), rng.integers(0, 700, 2 * n_objects)] = np.tile(
            np.arange(1, n_objects + 1), 2
        )
        near = two_nearest_distances(instances)
        d1, d2 = brute_force(instances)
        np.testing.assert_array_equal(near.d1, d1)
        np.testing.assert_array_equal(near.d2, d2)


@settings(deadline=None, max_examples=50)
@given(INSTANCES, st.integers(1, 2**40))
def test_distances_do_not_depend_on_the_numbering(instances, factor):
    near, renumbered = (
        two_nearest_distances(instances),
        two_nearest_distances((7 - instances % 7) * factor * (instances > 0)),
    )
    np.testing.assert_array_equal(near.d1, renumbered.d1)
    np.testing.assert_array_equal(near.d2, renumbered.d2)


@settings(deadline=None, max_examples=50)
@given(INSTANCES)
def test_no_two_objects_touch_after_separation(instances):
    separated = separate_touching(instances)
    assert ((separated == instances) | (separated == 0)).all()
    near = two_nearest_distances(separated)
    assert (near.d2[separated > 0] > np.sqrt(2)).all()


@settings(deadline=None, max_examples=50)
@given(INSTANCES)
def test_border_distance_equals_one_distance_transform_per_object(instances):
    expected = np.zeros(instances.shape, np.float32)
    for i in np.unique(instances[instances > 0]):
        inside = instances == i
        distance = distance_transform_edt(inside) if not inside.all() else np.hypot(*inside.shape)
        expected = np.where(inside, distance, expected).astype(np.float32)
    np.testing.assert_array_equal(border_distance(instances), expected)


@settings(deadline=None, max_examples=50)
@given(INSTANCES, st.sampled_from(["inner", "outer", "thick"]))
def test_boundary_classes_keep_objects_apart(instances, mode):
    classes = boundary_classes(instances, mode=mode)
    interior = np.where(classes == 1, instances, 0)
    assert (instances[classes == 1] > 0).all()
    if mode != "inner":  # an inner boundary never consumes an object of one pixel, so those can touch
        assert (two_nearest_distances(interior).d2[interior > 0] > 1).all()
    else:
        assert set(np.unique(interior)) - {0} == set(np.unique(instances)) - {0}
