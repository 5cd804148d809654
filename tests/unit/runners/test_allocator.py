import ctypes
import logging
import platform
from types import SimpleNamespace

import pytest

from overtile.runners import keep_freed_memory
from overtile.runners.allocator import M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, SET_BY_USER


@pytest.fixture
def calls(monkeypatch):
    """What is asked of malloc, of which nothing reaches this process."""
    asked = {}

    def mallopt(name, value):
        asked[name] = value
        return int(name != M_ARENA_MAX)

    keep_freed_memory.cache_clear()
    for name in SET_BY_USER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    yield asked
    keep_freed_memory.cache_clear()


def test_asks_glibc_once(calls, caplog):
    with caplog.at_level(logging.INFO):
        keep_freed_memory()
    assert set(calls) == {M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX}
    assert f"malloc does not take the settings [{M_ARENA_MAX}]" in caplog.text
    calls.clear()
    keep_freed_memory()
    assert not calls


def test_leaves_the_choice_of_the_user_and_other_libraries_alone(calls, monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    keep_freed_memory()
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    assert not calls
