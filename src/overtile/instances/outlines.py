"""Outlines of objects along the edges of their pixels, for QuPath (GeoJSON) and ImageJ (ROI zip).

Coordinates are corners of pixels, as in QuPath and ImageJ: the pixel in row y and column x covers x .. x + 1 and
y .. y + 1. A polygon therefore has exactly the area of its pixels, and outlines of touching objects share their line.
"""

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numpy.typing import NDArray
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi
from skimage.measure import label

from overtile.core.errors import DataError, ShapeError, UnknownNameError
from overtile.instances.table import Row

Ring = NDArray[np.int64]
"""Corners (n, 2) as x, y without repeating the first; clockwise on the screen around pixels, else around a hole."""


BLOCK_PX = 2048

OBJECT_TYPES = ("annotation", "detection", "cell")


@dataclass(frozen=True)
class Outline:
    """An object as polygons.

    Attributes:
        id: of the object.
        class_name: its class.
        polygons: one per 4-connected piece, each the outer ring and then its holes.
        plane: of a stack, counted from 0; None in a single image.
    """

    id: int
    class_name: str
    polygons: tuple[tuple[Ring, ...], ...]
    plane: int | None = None


def outlines(instances: Any, rows: Iterable[Row], *, block: int = BLOCK_PX) -> Iterator[Outline]:
    """Trace the objects of a table block by block, one object at a time.

    Objects whose bounding box begins in the same block are traced from one reading of it, so that a compressed store is
    not decoded anew for every object. An object larger than a block is read on its own.

    Args:
        instances: ids ([z], y, x); anything that gives slices (NumPy, memory map, Zarr).
        rows: of `object_table` for these instances.
        block: side of a block in pixels; at most twice as much per axis is read at once, apart from larger objects.

    Returns:
        Outlines block by block, in each in the order of the rows; of a stack, one for each plane that an object is in.

    Raises:
        ShapeError: the instances are not ([z], y, x).

    >>> rows = [{"id": 5, "class": "cell", "bbox_y0": 0, "bbox_x0": 1, "bbox_y1": 1, "bbox_x1": 3}]
    >>> next(outlines(np.array([[0, 5, 5]]), rows)).polygons[0][0].tolist()
    [[3, 0], [3, 1], [1, 1], [1, 0]]
    """
    if len(instances.shape) not in (2, 3):
        raise ShapeError(f"outlines are of images (y, x) or stacks (z, y, x), got {instances.shape}")
    blocks: dict[tuple[int, ...], list[_Boxed]] = defaultdict(list)
    for row in rows:
        y0, x0, y1, x1 = (int(row[f"bbox_{end}"] or 0) for end in ("y0", "x0", "y1", "x1"))
        planes = range(int(row["bbox_z0"] or 0), int(row["bbox_z1"] or 0)) if "bbox_z0" in row else [None]
        for plane in planes:
            large = max(y1 - y0, x1 - x0) > block
            place = (y0, x0, int(row["id"] or 0)) if large else (y0 // block, x0 // block)
            key = (-1 if plane is None else plane, *place)
            blocks[key].append(_Boxed(int(row["id"] or 0), str(row["class"]), plane, (y0, x0), (y1, x1)))
    for _, members in sorted(blocks.items()):
        yield from _outlines_of(instances, members)


@dataclass(frozen=True, slots=True)
class _Boxed:
    """An object in one plane, and its bounding box (y, x), from `first` up to but not including `stop`."""

    id: int
    class_name: str
    plane: int | None
    first: tuple[int, int]
    stop: tuple[int, int]


def _outlines_of(instances: Any, members: Sequence[_Boxed]) -> Iterator[Outline]:
    """Outlines of objects that are read together."""
    (y0, x0), (y1, x1) = (
        tuple(pick(getattr(m, end)[axis] for m in members) for axis in (0, 1))
        for pick, end in ((min, "first"), (max, "stop"))
    )
    lead = () if members[0].plane is None else (members[0].plane,)
    region = np.asarray(instances[(*lead, slice(y0, y1), slice(x0, x1))])
    for member in members:
        rows, columns = (slice(a - o, b - o) for a, b, o in zip(member.first, member.stop, (y0, x0), strict=True))
        polygons = trace(region[rows, columns] == member.id, origin=(member.first[1], member.first[0]))
        if polygons:
            yield Outline(member.id, member.class_name, polygons, member.plane)


def trace(mask: NDArray[np.bool_], *, origin: tuple[int, int] = (0, 0)) -> tuple[tuple[Ring, ...], ...]:
    """Polygons of a mask, one per 4-connected piece: the outer ring, then the holes.

    Rings touch themselves nowhere: where pixels meet only at a corner the ring is cut in two there.

    Args:
        mask: (y, x).
        origin: x and y that the first pixel has in the whole image.

    >>> [ring.tolist() for ring in trace(np.array([[True]]))[0]]
    [[[1, 0], [1, 1], [0, 1], [0, 0]]]
    """
    pieces = label(mask, connectivity=1)
    polygons = []
    for piece in range(1, int(pieces.max(initial=0)) + 1):
        corners, ends = _trace(np.pad(pieces == piece, 1))
        whole = np.split(corners - 1, ends[:-1])
        rings = [np.array(ring, np.int64) + np.array(origin) for each in whole for ring in _cut(each.tolist())]
        polygons.append(tuple(sorted(rings, key=_is_hole)))
    return tuple(polygons)


def geojson(objects: Iterable[Outline], *, object_type: str = "annotation") -> dict[str, Any]:
    """Outlines as a GeoJSON FeatureCollection that QuPath imports, in pixels.

    Args:
        objects: outlines to write.
        object_type: what they become in QuPath, one of OBJECT_TYPES.

    Raises:
        UnknownNameError: there is no such type of object.

    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> geojson([Outline(3, "cell", ((square,),))])["features"][0]["properties"]
    {'objectType': 'annotation', 'name': '3', 'classification': {'name': 'cell'}}
    """
    return {"type": "FeatureCollection", "features": list(_features(objects, object_type))}


def geojson_lines(objects: Iterable[Outline], *, object_type: str = "annotation") -> Iterator[str]:
    """Text of what `geojson` gives, one object at a time."""
    yield '{"type": "FeatureCollection", "features": ['
    for number, feature in enumerate(_features(objects, object_type)):
        yield ("," if number else "") + "\n" + json.dumps(feature)
    yield "\n]}\n"


def _features(objects: Iterable[Outline], object_type: str) -> Iterator[dict[str, Any]]:
    if object_type not in OBJECT_TYPES:
        raise UnknownNameError("type of QuPath object", object_type, OBJECT_TYPES)
    for outline in objects:
        polygons = [[_closed(ring) for ring in polygon] for polygon in outline.polygons]
        geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
        if len(polygons) == 1:
            geometry = {"type": "Polygon", "coordinates": polygons[0]}
        if outline.plane is not None:
            geometry["plane"] = {"c": -1, "z": outline.plane, "t": 0}
        properties = {
            "objectType": object_type,
            "name": str(outline.id),
            "classification": {"name": outline.class_name},
        }
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def roi_zip(objects: Iterable[Outline]) -> bytes:
    """Outlines as a zip of ImageJ ROIs for the ROI Manager, one per object, named by class and id.

    An object in one piece without holes is a polygon, any other a composite of all its rings.

    Raises:
        DataError: a coordinate is above 32,767, which the format cannot hold.

    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> zipfile.ZipFile(io.BytesIO(roi_zip([Outline(3, "cell", ((square,),))]))).namelist()
    ['cell_3.roi']
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in roi_files(objects):
            archive.writestr(name, content)
    return buffer.getvalue()


def roi_files(objects: Iterable[Outline]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in the zip of `roi_zip`, one object at a time."""
    for outline in objects:
        name = f"{outline.class_name}_{outline.id}".replace("/", "-")
        if outline.plane is not None:
            name += f"_z{outline.plane + 1}"
        roi = _roi(outline, name)
        roi.position = 0 if outline.plane is None else outline.plane + 1
        yield f"{name}.roi", roi.tobytes()


def refuse_rois(largest: int, what: str) -> None:
    """Stop where coordinates are larger than ImageJ ROIs can hold.

    Raises:
        DataError: they are.
    """
    if largest > np.iinfo(np.int16).max:
        raise DataError(f"ImageJ ROIs hold coordinates up to 32767, {what} reaches {largest}: write GeoJSON instead")


def _roi(outline: Outline, name: str) -> ImagejRoi:
    rings = [ring for polygon in outline.polygons for ring in polygon]
    corners = np.concatenate(rings)
    refuse_rois(int(corners.max()), f"object {outline.id}")
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0].astype(np.int32), name=name)
        roi.roitype = ROI_TYPE.POLYGON
        return roi
    path = np.concatenate([_path(ring) for ring in rings]).astype(np.float32)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        options=ROI_OPTIONS.OVERLAY_BACKGROUNDS | ROI_OPTIONS.OVERLAY_LABELS,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        multi_coordinates=path,
        shape_roi_size=path.size,
    )


