"""Metrics as they stand in tables: values, intervals, classes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval; NaN where one is not defined."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def text(self) -> str:
        """The value as it is printed."""
        return number(self.value)

    @property
    def interval(self) -> str:
        """The interval as it is printed; empty where there is none.

        >>> Score(0.5, 0.25, 0.75).interval, Score(0.5).interval
        ('[0.250, 0.750]', '')
        """
        if math.isnan(self.low) or math.isnan(self.high):
            return ""
        return f"[{number(self.low)}, {number(self.high)}]"

    @property
    def is_share(self) -> bool:
        """Whether the value lies between 0 and 1, so that it can be drawn on that scale."""
        return 0 <= self.value <= 1


def number(value: float) -> str:
    """A value as it is printed, with the digits that matter.

    >>> number(0.93456), number(0.000353), number(12.34), number(0.0), number(math.nan)
    ('0.935', '0.000353', '12.3', '0.000', '-')
    """
    if math.isnan(value):
        return "-"
    if abs(value) >= 10:
        return f"{value:,.1f}"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def overall(entry: Mapping[str, Any]) -> Score:
    """The score that stands for an entry of an evaluation; of a metric of classes, their mean.

    >>> overall({"value": 0.5, "low": None, "high": None}).text
    '0.500'
    """
    return _score(entry)


def by_class(entry: Mapping[str, Any]) -> dict[str, Score]:
    """The score of each class; empty for a metric that has no classes.

    >>> by_class({"value": 0.5, "per_class": {"axon": {"value": 0.5}}}).keys()
    dict_keys(['axon'])
    """
    return {name: _score(one) for name, one in entry.get("per_class", {}).items()}


def _score(entry: Mapping[str, Any]) -> Score:
    value, low, high = (entry.get(name) for name in ("value", "low", "high"))
    return Score(*(math.nan if x is None else float(x) for x in (value, low, high)))
