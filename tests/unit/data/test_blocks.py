from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from overtile.core.errors import FormatError
from overtile.data.blocks import BlockCache, Blocked
from overtile.data.raw import RawArray, runs


class Decoder:
    """Cuts blocks out of an array and counts how often."""

    def __init__(self, array: np.ndarray, block: tuple[int, ...]) -> None:
        self.array, self.block, self.calls = array, block, 0

    def __call__(self, index: tuple[int, ...]) -> np.ndarray:
        self.calls += 1
        return self.array[tuple(slice(i * b, (i + 1) * b) for i, b in zip(index, self.block, strict=True))]


def blocked(array: np.ndarray, block: tuple[int, ...], cache_bytes: int) -> tuple[Blocked, Decoder]:
    decode = Decoder(array, block)
    return Blocked(array.shape, array.dtype, block=block, decode=decode, cache=BlockCache(cache_bytes)), decode


def test_a_region_is_put_together_from_its_blocks() -> None:
    array = np.arange(7 * 11).reshape(7, 11)
    regions, decode = blocked(array, (3, 4), 10**6)

    assert np.array_equal(regions[2:7, 3:9], array[2:7, 3:9])
    assert decode.calls == 9
    assert np.array_equal(regions[0:3, 0:4], array[0:3, 0:4])
    assert decode.calls == 9


def test_the_cache_holds_no_more_than_it_may_and_drops_the_oldest() -> None:
    array = np.zeros((4, 8), np.uint8)
    regions, decode = blocked(array, (4, 2), 16)  # two blocks of 8 bytes

    for start in (0, 2, 4, 2, 0):
        _ = regions[0:4, start : start + 2]

    assert decode.calls == 4  # 0, 2, 4 pushes out 0, 2 is there, 0 again


def test_a_block_larger_than_the_cache_is_decoded_once_while_it_is_in_use() -> None:
    regions, decode = blocked(np.zeros((4, 4)), (4, 4), 0)
    for row in range(4):
        _ = regions[row : row + 1, 0:4]
    assert decode.calls == 1


def test_threads_share_a_small_cache() -> None:
    array = np.random.default_rng(0).integers(0, 255, (64, 64))
    regions, _ = blocked(array, (8, 8), 2000)
    corners = np.random.default_rng(1).integers(0, 48, (200, 2)).tolist()

    def right(corner: list[int]) -> bool:
        window = (slice(corner[0], corner[0] + 16), slice(corner[1], corner[1] + 16))
        return np.array_equal(regions[window], array[window])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, corners))


def test_runs_follow_the_file() -> None:
    starts, length = runs((slice(0, 2), slice(1, 2), slice(0, 4)), (2, 3, 4))
    assert (starts.tolist(), length) == ([4, 16], 4)


@pytest.mark.parametrize("order", ["C", "F"])
def test_raw_samples_are_read_in_either_order(tmp_path: Path, order: str) -> None:
    array = np.arange(3 * 4 * 5, dtype=">u2").reshape(3, 4, 5)
    (tmp_path / "a").write_bytes(b"head" + array.tobytes(order))

    raw = RawArray(tmp_path / "a", array.dtype, array.shape, 4, order)

    assert raw.dtype == np.uint16
    assert raw[1:3, 0:4, 2:5].tolist() == array[1:3, :, 2:5].tolist()


def test_lines_lie_together_up_to_a_memory_page(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(3 * 100 * 1000))
    raw = RawArray(tmp_path / "a", np.dtype(np.uint8), (3, 100, 1000), 0)
    assert raw.block == (1, 5, 1000)
    assert RawArray(tmp_path / "a", np.dtype(np.uint8), (3, 100, 1000), 0, "F").block == (3, 100, 14)


def test_short_files_are_named_at_once_and_while_reading(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(FormatError, match=r"a\.raw has 100 bytes, expected 104: it is truncated"):
        RawArray(tmp_path / "a.raw", np.dtype(np.uint8), (10, 10), 4)

    raw = RawArray(tmp_path / "a.raw", np.dtype(np.uint8), (10, 10), 0)
    (tmp_path / "a.raw").write_bytes(bytes(50))
    assert raw[0:5, 0:10].shape == (5, 10)
    with pytest.raises(EOFError, match=r"a\.raw ends before its samples do"):
        raw[0:6, 0:10]
