"""From predicted maps to objects: components, watershed, one id across tiles, tables and outlines."""

from overtile.instances.components import connected_components, fill_holes
from overtile.instances.flood import flood
from overtile.instances.grid import windows
from overtile.instances.ids import id_dtype, relabel_sequential, remove_small
from overtile.instances.outlines import (
    Outline,
    geojson,
    geojson_lines,
    outlines,
    refuse_rois,
    roi_files,
    roi_zip,
    trace,
)
from overtile.instances.pieces import Pieces
from overtile.instances.stitch import TiledComponents, fill_holes_tiled, scan_components
from overtile.instances.stitched_flood import Basin, TiledFlood, scan_flood
from overtile.instances.table import Measured, Naming, ObjectTable, csv_lines, measure, object_table, table_csv
from overtile.instances.tuning import THRESHOLDS, Tuned, default_grids, tune
from overtile.instances.watershed import METHODS, PostProcessing, scan_instances, segment, segment_tiled

__all__ = [
    "METHODS",
    "THRESHOLDS",
    "Basin",
    "Measured",
    "Naming",
    "ObjectTable",
    "Outline",
    "Pieces",
    "PostProcessing",
    "TiledComponents",
    "TiledFlood",
    "Tuned",
    "connected_components",
    "csv_lines",
    "default_grids",
    "fill_holes",
    "fill_holes_tiled",
    "flood",
    "geojson",
    "geojson_lines",
    "id_dtype",
    "measure",
    "object_table",
    "outlines",
    "refuse_rois",
    "relabel_sequential",
    "remove_small",
    "roi_files",
    "roi_zip",
    "scan_components",
    "scan_flood",
    "scan_instances",
    "segment",
    "segment_tiled",
    "table_csv",
    "trace",
    "tune",
    "windows",
]
