"""Outlines and run lengths hold a mask without loss."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from overtile.data.rle import compressed, decompressed, mask_of_runs, run_lengths
from overtile.data.shapes import annotation_of, fill, polygon_shape
from overtile.instances import trace

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
QUICK = settings(deadline=None, max_examples=60)


@QUICK
@given(mask=MASKS)
def test_run_lengths_hold_every_mask(mask: np.ndarray) -> None:
    counts = run_lengths(mask)
    assert np.array_equal(mask_of_runs(counts, mask.shape), mask)
    assert decompressed(compressed(counts)) == counts


@QUICK
@given(counts=st.lists(st.integers(0, 2**31), min_size=1, max_size=20))
def test_compression_holds_every_number(counts: list[int]) -> None:
    assert decompressed(compressed(counts)) == counts


@QUICK
@given(mask=MASKS)
def test_a_traced_mask_filled_again_is_the_mask(mask: np.ndarray) -> None:
    polygons = [tuple(ring.astype(np.float64) for ring in rings) for rings in trace(mask)]

    annotation = annotation_of([polygon_shape("cell", polygons)] if mask.any() else [], mask.shape, {"cell": 1})

    assert np.array_equal(annotation.labels > 0, mask)


@QUICK
@given(mask=MASKS, shift=st.tuples(st.integers(-15, 15), st.integers(-15, 15)))
def test_what_is_shifted_out_of_the_image_is_cut_off(mask: np.ndarray, shift: tuple[int, int]) -> None:
    dx, dy = shift
    polygons = [tuple(ring + np.array([float(dx), float(dy)]) for ring in rings) for rings in trace(mask)]
    size = (9, 11)

    patch = fill(polygons, size)

    expected, found = np.zeros((60, 60), bool), np.zeros(size, bool)
    expected[20 + dy : 20 + dy + mask.shape[0], 20 + dx : 20 + dx + mask.shape[1]] = mask
    height, width = patch.mask.shape
    found[patch.y : patch.y + height, patch.x : patch.x + width] = patch.mask
    assert np.array_equal(found, expected[20:29, 20:31])
