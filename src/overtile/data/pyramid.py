"""Coarser versions of an image, for viewers: each has half the rows and columns of the one before."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import UnknownNameError

LARGEST_PX = 1024
"""The coarsest version has no more rows or columns than this: viewers draw it as a whole."""


def nearest(part: NDArray[Any]) -> NDArray[Any]:
    """Take every second row and column of (..., y, x); the only way that keeps labels what they are.

    >>> nearest(np.array([[1, 2, 3], [4, 5, 6]]))
    array([[1, 3]])
    """
    return part[..., ::2, ::2]


def mean(part: NDArray[Any]) -> NDArray[Any]:
    """Take the mean of two rows and columns of (..., y, x), or of what there is at the edge.

    >>> mean(np.array([[1, 3, 9], [5, 7, 9]]))
    array([[4, 9]])
    """
    height, width = part.shape[-2:]
    even = np.pad(part, [(0, 0)] * (part.ndim - 2) + [(0, height % 2), (0, width % 2)], mode="edge")
    wide: NDArray[Any] = even.astype(np.float64 if part.dtype.itemsize > 2 else np.float32)
    rows: NDArray[Any] = wide[..., ::2, :] + wide[..., 1::2, :]
    means: NDArray[Any] = (rows[..., ::2] + rows[..., 1::2]) / 4
    return (means if part.dtype.kind == "f" else np.rint(means)).astype(part.dtype)


Downsample = Callable[[NDArray[Any]], NDArray[Any]]

DOWNSAMPLE: dict[str, Downsample] = {"nearest": nearest, "mean": mean}
"""How a coarser version is made: labels by "nearest", images and probabilities by "mean"."""


def way_for(dtype: np.dtype[Any], axes: str, chosen: str | None) -> str:
    """Choose a key of `DOWNSAMPLE` where none was chosen: "nearest" for what may be labels, integers without channels.

    Raises:
        UnknownNameError: there is no such way.

    >>> way_for(np.dtype("uint8"), "YX", None), way_for(np.dtype("uint8"), "CYX", None)
    ('nearest', 'mean')
    """
    way = chosen or ("nearest" if dtype.kind in "iu" and "C" not in axes else "mean")
    if way not in DOWNSAMPLE:
        raise UnknownNameError("way to downsample", way, DOWNSAMPLE)
    return way


def level_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Shapes (..., y, x) of the coarser versions.

    >>> list(level_shapes((2, 1500, 3000)))
    [(2, 750, 1500), (2, 375, 750)]
    """
    while max(shape[-2:]) > LARGEST_PX:
        shape = (*shape[:-2], (shape[-2] + 1) // 2, (shape[-1] + 1) // 2)
        yield shape


def fill_level(fine: Any, coarse: Any, downsample: Downsample) -> None:
    """Fill one version from the one before, block by block.

    Args:
        fine: Zarr array (..., y, x).
        coarse: Zarr array, half as large.
        downsample: one of `DOWNSAMPLE`.
    """
    blocks = [range(0, n, c) for n, c in zip(coarse.shape, coarse.chunks, strict=True)]
    for corner in product(*blocks):
        here = [slice(i, min(i + c, n)) for i, c, n in zip(corner, coarse.chunks, coarse.shape, strict=True)]
        there = [
            slice(2 * part.start, min(2 * part.stop, n)) for part, n in zip(here[-2:], fine.shape[-2:], strict=True)
        ]
        coarse[tuple(here)] = downsample(np.asarray(fine[(*here[:-2], *there)]))
