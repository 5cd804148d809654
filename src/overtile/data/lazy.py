"""Images that stay on disk: opened at once, read region by region."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType

import numpy as np

from overtile.core.regions import Regions
from overtile.data.axes import name_axes, names_of, spatial_size, to_image
from overtile.data.blocks import CACHE_BYTES, BlockCache
from overtile.data.file_names import suffix_of
from overtile.data.formats import READERS, check_finite, decoding, known
from overtile.data.lazy_axes import ImageRegions
from overtile.data.lazy_tiff import open_tiff
from overtile.data.nifti import NIFTI_SUFFIXES, open_nifti
from overtile.data.npy import open_npy
from overtile.data.ome_zarr import open_zarr
from overtile.data.opened import Cropped, Opened, Opener, whole
from overtile.data.tiff import TIFF_SUFFIXES

OPENERS: dict[str, Opener] = {
    **dict.fromkeys(TIFF_SUFFIXES, open_tiff), ".zarr": open_zarr, ".npy": open_npy,
    **dict.fromkeys(NIFTI_SUFFIXES, open_nifti),
}  # fmt: skip
"""What opens a file for reading by region, by suffix; other formats are read whole."""


@dataclass(frozen=True)
class LazyImage:
    """An image file that is open; used in a `with` block.

    Attributes:
        array: samples (channel, [z], y, x) with a shape, a type, and parts by slices, each read where it is asked for.
            A NumPy array where the format forces reading all of it. Threads may read at once.
        pixel_size_um: size of a pixel per spatial axis in micrometres, in the order of the axes; None where unknown.
        channel_names: one name per channel; None where unknown.
        block: size ([z], y, x) of the blocks in the file; regions made of whole blocks are read quickest.
        opened: the file.
        cache: its blocks that were used lately.
    """

    array: Regions
    pixel_size_um: tuple[float, ...] | None
    channel_names: tuple[str, ...] | None
    block: tuple[int, ...]
    opened: Opened
    cache: BlockCache

    @property
    def lazy(self) -> bool:
        """Whether the samples stay on disk until they are asked for."""
        return not isinstance(self.array, np.ndarray)

    @property
    def size_bytes(self) -> int:
        """What all samples take in memory."""
        return int(prod(self.array.shape) * self.array.dtype.itemsize)

    def close(self) -> None:
        """Close the file, and free what was kept of it."""
        self.opened.close()
        self.cache.clear()

    def __enter__(self) -> "LazyImage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_image(path: str | Path, *, cache_bytes: int = CACHE_BYTES) -> LazyImage:
    """Open an image to read parts of it; axes and samples are those of `read_image`.

    Args:
        path: an image file, or the folder of an OME-Zarr image.
        cache_bytes: what may be kept of the image, so that a block that several regions touch is decoded once.

    Raises:
        FormatError: the file is missing, damaged or of a format that is not read.
        DataError: the samples are no real numbers, or of those that had to be read some are NaN or infinite.
    """
    path = Path(path)
    cache, reader = BlockCache(cache_bytes), known(path, READERS)
    with decoding(path):
        opener = OPENERS.get(suffix_of(path))
        opened = whole(reader(path)) if opener is None else opener(path, cache)
        try:
            return _seen(opened, cache, str(path))
        except BaseException:
            opened.close()
            raise


def _seen(opened: Opened, cache: BlockCache, source: str) -> LazyImage:
    """Bring an open file into the order (channel, [z], y, x)."""
    if isinstance(opened.array, np.ndarray):
        image = to_image(opened.read(), source)
        check_finite(image.array, source)
        return LazyImage(image.array, image.pixel_size_um, image.channel_names, image.size, opened, cache)
    axes, shape = name_axes(opened.axes, opened.array.shape, source)
    array = ImageRegions(Cropped(opened.array, shape), axes, source)
    size = spatial_size(opened.pixel_size_um, opened.z_step_um, n_planes=array.planes)
    names = names_of(opened.channel_names, n_channels=array.shape[0])
    return LazyImage(array, size, names, array.block(opened.block), opened, cache)
