"""QuPath: DATA/NAME.tif with its exported objects in DATA/NAME.geojson."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.errors import FormatError
from overtile.data.layouts.layout import Layout
from overtile.data.layouts.outlines import outline_files, outlined
from overtile.data.reading import Reading
from overtile.data.shapes import OBJECT, Polygon, Shape, polygon_shape

SHAPED = ("Polygon", "MultiPolygon")


def find_geojson(root: Path, reading: Reading) -> Layout | None:
    """Find GeoJSON files of outlines beside images.

    Raises:
        DataError: files have no partner or are damaged.
    """
    images, files = outline_files(root, (".geojson",), reading)
    if not files or not images:
        return None
    return outlined("geojson", (images, files), reading, read_geojson)


def read_geojson(path: Path) -> tuple[list[Shape], list[str]]:
    """Read the polygons of a GeoJSON file, and say what else there is.

    Raises:
        FormatError: it is no GeoJSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content.get("features", [content]) if isinstance(content, dict) else content
        kinds = [feature["geometry"]["type"] for feature in features]
        shapes = [_shape(feature) for feature, kind in zip(features, kinds, strict=True) if kind in SHAPED]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(
            f"cannot read {path}: {type(error).__name__}: {error}. Expected the GeoJSON that QuPath exports (File > Export "
            "objects as GeoJSON). Export it again."
        ) from error
    others = sorted({kind for kind in kinds if kind not in SHAPED})
    count = sum(kind not in SHAPED for kind in kinds)
    return shapes, [f"{path.name}: {count} shape(s) without area left out: {', '.join(others)}"] if others else []


def _shape(feature: dict[str, Any]) -> Shape:
    geometry, properties = feature["geometry"], feature.get("properties") or {}
    classification = properties.get("classification") or {}
    names = classification.get("names") or [classification.get("name") or OBJECT]
    rings = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    plane = (geometry.get("plane") or {}).get("z")
    return polygon_shape(": ".join(map(str, names)), [_polygon(each) for each in rings], plane=plane)


def _polygon(rings: list[Any]) -> Polygon:
    return tuple(np.array(ring, np.float64)[:, :2] for ring in rings)
