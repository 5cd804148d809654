"""How large a tile may be so that a prediction stays within its memory."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from overtile.core.memory import format_bytes, peak_during
from overtile.prediction.pipeline import AHEAD
from overtile.prediction.stream import Run
from overtile.prediction.tiles import Tiling, block_px

logger = logging.getLogger(__name__)

TILE_SIZES_PX = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
"""Output pixels per axis that tiles are chosen from. With a halo of 96, tiles of 1024 compute 1.41 times as many pixels as
they keep, tiles of 2048 1.20 times."""

PROBED_PX = (128, 256)
"""Sizes of the two tiles that are run to see what the network needs."""

MARGIN = 1.15
"""What is measured on small tiles is multiplied by this: allocators round up, and libraries keep some."""

SEAM_BYTES = 120
"""For each pixel along the seams between blocks, until all objects are put together; measured on 40,000 x 40,000 pixels."""

CACHE_SHARE = 0.1
"""Share of the memory in which the reader may keep blocks of the image."""


@dataclass(frozen=True)
class Needs:
    """Memory that a prediction takes.

    Attributes:
        base: bytes that the process holds before the first tile.
        per_read_px: bytes of the network for each pixel that it sees at once.
        channels: of the image.
        maps: channels of the network's output.
        sample_bytes: of one stored sample of the image.
        plane: size (y, x) of the image in which objects are put together at the end; empty where none are.
    """

    base: int
    per_read_px: float
    channels: int
    maps: int
    sample_bytes: int
    plane: tuple[int, ...] = ()

    def peak(self, tiling: Tiling, budget: int) -> int:
        """Bytes that a prediction with this tiling holds at most."""
        read = float(np.prod([t + 2 * h for t, h in zip(tiling.tile, tiling.halo, strict=True)]))
        kept = float(np.prod(tiling.tile))
        network = self.per_read_px * read * MARGIN
        read_ahead = (1 + AHEAD) * self.channels * (4 + self.sample_bytes) * read
        # Maps as they come, as probabilities and in the type that is written, compressed and not.
        written = (2 + AHEAD) * self.maps * 4 * read + self.maps * 12 * kept
        # The network is done when objects are found, block by block: ids, pieces, relief and queue of the watershed.
        objects = 100 * kept + SEAM_BYTES * sum(prod(self.plane) / block_px(t) for t in tiling.tile if self.plane)
        return int(self.base + max(network + read_ahead + written, objects) + CACHE_SHARE * budget)


def probe(
    run: Run,
    channels: int,
    input_size: Callable[[tuple[int, ...]], tuple[int, ...]],
    peak_of: Callable[[Callable[[], object]], int] = peak_during,
) -> float:
    """Bytes that a network takes for each pixel it sees at once, by running it on two tiles of noise.

    Args:
        run: the network.
        channels: of the image.
        input_size: smallest valid input for an output size.
        peak_of: most bytes that are held while something runs; main memory by default.
    """
    peaks, pixels = list[int](), list[int]()
    for size in PROBED_PX:
        shape = input_size((size, size))
        part = np.random.default_rng(0).standard_normal((channels, *shape), np.float32)
        peaks.append(peak_of(partial(run, part)))
        pixels.append(prod(shape))
    # The difference, because what is fixed, and what a runtime keeps from one run to the next, is in both.
    return max((peaks[1] - peaks[0]) / (pixels[1] - pixels[0]), 4.0 * channels)


def choose_tile_px(
    needs: Needs, tiling_of: Callable[[int], Tiling], budget: int, sizes: Sequence[int] = TILE_SIZES_PX
) -> int:
    """The largest tile with which a prediction stays within `budget` bytes; the one that takes least if none does.

    Args:
        needs: of the network and the image.
        tiling_of: the tiling for a tile size in pixels per axis.
        budget: bytes.
        sizes: to choose from, ascending.
    """
    peaks = {size: needs.peak(tiling_of(size), budget) for size in sizes}
    fitting = [size for size, peak in peaks.items() if peak <= budget]
    if fitting:
        return fitting[-1]
    least = min(peaks, key=lambda size: peaks[size])
    logger.warning(
        "%s of memory are too little for this model: the least that works is about %s, with tiles of %d pixels",
        format_bytes(budget), format_bytes(peaks[least]), least,
    )  # fmt: skip
    return least
