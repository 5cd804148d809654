"""Memory that a network frees is kept for its next map, where the C library is glibc."""

import ctypes
import logging
import os
import platform
from functools import cache

logger = logging.getLogger(__name__)

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Names of settings in malloc.h."""

NEVER = 2**31 - 1
LARGEST_MAP = 2**30

SET_BY_USER = ("GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
"""Environment variables with which somebody has made the same choice."""


@cache
def keep_freed_memory() -> None:
    """Let glibc's malloc keep what is freed, for the whole process.

    By default it gives every large block back to the system at once, which then has to clear the same pages again for
    the next map of the network: 10 to 30 % of the time that PyTorch takes on a CPU. The process keeps its peak instead.
    One arena serves all threads, since only the first arena can grow without limit.

    Does nothing with another C library, or where the environment has set one of SET_BY_USER.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in SET_BY_USER):
        return
    mallopt = ctypes.CDLL(None).mallopt
    settings = {M_MMAP_THRESHOLD: LARGEST_MAP, M_TRIM_THRESHOLD: NEVER, M_ARENA_MAX: 1}
    refused = [name for name, value in settings.items() if not mallopt(name, value)]
    if refused:
        logger.info("malloc does not take the settings %s: freed memory goes back to the system", refused)
