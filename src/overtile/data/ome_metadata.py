"""What an OME-Zarr image says about itself, in versions 0.4 and 0.5 (https://ngff.openmicroscopy.org)."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from overtile.core.errors import ShapeError

TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}

COLOURS = ("FFFFFF", "FF0000", "00FF00", "0000FF", "FFFF00", "FF00FF", "00FFFF")
"""In which viewers draw the channels."""


def check_axes(axes: str, shape: tuple[int, ...]) -> str:
    """Give the axes in capitals.

    Raises:
        ShapeError: there is not one letter per axis, or they have another order than OME-Zarr allows.
    """
    letters = axes.upper()
    ordered = "".join(letter for letter in TYPES if letter in letters)
    if letters != ordered or not letters.endswith("YX") or len(letters) != len(shape):
        raise ShapeError(f"expected one of the axes TCZYX, in this order, for each of {shape}, got {axes!r}.")
    return letters


def first_level(axes: str, pixel_size_um: Sequence[float] | None, *, name: str, version: str) -> dict[str, Any]:
    """Describe an image of one resolution.

    Args:
        axes: letters of TCZYX, in this order.
        pixel_size_um: size of a pixel per spatial axis; None where unknown.
        name: of the image.
        version: "0.4" or "0.5".

    >>> first_level("YX", (0.5, 0.25), name="a", version="0.5")["datasets"][0]["coordinateTransformations"]
    [{'type': 'scale', 'scale': [0.5, 0.25]}]
    """
    spatial = [letter for letter in axes if TYPES[letter] == "space"]
    size = dict(zip(spatial[::-1], (pixel_size_um or ())[::-1], strict=False))
    known = {letter: float(n) for letter, n in size.items() if isfinite(n)}
    multiscale = {
        "name": name,
        "axes": [_axis(letter, has_unit=letter in known) for letter in axes],
        "datasets": [_dataset(0, [known.get(letter, 1.0) for letter in axes], shift=0.0)],
    }
    return multiscale if version == "0.5" else {"version": version, **multiscale}


def _axis(letter: str, *, has_unit: bool) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": TYPES[letter]}
    return {**axis, "unit": "micrometer"} if has_unit else axis


def levels(multiscale: dict[str, Any], count: int, *, way: str) -> dict[str, Any]:
    """Describe an image of several resolutions, given the description of the first.

    The mean of two pixels lies between them, a pixel that was taken out stays where it was: OME-Zarr places the centre
    of a pixel at its index times the scale, so that means are moved by half of what they span more.

    Args:
        multiscale: description with the finest resolution, which others may follow.
        count: of all resolutions.
        way: a key of `DOWNSAMPLE`.
    """
    fine = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    datasets = []
    for level in range(count):
        scale = [*fine[:-2], *(n * 2**level for n in fine[-2:])]
        datasets.append(_dataset(level, scale, shift=(1 - 0.5**level) / 2 if way == "mean" else 0.0))
    return {**multiscale, "datasets": datasets, "type": way}


def _dataset(level: int, scale: list[float], *, shift: float) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if shift:
        steps.append(
            {"type": "translation", "translation": [*(0.0 for _ in scale[:-2]), *(n * shift for n in scale[-2:])]}
        )
    return {"path": str(level), "coordinateTransformations": steps}


def channels(names: Sequence[str], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Name the channels, and say between which values and in which colour a viewer draws them."""
    top = 1.0 if dtype.kind in "fb" else float(np.iinfo(dtype).max)
    window = {"min": 0.0, "start": 0.0, "end": top, "max": top}
    return {
        "channels": [
            {"label": name, "color": COLOURS[i % len(COLOURS)], "window": window, "active": True}
            for i, name in enumerate(names)
        ]
    }
