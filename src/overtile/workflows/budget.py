"""How long to work: "10m", "90s", "1.5h"."""

import re

from overtile.core import OptionError

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def budget_seconds(text: str | float) -> float:
    """Read a time budget; a bare number means seconds.

    Raises:
        OptionError: it is no time, or not positive.

    >>> budget_seconds("10m"), budget_seconds("1.5h"), budget_seconds(30.0)
    (600.0, 5400.0, 30.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", str(text))
    seconds = float(match[1]) * SECONDS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise OptionError(f"{text!r} is no time budget: expected a number with s, m, h or d, such as 90s, 10m or 1.5h")
    return seconds


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(75.0), duration(3700.0), duration(3.2)
    ('1m 15s', '1h 1m', '3s')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 60}m {whole % 60:02d}s" if whole >= 60 else f"{whole}s"
