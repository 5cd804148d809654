"""One row per object: where it is, how large, how bright, how sure, and whether the edge of the image cuts it."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError
from overtile.instances.ids import numbered

Row = dict[str, int | float | str | bool | None]
"""Column name to value; None where a value is not known."""


@dataclass(frozen=True)
class Measured:
    """What is measured in one image or tile; arrays over the same pixels.

    Attributes:
        instances: (*S), ids, 0 where there is no object.
        start: position of the first pixel in the whole image, per axis; None for the origin.
        image: (C, *S), intensities, or None.
        probability: (*S), how sure the network is of the predicted class, or None.
        classes: (*S), class index per pixel, or None where there is only one class of objects.
    """

    instances: NDArray[Any]
    start: tuple[int, ...] | None = None
    image: NDArray[Any] | None = None
    probability: NDArray[Any] | None = None
    classes: NDArray[Any] | None = None


@dataclass(frozen=True)
class Naming:
    """Names and units that turn numbers into columns.

    Attributes:
        class_names: by class index; without a class map every object is of class 1.
        channel_names: one per channel of the images; None numbers them.
        pixel_size_um: per axis; None where unknown, which leaves the area in um2 empty.
    """

    class_names: tuple[str, ...] = ("background", "object")
    channel_names: tuple[str, ...] | None = None
    pixel_size_um: tuple[float, ...] | None = None


@dataclass(frozen=True)
class _Sums:
    """Sums over the pixels of each object, one row each; `sums` are coordinates, channels and probability."""

    ids: NDArray[np.int64]
    area: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    sums: NDArray[np.float64]
    votes: NDArray[np.int64]


def object_table(
    parts: Measured | Iterable[Measured], *, shape: Sequence[int] | None = None, naming: Naming | None = None
) -> list[Row]:
    """Measure every object of an image that comes in one part or tile by tile.

    Columns: id; class, the most frequent of its pixels, the first of equal ones; area_px and area_um2 (volume_px and
    volume_um3 in 3-D); centroid_y and centroid_x in pixels, 0 being the middle of the first pixel; bbox_y0 and bbox_x0,
    the first pixel, bbox_y1 and bbox_x1, one after the last; mean_intensity, or one per channel with its name;
    mean_probability; touches_edge, whether it touches the edge of the whole image.

    Args:
        parts: the whole image, or tiles that cover every pixel of it once and have the same kinds of arrays.
        shape: (*S), size of the whole image; None where there is one part.
        naming: names and units; None for one class, numbered channels and no pixel size.

    Returns:
        Rows in the order of the ids; none where there are no objects.

    Raises:
        ShapeError: arrays of a part do not fit together, or tiles come without the size of the image.
        DataError: a class has no name.

    >>> row = object_table(Measured(np.array([[0, 7, 7]])), naming=Naming(pixel_size_um=(0.5, 0.5)))[0]
    >>> row["id"], row["area_px"], row["area_um2"], row["centroid_x"], row["bbox_x1"], row["touches_edge"]
    (7, 2, 0.5, 1.5, 3, True)
    """
    naming = naming or Naming()
    if isinstance(parts, Measured):
        shape, parts = parts.instances.shape, [parts]
    if shape is None:
        raise ShapeError("expected the size of the whole image with tiles: pass shape=(y, x)")
    summed, layers = [], []
    for part in parts:
        _check(part, len(shape))
        layers = _layer_names(part, naming)
        summed.append(_sum(part, len(naming.class_names)))
    return _rows(_merge(summed), shape, layers, naming) if summed else []


def table_csv(rows: Sequence[Row]) -> str:
    r"""Table as comma-separated values with a header; True and False as 1 and 0, unknown values empty.

    >>> table_csv([{"id": 1, "area_um2": None, "touches_edge": True}])
    'id,area_um2,touches_edge\r\n1,,1\r\n'
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({k: int(v) if isinstance(v, bool) else v for k, v in row.items()} for row in rows)
    return text.getvalue()


def _check(part: Measured, ndim: int) -> None:
    size = part.instances.shape
    if len(size) != ndim:
        raise ShapeError(f"expected instances with {ndim} axes, got shape {size}")
    image = None if part.image is None else part.image[0]
    for name, array in (("image", image), ("probability", part.probability), ("classes", part.classes)):
        if array is not None and array.shape != size:
            raise ShapeError(f"expected {name} over the pixels of the instances {size}, got {array.shape}")


