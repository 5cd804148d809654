"""Main memory: how much there is, how much this process holds, and sizes as people write them."""

import ctypes
import platform
import re
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from overtile.core.errors import OptionError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use (version 2)."""


def parse_bytes(text: str) -> int:
    """Read a size such as 2GB, 1.5 GiB or 500M.

    Raises:
        OptionError: it is no size.

    >>> parse_bytes("2GB"), parse_bytes("1.5 GiB")
    (2000000000, 1610612736)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", text.upper())
    if match is None or match[2] not in UNITS or float(match[1]) <= 0:
        raise OptionError(
            f"{text!r} is no amount of memory: expected a number and a unit, such as 2GB, 1.5GiB or 500MB"
        )
    return int(float(match[1]) * UNITS[match[2]])


def format_bytes(count: int) -> str:
    """Write a size for people.

    >>> format_bytes(1_610_612_736)
    '1.5 GiB'
    """
    unit = next((u for u in ("GiB", "MiB", "KiB") if count >= UNITS[u[:-1].upper()]), "B")
    return f"{count} B" if unit == "B" else f"{count / UNITS[unit[:-1].upper()]:.1f} {unit}"


def available_bytes(cgroup: Path = CGROUP) -> int:
    """Memory that this process can still take: what is free here, or what its container leaves, if that is less."""
    free = psutil.virtual_memory().available
    limit, used = cgroup / "memory.max", cgroup / "memory.current"
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return max(int(free), 0)


def resident_bytes() -> int:
    """Main memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def give_back_freed() -> None:
    """Return memory that was freed to the system, where the C library is glibc, so that it no longer counts as held."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def peak_during(action: Callable[[], object], *, interval_s: float = 0.002) -> int:
    """Most main memory that this process held while `action` ran.

    Memory that was freed before is given back first, so that its reuse counts. Linux counts exactly; elsewhere a thread looks every `interval_s`, which misses shorter peaks.
    """
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    give_back_freed()
    try:
        reset.write_text("5")
    except OSError:
        return _sampled_peak(action, interval_s)
    action()
    mark = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(mark[1]) * 1024 if mark else resident_bytes()


def _sampled_peak(action: Callable[[], object], interval_s: float) -> int:
    peak, done = resident_bytes(), threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.wait(interval_s):
            peak = max(peak, resident_bytes())

    watcher = threading.Thread(target=look, name="overtile-memory", daemon=True)
    watcher.start()
    try:
        action()
    finally:
        done.set()
        watcher.join()
    return max(peak, resident_bytes())
