"""Which input pixels an output pixel depends on, carried through a network's operations along one axis.

A map far from any border repeats itself with a period of a few samples: shifting the output by one period shifts the
input pixels it depends on by period * step. So a handful of integers says all.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """Sample i of a map depends on the input pixels lo(i) .. hi(i) and on no others.

    Attributes:
        step: input pixels per sample.
        lo: lo(0) .. lo(period - 1); lo(i + period) = lo(i) + period * step.
        hi: the same for hi.
    """

    step: Fraction
    lo: Indices
    hi: Indices

    @property
    def period(self) -> int:
        """Number of samples after which the pattern repeats."""
        return len(self.lo)

    @property
    def stride(self) -> int:
        """Input pixels after which the pattern repeats."""
        return int(self.period * self.step)

    def at(self, first: Indices, last: Indices) -> tuple[Indices, Indices]:
        """Return lo(first) and hi(last) for any indices, also such as lie outside the map."""
        low_turns, low = np.divmod(first, self.period)
        high_turns, high = np.divmod(last, self.period)
        return self.lo[low] + low_turns * self.stride, self.hi[high] + high_turns * self.stride


IMAGE = Span(Fraction(1), np.zeros(1, np.int64), np.zeros(1, np.int64))
"""The input itself: pixel i depends on pixel i."""


def gather(span: Span, ratio: Fraction, window: Callable[[Indices], tuple[Indices, Indices]]) -> Span:
    """Span of a map whose sample o is computed from the samples first .. last = window(o) of another.

    Args:
        span: of the other map.
        ratio: by how many samples the window moves when o moves by one.
        window: non-decreasing in o.

    A pooling of two by two:

    >>> pooled = gather(IMAGE, Fraction(2), lambda o: (2 * o, 2 * o + 1))
    >>> pooled.lo.tolist(), pooled.hi.tolist(), pooled.stride
    ([0], [1], 2)
    """
    period = ratio.denominator * span.period // math.gcd(span.period, ratio.numerator)
    first, last = window(np.arange(period, dtype=np.int64))
    lo, hi = span.at(first, np.maximum(first, last))
    return Span(span.step * ratio, lo, hi)


def union(spans: Sequence[Span]) -> Span:
    """Span of a map computed sample by sample from several maps of one resolution."""
    period = math.lcm(*(s.period for s in spans))
    index = np.arange(period, dtype=np.int64)
    bounds = [s.at(index, index) for s in spans]
    lo = reduce(np.minimum, (low for low, _ in bounds))
    hi = reduce(np.maximum, (high for _, high in bounds))
    return Span(spans[0].step, lo, hi)


def convolution(span: Span, *, kernel: int, stride: int, padding: int, dilation: int) -> Span:
    """Convolution, or pooling: sample o sees the samples o * stride - padding + dilation * (0 .. kernel - 1)."""
    reach = dilation * (kernel - 1)

    def window(o: Indices) -> tuple[Indices, Indices]:
        return o * stride - padding, o * stride - padding + reach

    return gather(span, Fraction(stride), window)


def transposed_convolution(span: Span, *, kernel: int, stride: int, padding: int, dilation: int) -> Span:
    """Transposed convolution: sample i reaches the samples i * stride - padding + dilation * (0 .. kernel - 1)."""
    reach = dilation * (kernel - 1)

    def window(o: Indices) -> tuple[Indices, Indices]:
        return -((reach - padding - o) // stride), (o + padding) // stride

    return gather(span, Fraction(1, stride), window)


def interpolation(span: Span, factor: Fraction, mode: str, *, align_corners: bool) -> Span:
    """Enlarge (factor > 1) or reduce a map by interpolation.

    Sample o lies at (o + 1/2) / factor - 1/2. With align_corners its place drifts by up to one sample with the size of
    the map; the span then covers every size.
    """
    a, b = factor.denominator, factor.numerator  # 1 / factor = a / b

    def window(o: Indices) -> tuple[Indices, Indices]:
        if mode == "nearest":
            return o * a // b, o * a // b
        if mode == "nearest-exact":
            return (2 * o + 1) * a // (2 * b), (2 * o + 1) * a // (2 * b)
        if align_corners:
            return o * a // b - 1, o * a // b + 1
        twice = (2 * o + 1) * a - b  # 2 b times the place
        first, last = twice // (2 * b), -(-twice // (2 * b))
        return (first - 1, last + 1) if mode == "cubic" else (first, last)

    return gather(span, 1 / factor, window)


def offset(span: Span, start: int, step: int = 1) -> Span:
    """Slice from `start` on; a negative start is padding."""
    return gather(span, Fraction(step), lambda o: (start + o * step, start + o * step))
