"""The loop that every prediction goes through: read a tile, run the network, write the kept part."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import ShapeError
from overtile.core.mirror import read_mirrored
from overtile.prediction.tiles import Tiling, tiles

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps an image (channel, *S) to class maps (class, *S'); S' is S, or smaller for valid convolutions."""


def predict_tiled(
    image: NDArray[Any],
    run: Run,
    tiling: Tiling,
    *,
    prepare: Callable[[NDArray[Any]], NDArray[np.float32]] = lambda part: part.astype(np.float32),
    progress: Callable[[int, int], None] | None = None,
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
    steps = list(tiles(size, tiling))
    out: NDArray[np.float32] | None = None
    for done, tile in enumerate(steps, start=1):
        result = run(prepare(read_mirrored(image, tile.read)))
        kept = result[(slice(None), *tile.keep)]
        expected = tuple(part.stop - part.start for part in tile.write)
        if kept.shape[1:] != expected:
            raise ShapeError(
                f"the network returned {result.shape[1:]} for a tile of which {expected} pixels from "
                f"{tuple(part.start for part in tile.keep)} on are kept: its halo or stride does not fit this tiling"
            )
        if out is None:
            out = np.empty((result.shape[0], *size), np.float32)
        out[(slice(None), *tile.write)] = kept
        if progress is not None:
            progress(done, len(steps))
    if out is None:
        raise ShapeError(f"no tile covers an image of size {size}")
    return out
