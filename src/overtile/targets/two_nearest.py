"""Distances to the nearest and the second nearest object, exact, in time that does not grow with their number.

A separable distance transform that carries two labels. Down and up the columns, every pixel learns the two nearest
distinct objects of its column. Along a row, a column u that holds an object at squared height g(u) is the parabola
(x - u)^2 + g(u), and the nearest object is the lower envelope of all parabolas (Felzenszwalb & Huttenlocher 2012,
Theory of Computing 8, 415-428). The second nearest is the lower envelope of the parabolas of all other objects. Where
objects are dense it is found by looking left and right until the columns are farther away than the best so far.
Where they are not, the objects that are nearest somewhere in the row are numbered, and for every binary digit of that
number there are two envelopes: of the objects with digit 0 and of those with digit 1. Another object differs in at
least one digit, so the best of the opposite envelopes over all digits is the second nearest. The cost is at most
O(pixels * log(objects in a row)).
"""

from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.targets.ids import compact_ids

FAR = 32
"""Mean distance in columns from which the envelopes are faster than looking at every column in between (measured)."""


@dataclass(frozen=True)
class Distances:
    """Euclidean distance to the two nearest objects, in the unit of the pixel size; 0 inside an object.

    Attributes:
        d1: (y, x), to the nearest pixel of the nearest object; inf where there is none.
        d2: (y, x), to the nearest pixel of the second nearest object; inf where there are fewer than two.
    """

    d1: NDArray[np.float64]
    d2: NDArray[np.float64]


def two_nearest_distances(instances: NDArray[Any], *, pixel_size: tuple[float, float] = (1.0, 1.0)) -> Distances:
    """Distance of every pixel to its nearest and to its second nearest object.

    d1(x) = min_k d(x, object k), d2(x) = min_{k != argmin} d(x, object k), between pixel centres. Equal to the brute
    force over all objects bit by bit for square pixels, within 1e-12 of it relatively for others.

    Args:
        instances: object ids (y, x), 0 or negative where there is no object; see `compact_ids`.
        pixel_size: height and width of a pixel; (1, 1) gives distances in pixels.

    Raises:
        ShapeError: the array is not (y, x).
        DataError: the array does not hold integers, or the pixel size is not positive.

    >>> near = two_nearest_distances(np.array([[5, 0, 0, 9]]))
    >>> near.d1, near.d2
    (array([[0., 1., 1., 0.]]), array([[3., 2., 2., 3.]]))
    """
    ids = np.ascontiguousarray(compact_ids(instances))
    height, width = (float(size) for size in pixel_size)
    if not (0 < height < np.inf and 0 < width < np.inf):
        raise DataError(f"expected a positive pixel size (height, width), got {pixel_size}")
    d1, d2 = np.full(ids.shape, np.inf), np.full(ids.shape, np.inf)
    if ids.any():
        _two_nearest(ids, height * height, width * width, int(ids.max()), d1, d2)
    return Distances(d1, d2)


@njit(cache=True, nogil=True)
@no_type_check
def _two_nearest(ids, height2, width2, largest, d1, d2):
    """Sweep down and remember, sweep up and finish row after row; fills d1 and d2."""
    rows, columns = ids.shape
    above1, above2 = np.empty((rows, columns), np.int32), np.empty((rows, columns), np.int32)
    met1, met2 = np.full(columns, -1, np.int32), np.full(columns, -1, np.int32)
    for y in range(rows):
        _remember(ids, y, met1, met2)
        above1[y], above2[y] = met1, met2
    met1[:], met2[:] = -1, -1
    label1, label2 = np.empty(columns, np.int32), np.empty(columns, np.int32)
    cost1, cost2, cost = np.empty(columns), np.empty(columns), np.empty(columns)
    sites, starts = np.empty(columns, np.int32), np.empty(columns, np.int32)
    nearest, number = np.empty(columns, np.int32), np.zeros(largest + 1, np.int32)
    for y in range(rows - 1, -1, -1):
        _remember(ids, y, met1, met2)
        label1[:], label2[:], cost1[:], cost2[:] = 0, 0, np.inf, np.inf
        for met in (above1[y], met1, above2[y], met2):
            _offer(ids, y, met, height2, label1, label2, cost1, cost2)
        _nearest_in_row(label1, cost1, width2, sites, starts, nearest, d1[y])
        if not _second_close_by(label1, cost1, cost2, width2, nearest, d2[y]):
            _second_in_row(label1, label2, cost1, cost2, cost, width2, sites, starts, nearest, number, d2[y])
        d1[y], d2[y] = np.sqrt(d1[y]), np.sqrt(d2[y])


