"""Main memory: sizes as text, what is free, what is held."""

import numpy as np
import pytest

from overtile.core import OptionError
from overtile.core.memory import (
    available_bytes,
    format_bytes,
    give_back_freed,
    parse_bytes,
    peak_during,
    resident_bytes,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2GB", 2 * 10**9),
        ("2 gb", 2 * 10**9),
        ("1.5GiB", 3 * 2**29),
        ("500M", 5 * 10**8),
        ("4096", 4096),
        ("1TiB", 2**40),
    ],
)
def test_sizes_are_read_as_people_write_them(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2GHz", "0", "I", "2IB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(OptionError, match="is no amount of memory: expected a number and a unit, such as 2GB"):
        parse_bytes(text)


def test_sizes_are_written_for_people():
    assert [format_bytes(n) for n in (12, 2048, 5 * 2**20, 3 * 2**29)] == ["12 B", "2.0 KiB", "5.0 MiB", "1.5 GiB"]


def test_a_container_leaves_less_than_the_machine_has(tmp_path):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert available_bytes(tmp_path) == 600000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) > 600000


def test_a_short_peak_is_seen():
    give_back_freed()
    before = resident_bytes()
    peak = peak_during(lambda: np.ones(40_000_000, np.uint8).sum())
    assert peak - before > 30_000_000
