"""Overlap-tile prediction: any network over any image, without seams and within a stated memory."""

from overtile.prediction.blend import GaussianBlend, gaussian_window, overlapping_tiles, predict_blended
from overtile.prediction.memory import CACHE_SHARE, TILE_SIZES_PX, Needs, choose_tile_px, probe
from overtile.prediction.pipeline import AHEAD, Behind, ahead
from overtile.prediction.plane import Plane, is_flat
from overtile.prediction.record import Record, job_of
from overtile.prediction.stream import Read, Run, Streamed, TileListener, Write, WriteMaps, predict_tiled, stream
from overtile.prediction.tiles import Tile, Tiling, balanced, block_px, tiles
from overtile.prediction.tta import TRANSFORMS, averaged

__all__ = [
    "AHEAD",
    "CACHE_SHARE",
    "TILE_SIZES_PX",
    "TRANSFORMS",
    "Behind",
    "GaussianBlend",
    "Needs",
    "Plane",
    "Read",
    "Record",
    "Run",
    "Streamed",
    "Tile",
    "TileListener",
    "Tiling",
    "Write",
    "WriteMaps",
    "ahead",
    "averaged",
    "balanced",
    "block_px",
    "choose_tile_px",
    "gaussian_window",
    "is_flat",
    "job_of",
    "overlapping_tiles",
    "predict_blended",
    "predict_tiled",
    "probe",
    "stream",
    "tiles",
]