def _path(ring: Ring) -> NDArray[np.float64]:
    """One ring in the path language of ImageJ: 0 x y moves, 1 x y draws, 4 closes."""
    steps = np.column_stack([np.r_[0, np.ones(len(ring) - 1)], ring])
    return np.append(steps.ravel(), 4)


def _closed(ring: Ring) -> list[list[int]]:
    corners: list[list[int]] = ring.tolist()
    return [*corners, corners[0]]


def _is_hole(ring: Ring) -> bool:
    """Whether a ring runs the other way round than those around pixels (shoelace formula, y pointing down)."""
    x, y = ring.T
    return bool((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() < 0)


def _cut(ring: list[list[int]]) -> Iterator[list[list[int]]]:
    """Cut a ring where it comes back to one of its corners."""
    open_: list[list[int]] = []
    place: dict[tuple[int, ...], int] = {}
    for corner in ring:
        if tuple(corner) in place:
            at = place[tuple(corner)]
            yield open_[at:]
            for passed in open_[at + 1 :]:
                del place[tuple(passed)]
            del open_[at + 1 :]
        else:
            place[tuple(corner)] = len(open_)
            open_.append(corner)
    yield open_


@njit(cache=True, nogil=True)
@no_type_check
def _trace(mask):
    """Corners (n, 2) of all rings of a mask with background around it, and where each ring ends."""
    rows, columns = mask.shape
    passed = np.zeros((rows, columns), np.bool_)
    corners, ends = np.empty((4 * mask.sum(), 2), np.int64), np.empty(mask.sum(), np.int64)
    n, rings = 0, 0
    for y in range(1, rows):
        for x in range(1, columns):
            if mask[y, x] and not mask[y - 1, x] and not passed[y, x]:
                n = _follow(mask, y, x, passed, corners, n)
                ends[rings] = n
                rings += 1
    return corners[:n], ends[:rings]


@njit(cache=True, nogil=True)
@no_type_check
def _follow(mask, y, x, passed, corners, n):
    """Follow the edge of a mask from the upper edge of pixel (y, x) back to it; `passed` marks upper edges.

    The object lies on the right; where pixels meet at a corner only, the way turns right. Direction d is 0 right along
    the upper edge of a pixel, 1 down its right, 2 left along its lower, 3 up its left edge.
    """
    step_y, step_x = (0, 1, 0, -1), (1, 0, -1, 0)
    d = 0
    while not (d == 0 and passed[y, x]):
        if d == 0:
            passed[y, x] = True
        corner_x, corner_y = x + (d == 0 or d == 1), y + (d == 1 or d == 2)
        left = (d + 3) % 4
        ahead_y, ahead_x = y + step_y[d], x + step_x[d]
        turn = 1
        if mask[ahead_y, ahead_x]:
            y, x, turn = ahead_y, ahead_x, 0
            if mask[y + step_y[left], x + step_x[left]]:
                y, x, turn = y + step_y[left], x + step_x[left], 3
        if turn:
            corners[n, 0], corners[n, 1] = corner_x, corner_y
            n += 1
        d = (d + turn) % 4
    return n
