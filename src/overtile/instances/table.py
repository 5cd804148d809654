"""One row per object: where it is, how large, how bright, how sure, and whether the edge of the image cuts it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
class ObjectTable:
    """Measurements of objects, kept as arrays; rows are made one by one, since a slide has millions of them.

    Attributes:
        shape: (*S), size of the whole image.
        naming: names and units.
    """

    shape: tuple[int, ...]
    naming: Naming
    _sums: "_Sums"
    _layers: tuple[str, ...]

    def __len__(self) -> int:
        """Number of objects."""
        return self._sums.ids.size

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        axes, extent = self._axes, "area" if len(self.shape) == 2 else "volume"
        return [
            *("id", "class", f"{extent}_px", f"{extent}_um{len(self.shape)}"),
            *(f"centroid_{axis}" for axis in axes),
            *(f"bbox_{axis}{end}" for end in "01" for axis in axes),
            *self._layers,
            "touches_edge",
        ]

    def rows(self) -> Iterator[Row]:
        """One row per object, in the order of the ids."""
        columns, pixel = self.columns, self.naming.pixel_size_um
        size = None if pixel is None else float(np.prod(pixel))
        for i in range(len(self)):
            area, first, last = int(self._sums.area[i]), self._sums.first[i], self._sums.last[i]
            means = (self._sums.sums[i] / area).tolist()
            n = len(self.shape)
            values = [
                *(int(self._sums.ids[i]), self.naming.class_names[int(self._sums.votes[i].argmax())]),
                *(area, None if size is None else area * size),
                *(*means[:n], *first.tolist(), *(last + 1).tolist(), *means[n:]),
                bool((first == 0).any() or (last == np.asarray(self.shape) - 1).any()),
            ]
            yield dict(zip(columns, values, strict=True))

    @property
    def _axes(self) -> str:
        return "zyx"[-len(self.shape) :]


@dataclass(frozen=True)
class _Sums:
    """Sums over the pixels of each object, one row each; `sums` are coordinates, channels and probability."""

    ids: NDArray[np.int64]
    area: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    sums: NDArray[np.float64]
    votes: NDArray[np.int64]


def measure(parts: Iterable[Measured], *, shape: Sequence[int], naming: Naming | None = None) -> ObjectTable:
    """Measure every object of an image that comes tile by tile; arguments, columns and errors as for `object_table`.

    Sums of whole numbers, and of float16, do not depend on the tiles; those of other fractions do by their rounding.
    """
    naming = naming or Naming()
    layers: tuple[str, ...] = ()
    summed = [_sum(Measured(np.zeros((0,) * len(shape), np.int64)), len(naming.class_names))]
    for part in parts:
        _check(part, len(shape))
        layers = _layer_names(part, naming)
        summed.append(_sum(part, len(naming.class_names)))
    return ObjectTable(tuple(shape), naming, _merge(summed[1:] or summed), layers)


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
    if isinstance(parts, Measured):
        shape, parts = parts.instances.shape, [parts]
    if shape is None:
        raise ShapeError("expected the size of the whole image with tiles: pass shape=(y, x)")
    return list(measure(parts, shape=shape, naming=naming).rows())


def csv_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Lines of comma-separated values, the header first; True and False as 1 and 0, unknown values empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    for values in chain([columns], (row.values() for row in rows)):
        writer.writerow([int(v) if isinstance(v, bool) else v for v in values])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def table_csv(rows: Sequence[Row]) -> str:
    r"""Table as text, see `csv_lines`; nothing where there are no rows.

    >>> table_csv([{"id": 1, "area_um2": None, "touches_edge": True}])
    'id,area_um2,touches_edge\r\n1,,1\r\n'
    """
    return "".join(csv_lines(list(rows[0]), rows)) if rows else ""


def _check(part: Measured, ndim: int) -> None:
    size = part.instances.shape
    if len(size) != ndim:
        raise ShapeError(f"expected instances with {ndim} axes, got shape {size}")
    image = None if part.image is None else part.image[0]
    for name, array in (("image", image), ("probability", part.probability), ("classes", part.classes)):
        if array is not None and array.shape != size:
            raise ShapeError(f"expected {name} over the pixels of the instances {size}, got {array.shape}")


def _layer_names(part: Measured, naming: Naming) -> tuple[str, ...]:
    """Column of each channel, and of the probability."""
    channels = 0 if part.image is None else len(part.image)
    names = naming.channel_names or tuple(str(i + 1) for i in range(channels))
    if channels and len(names) != channels:
        raise ShapeError(f"expected a name for each of {channels} channels, got {len(names)}: {', '.join(names)}")
    columns = [f"mean_intensity_{name}" for name in names] if channels > 1 else ["mean_intensity"] * channels
    return (*columns, *["mean_probability"] * (part.probability is not None))


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
