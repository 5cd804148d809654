"""Overlap-tile prediction: any network over any image, without seams."""

from overtile.prediction.stream import Run, predict_tiled
from overtile.prediction.tiles import Tile, Tiling, balanced, tiles
from overtile.prediction.tta import TRANSFORMS, averaged

__all__ = ["TRANSFORMS", "Run", "Tile", "Tiling", "averaged", "balanced", "predict_tiled", "tiles"]