@njit(cache=True, nogil=True)
@no_type_check
def _remember(ids, y, met1, met2):
    """Keep, per column, the rows where a sweep that arrives at row y has last met an object, and another before."""
    for x in range(met1.size):
        label = ids[y, x]
        if label > 0:
            if met1[x] >= 0 and ids[met1[x], x] != label:
                met2[x] = met1[x]
            met1[x] = y


@njit(cache=True, nogil=True)
@no_type_check
def _offer(ids, y, met, height2, label1, label2, cost1, cost2):
    """Take the objects at the rows `met` among the two nearest distinct ones of each pixel's column."""
    for x in range(met.size):
        if met[x] < 0:
            continue
        label, cost = ids[met[x], x], height2 * float(met[x] - y) * float(met[x] - y)
        if label == label1[x]:
            cost1[x] = min(cost1[x], cost)
        elif cost < cost1[x]:
            label2[x], cost2[x] = label1[x], cost1[x]
            label1[x], cost1[x] = label, cost
        elif cost < cost2[x]:
            label2[x], cost2[x] = label, cost


@njit(cache=True, nogil=True)
@no_type_check
def _lower_envelope(cost, width2, sites, starts):
    """Columns whose parabola is lowest somewhere, and the first x where each is; returns their number."""
    n = 0
    for u in range(cost.size):
        if cost[u] == np.inf:
            continue
        start = 0
        while n > 0:
            i = sites[n - 1]
            crossing = (width2 * (u * u - i * i) + cost[u] - cost[i]) / (2 * width2 * (u - i))
            if crossing > starts[n - 1]:
                start = cost.size if crossing > cost.size else int(np.ceil(crossing))
                break
            n -= 1
        if start < cost.size:
            sites[n], starts[n] = u, start
            n += 1
    return n


@njit(cache=True, nogil=True)
@no_type_check
def _nearest_in_row(label1, cost1, width2, sites, starts, nearest, d1):
    """Squared distance to, and label of, the nearest object of every pixel of a row."""
    n, j = _lower_envelope(cost1, width2, sites, starts), 0
    for x in range(d1.size):
        while j + 1 < n and starts[j + 1] <= x:
            j += 1
        u = sites[j]
        nearest[x] = label1[u]
        d1[x] = width2 * float(x - u) * float(x - u) + cost1[u]


@njit(cache=True, nogil=True)
@no_type_check
def _second_close_by(label1, cost1, cost2, width2, nearest, d2):
    """Look left and right for the second nearest object; give up, False, where it is FAR columns away on average."""
    columns, steps = d2.size, 0
    for x in range(columns):
        best, r = np.inf, 0
        while width2 * r * r < best and r < columns:
            for u in (x - r, x + r):
                if 0 <= u < columns:
                    cost = cost2[u] if label1[u] == nearest[x] else cost1[u]
                    best = min(best, width2 * r * r + cost)
            r += 1
        d2[x] = best
        steps += r
        if steps > FAR * (x + FAR):
            return False
    return True


@njit(cache=True, nogil=True)
@no_type_check
def _second_in_row(label1, label2, cost1, cost2, cost, width2, sites, starts, nearest, number, d2):
    """Lower d2 to the squared distance to the nearest object other than `nearest`; `number` stays all zero."""
    columns, many = d2.size, 0
    for x in range(columns):
        if number[nearest[x]] == 0:
            many += 1
            number[nearest[x]] = many
    digit = 1
    while digit <= many:
        for value in (0, digit):
            for x in range(columns):
                first, second = number[label1[x]] & digit == value, number[label2[x]] & digit == value
                cost[x] = cost1[x] if first else (cost2[x] if second else np.inf)
            _lower_to_others(cost, width2, sites, starts, nearest, number, digit, value, d2)
        digit *= 2
    for x in range(columns):
        number[nearest[x]] = 0


@njit(cache=True, nogil=True)
@no_type_check
def _lower_to_others(cost, width2, sites, starts, nearest, number, digit, value, d2):
    """Lower d2 to the envelope of `cost` for pixels whose nearest object does not have this digit."""
    n, j = _lower_envelope(cost, width2, sites, starts), 0
    for x in range(d2.size if n else 0):
        while j + 1 < n and starts[j + 1] <= x:
            j += 1
        if number[nearest[x]] & digit != value:
            u = sites[j]
            d2[x] = min(d2[x], width2 * float(x - u) * float(x - u) + cost[u])
