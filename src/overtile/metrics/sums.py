"""Statistics that add up: counts per object, per image and per threshold, and ratios of them.

Every metric here is a function of sums over objects: a frozen dataclass whose fields are arrays of one leading
shape (nothing, thresholds, objects x thresholds, ...). Adding two of them pools two images.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError

Number = float | NDArray[np.float64]
"""A value, or one value per threshold, object or class."""

S = TypeVar("S")


@dataclass(frozen=True)
class ByObject(Generic[S]):
    """Sums of one image, split into what each object adds and what belongs to no object.

    Attributes:
        objects: sums whose fields have shape (objects, ...).
        rest: sums whose fields have shape (...).
    """

    objects: S
    rest: S

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(next(iter(_values(self.objects))))

    @property
    def whole(self) -> S:
        """Sums over the whole image."""
        return add(map_fields(self.objects, lambda field: field.sum(axis=0)), self.rest)


def map_fields(sums: S, function: Callable[[NDArray[np.float64]], Number]) -> S:
    """Apply a function to every field of a dataclass of sums."""
    return type(sums)(*(function(np.asarray(value, np.float64)) for value in _values(sums)))


def add(first: S, second: S) -> S:
    """Add two dataclasses of sums field by field."""
    pairs = zip(_values(first), _values(second), strict=True)
    return type(first)(*(_plus(a, b) for a, b in pairs))


def pool(sums: Iterable[S]) -> S:
    """Add the sums of several images.

    Raises:
        DataError: there is nothing to pool.
        ShapeError: the images were scored at different numbers of thresholds.
    """
    items = list(sums)
    if not items:
        raise DataError("expected the sums of at least one image, got none; score an image first")
    return reduce(add, items)


def stack(sums: Sequence[S]) -> S:
    """Put the sums of several images along a new first axis.

    Raises:
        ShapeError: the images were scored at different numbers of thresholds.
    """
    return type(sums[0])(*(np.stack(_alike(column)) for column in zip(*map(_values, sums), strict=True)))


def ratio(numerator: Number, denominator: Number, *, empty: Number = np.nan) -> Number:
    """Divide element by element; 0 / 0 is `empty`.

    >>> ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0]), empty=1.0).tolist()
    [0.25, 1.0]
    """
    a, b = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    out = np.broadcast_to(np.asarray(empty, np.float64), a.shape).copy()
    np.divide(a, b, out=out, where=b != 0)
    return out[()]


def harmonic_mean(precision: Number, recall: Number, *, empty: float = np.nan) -> Number:
    """F = 2 P R / (P + R); `empty` where P + R = 0."""
    return ratio(2 * np.multiply(precision, recall), np.add(precision, recall), empty=empty)


def largest(values: Number) -> Number:
    """Largest value along the last axis, NaN left out; a single value is itself.

    >>> largest(np.array([0.2, np.nan, 0.7]))
    np.float64(0.7)
    """
    best: Number = np.fmax.reduce(np.atleast_1d(values), axis=-1)
    return best


def mean_known(values: Number, *, axis: int) -> Number:
    """Mean that leaves NaN out; NaN where nothing is known."""
    array = np.asarray(values, np.float64)
    known = ~np.isnan(array)
    return ratio(np.where(known, array, 0).sum(axis=axis), known.sum(axis=axis, dtype=np.float64))


def _values(sums: Any) -> list[Any]:
    return [getattr(sums, field.name) for field in fields(sums)]


def _plus(a: Number, b: Number) -> Number:
    first, second = _alike([a, b])
    return (first + second)[()]


def _alike(values: Sequence[Number]) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(value, np.float64) for value in values]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"expected sums of one shape, got {' and '.join(map(str, sorted(shapes)))}; score all images with the "
            "same kind of prediction (labels or probabilities) and the same thresholds"
        )
    return arrays
