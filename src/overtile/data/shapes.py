"""Drawn outlines as pixels: polygons with holes, classes by name, regions that are annotated or ignored.

Coordinates are those of pixel corners, as in QuPath, ImageJ and COCO: the pixel in row y and column x covers
x .. x + 1 and y .. y + 1. It belongs to a shape where its centre does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon as inside_polygon

from overtile.core.errors import DataError
from overtile.data.file_names import natural_order
from overtile.data.layouts.layout import Annotation

Ring = NDArray[np.float64]
"""Corners (n, 2) as x, y."""

Polygon = tuple[Ring, ...]
"""Rings; a point is inside where an odd number of them goes around it, so that rings within a ring are holes."""

Role = Literal["object", "ignored", "region"]

OBJECT = "object"
"""The class of shapes that have none."""


@dataclass(frozen=True)
class Patch:
    """Pixels of a shape: a mask and the row and column of its first pixel in the image."""

    mask: NDArray[np.bool_]
    y: int = 0
    x: int = 0


@dataclass(frozen=True)
class Shape:
    """One drawn shape.

    Attributes:
        class_name: of the object.
        draw: gives its pixels in an image of a size (y, x).
        role: "object"; "ignored" where pixels do not count; "region" where pixels outside of all such do not count.
        plane: index of the plane in a stack; None for all.
    """

    class_name: str
    draw: Callable[[tuple[int, int]], Patch]
    role: Role = "object"
    plane: int | None = None


def role_of(class_name: str) -> Role:
    """What a class of this name is for: QuPath calls them Ignore* and Region*.

    >>> role_of("Ignore*"), role_of("region"), role_of("Tumor")
    ('ignored', 'region', 'object')
    """
    roles: dict[str, Role] = {"ignore": "ignored", "region": "region"}
    return roles.get(class_name.lower().rstrip("*"), "object")


def polygon_shape(class_name: str, polygons: Sequence[Polygon], *, plane: int | None = None) -> Shape:
    """A shape of polygons; the name of its class says what it is for."""
    return Shape(class_name or OBJECT, partial(fill, polygons), role_of(class_name), plane)


def fill(polygons: Sequence[Polygon], size: tuple[int, int]) -> Patch:
    """Pixels whose centre lies in one of some polygons, as far as they are in the image.

    >>> fill([(np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]]),)], (4, 4))
    Patch(mask=array([[ True,  True],
           [ True,  True]]), y=0, x=1)
    """
    corners = np.concatenate([ring for rings in polygons for ring in rings]) if polygons else np.zeros((0, 2))
    if not corners.size:
        return Patch(np.zeros((0, 0), bool))
    limits = np.array(size[::-1])
    x0, y0 = np.clip(np.floor(corners.min(axis=0)), 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)), 0, limits).astype(int).tolist()
    whole = np.zeros((y1 - y0, x1 - x0), bool)
    for rings in polygons:
        part = np.zeros_like(whole)
        for ring in rings:
            x, y = (ring - (x0 + 0.5, y0 + 0.5)).T
            rows, columns = inside_polygon(y, x, shape=part.shape)
            part[rows, columns] ^= True
        whole |= part
    return Patch(whole, y0, x0)


def annotation_of(shapes: Sequence[Shape], size: tuple[int, ...], values: Mapping[str, int]) -> Annotation:
    """Draw shapes: objects get ids 1, 2, ..., smaller ones over larger ones.

    In a stack, planes without any shape are not annotated. An image that has no region is annotated everywhere.

    Args:
        shapes: of one image.
        size: of the image ([z], y, x).
        values: class value by name.
    """
    planes = 1 if len(size) == 2 else size[0]
    drawn = [[s for s in shapes if planes == 1 or s.plane in (None, z)] for z in range(planes)]
    labels, valid = np.zeros((planes, *size[-2:]), np.int32), np.ones((planes, *size[-2:]), bool)
    classes, outside = [0], 0
    for z, own in enumerate(drawn):
        outside += _draw_plane(own, labels[z], valid[z], (classes, values))
        valid[z] &= bool(own) or planes == 1
    notes = (f"{outside} shape(s) cover no pixel of the image",) if outside else ()
    one = len(size) == 2
    return Annotation(
        labels[0] if one else labels,
        None if valid.all() else valid[0] if one else valid,
        np.array(classes, np.int32),
        notes,
    )


def _draw_plane(
    shapes: Sequence[Shape], labels: NDArray[Any], valid: NDArray[np.bool_], into: tuple[list[int], Mapping[str, int]]
) -> int:
    """Draw the shapes of one plane, add the class of each object, and count the shapes without pixels."""
    classes, values = into
    patches = [(shape, shape.draw(labels.shape)) for shape in shapes]
    if any(shape.role == "region" for shape in shapes):
        valid[...] = False
    order = {"region": 0, "ignored": 1, "object": 2}
    patches.sort(key=lambda one: (order[one[0].role], -np.count_nonzero(one[1].mask)))
    for shape, patch in patches:
        height, width = patch.mask.shape
        window = (slice(patch.y, patch.y + height), slice(patch.x, patch.x + width))
        if shape.role != "object":
            valid[window][patch.mask] = shape.role == "region"
            continue
        classes.append(values[shape.class_name])
        labels[window][patch.mask] = len(classes) - 1
    return sum(not patch.mask.any() for _, patch in patches)


def class_values(shapes: Sequence[Shape]) -> dict[str, int]:
    """Number the classes of objects by name, from 1 on."""
    found = {shape.class_name for shape in shapes if shape.role == "object"}
    names = sorted(found, key=lambda name: natural_order(Path(name)))
    return {name: value for value, name in enumerate(names, start=1)}


def check_mask_size(mask: NDArray[np.bool_], size: tuple[int, int], source: str) -> Patch:
    """Take a mask of a whole image as it is.

    Raises:
        DataError: it has another size.
    """
    if mask.shape != size:
        raise DataError(
            f"{source} has a mask of size {mask.shape}, its image {size} (rows, columns). Export them again."
        )
    return Patch(mask)
