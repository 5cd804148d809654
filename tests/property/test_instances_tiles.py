"""Instances found tile by tile equal those of the whole image, up to the numbering, for any tile."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from overtile.instances import (
    Basin,
    Measured,
    PostProcessing,
    fill_holes,
    fill_holes_tiled,
    flood,
    object_table,
    scan_components,
    scan_flood,
    segment,
    segment_tiled,
    trace,
    windows,
)

SIZE = st.one_of(st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(1, 9)] * 3))
TILED = SIZE.flatmap(
    lambda size: st.tuples(st.just(size), st.tuples(*[st.integers(max(1, n // 5), n + 2) for n in size]))
)
SEED = st.integers(0, 2**32 - 1)


def relief(size, seed, levels):
    """A random landscape in [0, 1], smooth or rough, with or without ties."""
    rng = np.random.default_rng(seed)
    values = gaussian_filter(rng.standard_normal(size), rng.choice([0, 0.7, 2]))
    values = (values - values.min()) / (np.ptp(values) or 1)
    return (np.round(values * levels) / levels if levels else values).astype(np.float32)


def assert_same_objects(found, expected):
    """Equal up to a one-to-one renumbering that keeps 0."""
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    np.testing.assert_array_equal(found == 0, expected == 0)


@settings(deadline=None, max_examples=100)
@given(TILED, SEED, st.integers(1, 3), st.floats(0.2, 0.8), st.integers(0, 6))
def test_components(tiled, seed, connectivity, threshold, min_size_px):
    (size, tile), connectivity = tiled, min(connectivity, len(tiled[0]))
    mask = relief(size, seed, None) > threshold

    found = scan_components(mask.__getitem__, size, tile, connectivity=connectivity, min_size_px=min_size_px)
    ids = np.zeros(size, np.int64)
    found.write(ids)

    expected = label(mask, connectivity=connectivity)
    expected = np.where(np.bincount(expected.ravel())[expected] >= min_size_px, expected, 0)
    assert_same_objects(ids, expected)
    assert found.count == np.unique(ids[ids > 0]).size == ids.max(initial=0)


@settings(deadline=None, max_examples=60)
@given(TILED, SEED, st.integers(1, 3))
def test_holes(tiled, seed, connectivity):
    (size, tile), connectivity = tiled, min(connectivity, len(tiled[0]))
    rng = np.random.default_rng(seed)
    instances = label(relief(size, seed, None) > 0.5, connectivity=1) * rng.integers(1, 3)
    tiles = instances.copy()
    fill_holes_tiled(tiles, size, tile, connectivity=connectivity)
    np.testing.assert_array_equal(tiles, fill_holes(instances, connectivity=connectivity))


@settings(deadline=None, max_examples=100)
@given(TILED, SEED, st.sampled_from([None, 1, 3, 16]), st.floats(0.3, 1.0), st.floats(0.1, 0.4))
def test_watershed_of_objects_of_any_size(tiled, seed, levels, height, depth):
    size, tile = tiled
    landscape = relief(size, seed, levels)
    foreground, seeds = landscape <= height, label(landscape < depth, connectivity=1)

    found = scan_flood(lambda w: Basin(landscape[w], foreground[w], seeds[w]), size, tile)
    ids = np.zeros(size, np.int64)
    found.write(ids)

    expected = flood(landscape, foreground, seeds)
    assert_same_objects(ids, expected)
    np.testing.assert_array_equal(expected[(seeds > 0) & foreground], seeds[(seeds > 0) & foreground])
    assert not expected[~foreground].any()


@settings(deadline=None, max_examples=60)
@given(TILED, SEED, st.floats(0.2, 0.6), st.floats(0.3, 0.8), st.integers(0, 9), st.booleans())
def test_whole_post_processing(tiled, seed, foreground, seed_threshold, min_size_px, fill):
    size, tile = tiled
    inside = relief(size, seed, None)
    maps = np.stack([1 - inside, inside])
    post = PostProcessing(
        foreground_threshold=foreground,
        seed_threshold=seed_threshold,
        min_seed_px=2,
        min_size_px=min_size_px,
        fill_holes=fill,
    )
    ids = np.zeros(size, np.uint32)

    count = segment_tiled(lambda w: maps[(slice(None), *w)], ids, post, shape=size, tile=tile)

    expected = segment(maps, post)
    assert_same_objects(ids, expected)
    assert count == expected.max(initial=0) == ids.max(initial=0)


@settings(deadline=None, max_examples=40)
@given(TILED, SEED)
def test_table(tiled, seed):
    size, tile = tiled
    rng = np.random.default_rng(seed)
    instances, image = rng.integers(0, 5, size) * 3, rng.integers(0, 99, (2, *size))
    whole = object_table(Measured(instances, image=image))
    parts = (
        Measured(instances[w], tuple(part.start for part in w), image[(slice(None), *w)]) for w in windows(size, tile)
    )
    assert object_table(parts, shape=size) == whole


@settings(deadline=None, max_examples=100)
@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_polygons_have_the_area_of_their_pixels_and_simple_rings(mask):
    area = 0
    polygons = trace(mask)
    for outer, *holes in polygons:
        for ring, sign in [(outer, 1), *((hole, -1) for hole in holes)]:
            x, y = ring.T
            twice = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
            assert twice * sign > 0
            area += twice / 2
            assert len(np.unique(ring, axis=0)) == len(ring)
            assert (np.abs(ring - np.roll(ring, 1, axis=0)).min(axis=1) == 0).all()
    assert area == mask.sum()
    assert len(polygons) == label(mask, connectivity=1).max()
