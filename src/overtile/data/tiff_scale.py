"""Pixel size in TIFF files: OME, ImageJ and the resolution tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import tifffile

UM_PER_UNIT = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00B5m": 1.0, "μm": 1.0,
    "nm": 1e-3, "pm": 1e-6, "inch": 25400.0,
}  # fmt: skip
"""Micrometres per unit, by the names OME and ImageJ use."""

UM_PER_RESOLUTION_UNIT = {tifffile.RESUNIT.INCH: 25400.0, tifffile.RESUNIT.CENTIMETER: 10000.0}

LARGEST_PLAUSIBLE_UM = 20.0
"""A resolution tag that gives a larger pixel (under 1270 dpi) is a printer setting, not a measurement."""


@dataclass(frozen=True)
class Scale:
    """Size of a pixel in micrometres, (height, width), and the distance between planes."""

    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None

    @staticmethod
    def of(pixel_size_um: Sequence[float] | None) -> Scale:
        """Take the last two of ([z], y, x)."""
        if pixel_size_um is None:
            return Scale()
        y, x = pixel_size_um[-2:]
        return Scale((y, x), pixel_size_um[0] if len(pixel_size_um) == 3 else None)


def read_scale(tiff: tifffile.TiffFile) -> Scale:
    """Read the pixel size from whichever metadata the file has."""
    if tiff.is_ome and tiff.ome_metadata:
        return _from_ome(tiff.ome_metadata)
    if tiff.imagej_metadata is not None:
        return _from_imagej(tiff, tiff.imagej_metadata)
    return _from_aperio(tiff) if tiff.is_svs else _from_tags(tiff)


def _from_ome(xml: str) -> Scale:
    image = tifffile.xml2dict(xml)["OME"].get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    x, y, z = (_ome_length(pixels, axis) for axis in "XYZ")
    return Scale((y, x) if x is not None and y is not None else None, z)


def _ome_length(pixels: dict[str, Any], axis: str) -> float | None:
    size = pixels.get(f"PhysicalSize{axis}")
    factor = UM_PER_UNIT.get(str(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
    return None if size is None or factor is None or float(size) <= 0 else float(size) * factor


def _from_imagej(tiff: tifffile.TiffFile, metadata: dict[str, Any]) -> Scale:
    factor = UM_PER_UNIT.get(str(metadata.get("unit", "")).strip().lower())
    per_unit = _pixels_per_unit(tiff)
    if factor is None or per_unit is None:
        return Scale()
    spacing = metadata.get("spacing")
    return Scale((factor / per_unit[0], factor / per_unit[1]), None if spacing is None else float(spacing) * factor)


def _from_tags(tiff: tifffile.TiffFile) -> Scale:
    unit = tiff.pages.first.tags.valueof("ResolutionUnit", default=tifffile.RESUNIT.INCH)
    factor, per_unit = UM_PER_RESOLUTION_UNIT.get(unit), _pixels_per_unit(tiff)
    if factor is None or per_unit is None:
        return Scale()
    y, x = factor / per_unit[0], factor / per_unit[1]
    return Scale((y, x)) if max(y, x) <= LARGEST_PLAUSIBLE_UM else Scale()


def _from_aperio(tiff: tifffile.TiffFile) -> Scale:
    """Read "MPP = 0.499", micrometres per pixel, from the description of a slide."""
    found = re.search(r"\bMPP\s*=\s*(\d*\.?\d+)", tiff.pages.first.description)
    size = float(found[1]) if found else 0.0
    return Scale((size, size)) if size > 0 else Scale()


def _pixels_per_unit(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """Read the tags XResolution and YResolution as (y, x)."""
    values = []
    for name in ("YResolution", "XResolution"):
        numerator, denominator = tiff.pages.first.tags.valueof(name, default=(0, 1))
        if numerator == 0 or denominator == 0:
            return None
        values.append(numerator / denominator)
    return values[0], values[1]


def resolution_tags(scale: Scale) -> dict[str, Any]:
    """Make the arguments of tifffile.imwrite that store a pixel size, in pixels per centimetre."""
    if scale.pixel_size_um is None:
        return {}
    y, x = scale.pixel_size_um
    return {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}


def ome_sizes(pixel_size_um: Sequence[float] | None) -> dict[str, Any]:
    """Make the OME metadata of tifffile.imwrite that store a pixel size; an unknown one is left out.

    >>> ome_sizes((float("nan"), 0.5, 0.25))
    {'PhysicalSizeX': 0.25, 'PhysicalSizeXUnit': 'µm', 'PhysicalSizeY': 0.5, 'PhysicalSizeYUnit': 'µm'}
    """
    sizes = zip("XYZ", (pixel_size_um or ())[::-1], strict=False)
    known = [(axis, size) for axis, size in sizes if isfinite(size)]
    return {f"PhysicalSize{axis}{part}": value for axis, size in known for part, value in (("", size), ("Unit", "µm"))}
