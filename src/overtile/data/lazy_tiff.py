"""TIFF files read region by region: BigTIFF, OME-TIFF, ImageJ, and the dialects of slide scanners.

A region is put together from the tiles or strips that it touches, which tifffile decodes. Uncompressed samples that lie
in one piece are read without that.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from overtile.core.regions import Regions
from overtile.data.blocks import BlockCache, Blocked, grid_of
from overtile.data.opened import Cropped, Opened, whole
from overtile.data.raw import RawArray
from overtile.data.tiff import TiffImage, errors_raised, first_image, letters, read_tiff, stored_dtype

JPEG_COMPRESSIONS = (6, 7, 34892, 33007)
"""Their segments share tables that stand in another tag."""


def open_tiff(path: Path, cache: BlockCache) -> Opened:
    """Open the first image of a TIFF file, at full resolution.

    Raises:
        FormatError: it is damaged.
    """
    with ExitStack() as files:
        with errors_raised(path):
            image = first_image(files.enter_context(tifffile.TiffFile(path)), path)
            pages = _pages(image.series, path, cache, files)
        return whole(read_tiff(path)) if pages is None else _seen(image, pages, files.pop_all().close)


def _seen(image: TiffImage, pages: "RawArray | Segments", close: Callable[[], None]) -> Opened:
    """Show the samples of a file with its colours and without its alpha."""
    array: Regions = pages
    block, axes = pages.block, letters(image.series.axes)
    if image.colours is not None:
        array, block, axes = Coloured(array, image.colours), (*block, 3), axes + "S"
    if image.has_alpha:
        array = Cropped(array, tuple(n - (a == "S") for n, a in zip(array.shape, axes, strict=True)))
        block = tuple(min(b, n) for b, n in zip(block, array.shape, strict=True))
    return Opened(array, block, axes, image.scale.pixel_size_um, image.scale.z_step_um, image.channel_names, close)


def _pages(
    series: tifffile.TiffPageSeries, path: Path, cache: BlockCache, files: ExitStack
) -> "RawArray | Segments | None":
    """The samples of a series by region; None where only tifffile knows how its pages are put together."""
    if series.dataoffset is not None and not series.is_multifile:
        return RawArray(path, stored_dtype(series), tuple(series.shape), int(series.dataoffset))
    page = [n for n in series.keyframe.shaped if n > 1]
    stack = [n for n in series.shape if n > 1]
    lead = stack[: len(stack) - len(page)]
    fits = stack[len(lead) :] == page and prod(lead) == len(series)
    if not fits or series.transform is not None:
        return None
    opened = tifffile.FileCache()  # a series may have pages in other files
    files.callback(opened.clear)
    return Segments(series, tuple(lead), cache, opened)


class Segments:
    """A series of pages of one size, whose tiles or strips are decoded where they are needed.

    tifffile has the samples of a page as (separate sample, depth, y, x, sample). The axes of a series are those of the
    stack of pages and then these; which of those of length 1 it leaves out differs, so that the others are matched.

    Args:
        series: the pages.
        lead: axes of the stack of pages, without those of length 1.
        cache: keeps segments.
        files: keeps the files of the pages open.
    """

    def __init__(
        self, series: tifffile.TiffPageSeries, lead: tuple[int, ...], cache: BlockCache, files: tifffile.FileCache
    ) -> None:
        page = series.keyframe
        self.shape = tuple(int(n) for n in series.shape)
        self.dtype = np.dtype(series.dtype).newbyteorder("=")
        self._series, self._lead = series, lead
        self._decode_segment = page.decode  # made here, since threads must not make it at the same time
        self._files, self._lock = files, threading.Lock()
        shaped = tuple(int(n) for n in page.shaped)
        segment = (1, *_segment_size(page), shaped[-1])
        self._grid = grid_of(shaped, segment)
        self._blocks = Blocked(
            (*lead, *shaped), self.dtype, block=(*(1 for _ in lead), *segment), decode=self._decoded, cache=cache
        )
        self.block = self._outer(tuple(min(b, n) for b, n in zip(self._blocks.block, self._blocks.shape, strict=True)))

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        given = iter([part for part, n in zip(region, self.shape, strict=True) if n > 1])
        inner = tuple(next(given) if n > 1 else slice(0, 1) for n in self._blocks.shape)
        return self._blocks[inner].reshape([part.stop - part.start for part in region])

    def _outer(self, inner: tuple[int, ...]) -> tuple[int, ...]:
        """Give a size per axis of stack and page as one per axis of the series."""
        given = iter([size for size, n in zip(inner, self._blocks.shape, strict=True) if n > 1])
        return tuple(next(given) if n > 1 else 1 for n in self.shape)

    def _decoded(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Read and decode a segment; its index is that of its page and its place on the page."""
        stacked = len(self._lead)
        number, segment = _position(index[:stacked], self._lead), _position(index[stacked:], self._grid)
        page, encoded = self._encoded(number, segment)
        tables = {}
        if page.keyframe.compression in JPEG_COMPRESSIONS:
            tables = {"jpegtables": page.jpegtables, "jpegheader": page.keyframe.jpegheader}
        samples, _, shape = self._decode_segment(encoded, segment, **tables)
        if samples is None:
            samples = np.full(shape, page.keyframe.nodata, self.dtype)
        return np.asarray(samples).reshape((1,) * (stacked + 1) + samples.shape)

    def _encoded(self, number: int, segment: int) -> tuple[Any, bytes | None]:
        """Read a segment as it is stored; None where a sparse file leaves it out."""
        with self._lock:
            page = self._series[number]
            if page is None or segment >= len(page.dataoffsets):
                raise EOFError(f"segment {segment} of page {number} is missing")
            expected = page.databytecounts[segment]
            if expected == 0:
                return page, None
            data = self._files.read(page.parent.filehandle, page.dataoffsets[segment], expected)
        if len(data) < expected:
            raise EOFError(f"segment {segment} of page {number} ends after {len(data)} of {expected} bytes")
        return page, data


class Coloured:
    """Indices of a palette, seen as colours (..., 3)."""

    def __init__(self, indices: Regions, colours: NDArray[np.uint8]) -> None:
        self.shape, self.dtype = (*indices.shape, 3), np.dtype(np.uint8)
        self._indices, self._colours = indices, colours

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Read a region, one slice with explicit start and stop per axis."""
        colours: NDArray[np.uint8] = self._colours[self._indices[region[:-1]]]
        return colours[..., region[-1]]


def _segment_size(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Depth, height and width of a tile or strip."""
    if page.is_tiled:
        return int(page.tiledepth), int(page.tilelength), int(page.tilewidth)
    return 1, int(page.rowsperstrip), int(page.imagewidth)


def _position(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Position in the flattened array.

    >>> _position((1, 2), (3, 4)), _position((), ())
    (6, 0)
    """
    position = 0
    for i, n in zip(index, shape, strict=True):
        position = position * n + i
    return position