def _layer_names(part: Measured, naming: Naming) -> list[str]:
    """Column of each channel, and of the probability."""
    channels = 0 if part.image is None else len(part.image)
    names = naming.channel_names or tuple(str(i + 1) for i in range(channels))
    if channels and len(names) != channels:
        raise ShapeError(f"expected a name for each of {channels} channels, got {len(names)}: {', '.join(names)}")
    columns = [f"mean_intensity_{name}" for name in names] if channels > 1 else ["mean_intensity"] * channels
    return columns + ["mean_probability"] * (part.probability is not None)


def _sum(part: Measured, n_classes: int) -> _Sums:
    """Sum over the objects of one part."""
    found = numbered(part.instances)
    n, inside = found.ids.size - 1, np.flatnonzero(found.index)
    index = found.index.ravel()[inside] - 1
    start = part.start or (0,) * part.instances.ndim
    places = [i + s for i, s in zip(np.unravel_index(inside, part.instances.shape), start, strict=True)]
    first, last = np.full((n, len(places)), np.iinfo(np.int64).max), np.full((n, len(places)), -1)
    for axis, place in enumerate(places):
        np.minimum.at(first[:, axis], index, place)
        np.maximum.at(last[:, axis], index, place)
    layers = [*([] if part.image is None else part.image), *([] if part.probability is None else [part.probability])]
    weights = places + [layer.ravel()[inside].astype(np.float64) for layer in layers]
    sums = np.stack([np.bincount(index, weights=w, minlength=n) for w in weights], axis=1).astype(np.float64)
    votes = _votes(index, n, None if part.classes is None else part.classes.ravel()[inside], n_classes)
    return _Sums(found.ids[1:], np.bincount(index, minlength=n), first, last, sums, votes)


def _votes(index: NDArray[np.intp], n: int, classes: NDArray[Any] | None, n_classes: int) -> NDArray[np.int64]:
    """Pixels of each class per object, (n, K)."""
    classes = np.ones_like(index) if classes is None else classes.astype(np.intp)
    if classes.size and not 0 <= classes.min() <= classes.max() < n_classes:
        raise DataError(
            f"expected classes 0 to {n_classes - 1}, found {classes.min()} to {classes.max()}: name them all"
        )
    return np.bincount(index * n_classes + classes, minlength=n * n_classes).reshape(n, n_classes)


def _merge(parts: list[_Sums]) -> _Sums:
    """Add up the objects that several parts share."""
    ids, index = np.unique(np.concatenate([part.ids for part in parts]), return_inverse=True)
    size = (ids.size, parts[0].first.shape[1])
    area, votes = np.zeros(ids.size, np.int64), np.zeros((ids.size, parts[0].votes.shape[1]), np.int64)
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    sums = np.zeros((ids.size, parts[0].sums.shape[1]))
    np.add.at(area, index, np.concatenate([part.area for part in parts]))
    np.add.at(votes, index, np.concatenate([part.votes for part in parts]))
    np.add.at(sums, index, np.concatenate([part.sums for part in parts]))
    np.minimum.at(first, index, np.concatenate([part.first for part in parts]))
    np.maximum.at(last, index, np.concatenate([part.last for part in parts]))
    return _Sums(ids, area, first, last, sums, votes)


def _rows(objects: _Sums, shape: Sequence[int], layers: list[str], naming: Naming) -> list[Row]:
    """Columns with names and units."""
    axes, extent = "zyx"[-len(shape) :], "area" if len(shape) == 2 else "volume"
    pixel = None if naming.pixel_size_um is None else float(np.prod(naming.pixel_size_um))
    means = objects.sums / objects.area[:, None]
    edge = ((objects.first == 0) | (objects.last == np.asarray(shape) - 1)).any(axis=1)
    rows: list[Row] = []
    for i, area in enumerate(objects.area.tolist()):
        row: Row = {"id": int(objects.ids[i]), "class": naming.class_names[int(objects.votes[i].argmax())]}
        row |= {f"{extent}_px": area, f"{extent}_um{len(shape)}": None if pixel is None else area * pixel}
        row |= dict(zip((f"centroid_{axis}" for axis in axes), means[i].tolist(), strict=False))
        row |= dict(zip((f"bbox_{axis}0" for axis in axes), objects.first[i].tolist(), strict=True))
        row |= dict(zip((f"bbox_{axis}1" for axis in axes), (objects.last[i] + 1).tolist(), strict=True))
        row |= dict(zip(layers, means[i, len(shape) :].tolist(), strict=True))
        rows.append(row | {"touches_edge": bool(edge[i])})
    return rows
