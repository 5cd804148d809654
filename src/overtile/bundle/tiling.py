"""How a network of this project sees an image tile by tile."""

from math import ceil

from overtile.models import Geometry
from overtile.prediction import Tiling

TILE_PX = 1024
"""Output pixels per axis of a tile: large enough that the halo costs little, small enough for a laptop."""


def tiling_for(shape: Geometry, tile_px: int = TILE_PX) -> Tiling:
    """The overlap-tile strategy that equals the whole-image pass of a network.

    Args:
        shape: of the network.
        tile_px: largest number of output pixels per axis.
    """
    valid = any(m > 0 for m in shape.margin)
    return Tiling(
        tile=(tile_px,) * len(shape.stride),
        stride=shape.stride,
        halo=shape.margin
        if valid
        else tuple(ceil(h / s) * s for h, s in zip(shape.tile_halo, shape.stride, strict=True)),
        input_size=shape.input_size if valid else None,
    )
