"""The model file."""

from overtile.bundle.manifest import Manifest
from overtile.bundle.store import Bundle, load, save
from overtile.bundle.tiling import TILE_PX, tiling_for

__all__ = ["TILE_PX", "Bundle", "Manifest", "load", "save", "tiling_for"]
