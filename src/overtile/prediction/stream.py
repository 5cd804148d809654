"""The loop that every prediction goes through: read a tile, run the network, write the kept part.

Reading and writing have a thread each, so that the next tile is read and the last one written while the network runs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, PredictionError, ShapeError
from overtile.core.mirror import read_mirrored
from overtile.prediction.pipeline import Behind, ahead
from overtile.prediction.tiles import Tile, Tiling, tiles

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps an image (channel, *S) to class maps (class, *S'); S' is S, or smaller for valid convolutions."""

Read = Callable[[Tile], NDArray[np.float32] | None]
"""Gives what the network sees of a tile, or None where there is nothing to look at."""

Write = Callable[[Tile, NDArray[np.float32] | None], None]
"""Takes the kept maps (class, *W) of a tile, or None where the network did not look."""

WriteMaps = Callable[[Tile, NDArray[np.float32]], None]
"""Takes the maps (class, *W) of a tile that the network looked at."""

TileListener = Callable[[int, int], None]
"""Called after each tile with the number of tiles done and of all tiles."""


@dataclass(frozen=True)
class Streamed:
    """What a run over tiles took.

    Attributes:
        tiles: that the network saw.
        skipped: that it did not see, because there was nothing in them.
        seconds: from the first read to the last write.
        computing_s: of these, inside the network.
    """

    tiles: int
    skipped: int
    seconds: float
    computing_s: float

    def __add__(self, other: "Streamed") -> "Streamed":
        return Streamed(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))

    @property
    def idle_share(self) -> float:
        """Share of the time in which the network waited for reading or writing."""
        return 1 - self.computing_s / self.seconds if self.seconds else 0.0


def stream(
    steps: Sequence[Tile], read: Read, run: Run, write: Write, *, progress: TileListener | None = None
) -> Streamed:
    """Read, run and write every tile, each stage in a thread of its own; tiles are written in their order.

    What was written before an error stays written.

    Raises:
        ShapeError: the network returned less than a tile needs.
        PredictionError: a tile could not be read or written; the message names it.
    """
    began, computing, skipped = time.perf_counter(), 0.0, 0
    with Behind(partial(_writing, write)) as write_later:
        for done, (tile, part) in enumerate(zip(steps, ahead(partial(_reading, read), steps), strict=True), start=1):
            kept = None
            if part is not None:
                start = time.perf_counter()
                kept = _kept(run(part), tile)
                computing += time.perf_counter() - start
            skipped += part is None
            write_later(tile, kept)
            del part, kept  # so that their memory is free while the next tile is waited for
            if progress is not None:
                progress(done, len(steps))
    return Streamed(len(steps) - skipped, skipped, time.perf_counter() - began, computing)


def predict_tiled(
    image: NDArray[Any],
    run: Run,
    tiling: Tiling,
    *,
    prepare: Callable[[NDArray[Any]], NDArray[np.float32]] = lambda part: part.astype(np.float32),
    progress: TileListener | None = None,
) -> NDArray[np.float32]:
    """Apply a network tile by tile; equal to the whole-image pass when `tiling` holds the network's halo and stride.

    Args:
        image: (channel, *S), any size.
        run: the network.
        tiling: tile size and the network's needs.
        prepare: applied to each part that was read, such as the model's normalisation.
        progress: called after each tile with the number of tiles done and of all tiles.

    Returns:
        class maps, (class, *S).

    Raises:
        ShapeError: the network returned less than a tile needs.
    """
    size = image.shape[1:]
    out: list[NDArray[np.float32]] = []

    def write(tile: Tile, kept: NDArray[np.float32] | None) -> None:
        if kept is None:
            return
        if not out:
            out.append(np.empty((kept.shape[0], *size), np.float32))
        out[0][(slice(None), *tile.write)] = kept

    stream(list(tiles(size, tiling)), lambda t: prepare(read_mirrored(image, t.read)), run, write, progress=progress)
    return out[0]


def _kept(result: NDArray[np.float32], tile: Tile) -> NDArray[np.float32]:
    """The part of the network's output whose whole context was read."""
    kept = result[(slice(None), *tile.keep)]
    expected = tuple(part.stop - part.start for part in tile.write)
    if kept.shape[1:] != expected:
        raise ShapeError(
            f"the network returned {result.shape[1:]} for a tile of which {expected} pixels from "
            f"{tuple(part.start for part in tile.keep)} on are kept: its halo or stride does not fit this tiling"
        )
    return kept


def _reading(read: Read, tile: Tile) -> NDArray[np.float32] | None:
    try:
        return read(tile)
    except (OSError, DataError) as error:
        raise PredictionError(f"cannot read what {_place(tile)} needs: {error}") from error


def _writing(write: Write, tile: Tile, kept: NDArray[np.float32] | None) -> None:
    try:
        write(tile, kept)
    except OSError as error:
        raise PredictionError(f"cannot write {_place(tile)}: {error}") from error


def _place(tile: Tile) -> str:
    """Name a tile for people: what it writes, first and last pixel of each axis."""
    return "the tile " + ", ".join(f"{part.start} to {part.stop - 1}" for part in tile.write) + " (y, x)"
