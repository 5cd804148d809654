"""The tile that a memory budget allows."""

import logging
from dataclasses import replace

import numpy as np

from overtile.prediction import Needs, Tiling, choose_tile_px, probe


def tiling_of(px):
    return Tiling(tile=(px, px), stride=(16, 16), halo=(32, 32))


NEEDS = Needs(base=300_000_000, per_read_px=400.0, channels=1, maps=2, sample_bytes=1)


def test_more_memory_gives_larger_tiles_up_to_the_largest():
    found = [choose_tile_px(NEEDS, tiling_of, int(gigabytes * 1e9)) for gigabytes in (0.5, 0.8, 2, 100)]
    assert found == sorted(found)
    assert found[0] < found[-1] == 2048


def test_the_chosen_tile_stays_within_the_budget():
    for budget in (500_000_000, 1_000_000_000, 2_000_000_000):
        px = choose_tile_px(NEEDS, tiling_of, budget)
        assert NEEDS.peak(tiling_of(px), budget) <= budget


def test_the_seams_of_a_slide_count_where_objects_are_put_together():
    slide = replace(NEEDS, plane=(40_000, 40_000))
    small, large = (slide.peak(tiling_of(px), 0) for px in (64, 1024))
    assert small - NEEDS.peak(tiling_of(64), 0) > 5e9
    assert large < small


def test_too_little_memory_gives_the_least_that_works_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert choose_tile_px(NEEDS, tiling_of, 1000) == 64
    assert "too little for this model: the least that works is about" in caplog.text


def test_the_probe_sees_what_a_network_holds():
    def hungry(part):
        held = np.ones((100, *part.shape[1:]), np.float32)  # 400 bytes a pixel
        return held[:2] * 2

    found = probe(hungry, 1, lambda size: size)
    assert 200 < found < 2000
