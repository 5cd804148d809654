"""Mending annotated images: labels moved, turned, renumbered or cleaned; images rescaled or made grey."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as label_regions
from skimage.transform import resize

from overtile.core.errors import DataError, OptionError, UnknownNameError
from overtile.core.image import Image
from overtile.data.alignment import TURNS
from overtile.data.dataset import RawSample
from overtile.data.label_evidence import thin_values

Fix = Callable[[RawSample], RawSample]
"""Mends one image with its labels; what needs no mending comes back as it is."""

ROUNDED = 8
"""In a smoothed mask, which has many values, two that differ by no more than this are one, such as 254 and 255."""


def fix_named(text: str) -> Fix:
    """A fix from its name, with its value where it needs one.

    Args:
        text: NAME or NAME=VALUE, with a name of `FIXES`.

    Raises:
        OptionError: the value is not of the form that the fix expects.
        UnknownNameError: there is no such fix.
    """
    name, _, value = text.partition("=")
    if name not in FIXES:
        raise UnknownNameError("fix", name, FIXES)
    return FIXES[name](value)


def turned(labels: NDArray[Any], turn: str) -> NDArray[Any]:
    """Turn labels, see `TURNS`.

    Raises:
        UnknownNameError: there is no such turn.

    >>> turned(np.array([[1, 2]]), "transpose").tolist()
    [[1], [2]]
    """
    if turn not in TURNS:
        raise UnknownNameError("turn", turn, TURNS)
    return np.ascontiguousarray(TURNS[turn](labels))


def shifted(sample: RawSample, rows: int, columns: int) -> RawSample:
    """Move the labels; what no label is known for, at the edge, is marked as not annotated."""
    labels, valid = np.zeros_like(sample.labels), np.zeros(sample.labels.shape, bool)
    (to_y, from_y), (to_x, from_x) = (_overlap(n, by) for n, by in zip(labels.shape, (rows, columns), strict=True))
    labels[to_y, to_x] = sample.labels[from_y, from_x]
    valid[to_y, to_x] = True
    return replace(sample, labels=labels, valid=valid if sample.valid is None else valid & sample.valid)


def _overlap(n: int, by: int) -> tuple[slice, slice]:
    """Where the samples of an axis of length n go when moved, and where they come from."""
    return slice(max(by, 0), max(n + min(by, 0), 0)), slice(max(-by, 0), max(n - max(by, 0), 0))


def revalued(labels: NDArray[Any], new: dict[int, int]) -> NDArray[Any]:
    """Replace values, all at once.

    >>> revalued(np.array([0, 1, 255]), {255: 1, 1: 2}).tolist()
    [0, 2, 1]
    """
    result = labels.astype(np.int64)
    for old, value in new.items():
        result[labels == old] = value
    return result


def snapped(labels: NDArray[Any]) -> NDArray[Any]:
    """Undo smoothing: replace the values that only occur in thin lines.

    A mask of two values is cut in the middle between them; of more, the nearest pixel with one of them decides.

    >>> snapped(np.repeat([[0, 0, 0, 30, 128, 220, 255, 255, 255]], 3, axis=0))[0].tolist()
    [0, 0, 0, 0, 255, 255, 255, 255, 255]
    """
    thin = thin_values([labels])
    if not thin:
        return labels
    values = _main_values(labels, thin)
    if len(values) == 2:
        low, high = values.tolist()
        return np.asarray(np.where(labels.astype(np.int64) - low >= (high - low) / 2, high, low))
    return _filled(labels, np.isin(labels, values))


def _main_values(labels: NDArray[Any], thin: Sequence[int]) -> NDArray[Any]:
    """Values that are no product of smoothing, ascending: not thin, and not all but equal to another.

    Of values that are all but equal 0 and 255 count, which masks have, else the most frequent.
    """
    found, counts = np.unique(labels[~np.isin(labels, thin)], return_counts=True)
    order = np.lexsort((-counts, ~np.isin(found, (0, 255))))
    main: list[int] = []
    for value in found[order].tolist():
        if all(abs(value - other) > ROUNDED for other in main):
            main.append(value)
    return np.array(sorted(main))


def _filled(labels: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[Any]:
    """Give every pixel that is not good the value of the nearest good one."""
    nearest = ndimage.distance_transform_edt(~good, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)])


def split(labels: NDArray[Any]) -> NDArray[Any]:
    """Give every piece of an id but its largest an id of its own.

    >>> split(np.array([[4, 4, 0, 4, 0, 7]])).tolist()
    [[4, 4, 0, 8, 0, 7]]
    """
    pieces = label_regions(labels.astype(np.int64), connectivity=2, background=0)
    sizes = np.bincount(pieces.ravel())
    owners = np.zeros(len(sizes), np.int64)
    owners[pieces] = labels
    result, free = labels.astype(np.int64), int(labels.max()) + 1
    order = np.argsort(-sizes, kind="stable")
    seen = {0}
    for piece in order.tolist():
        if piece == 0:
            continue
        if int(owners[piece]) in seen:
            result[pieces == piece] = free
            free += 1
        seen.add(int(owners[piece]))
    return result


def without_specks(labels: NDArray[Any], fewest_px: int) -> NDArray[Any]:
    """Give pieces above 0 with fewer pixels than this the value of the nearest other pixel.

    >>> without_specks(np.array([[0, 0, 5, 0]]), 2).tolist()
    [[0, 0, 0, 0]]
    """
    pieces = label_regions(labels.astype(np.int64), connectivity=2, background=0)
    small = np.bincount(pieces.ravel()) < fewest_px
    small[0] = False
    speck = small[pieces]
    return _filled(labels, ~speck) if speck.any() and not speck.all() else labels


def grey(image: Image) -> Image:
    """The mean of red, green and blue; images of another number of channels come back as they are."""
    if image.channels not in (3, 4):
        return image
    mean = image.array[:3].mean(axis=0, keepdims=True)
    whole = image.array.dtype.kind in "iu"
    return Image((np.rint(mean) if whole else mean).astype(image.array.dtype), image.pixel_size_um)


def rescaled(sample: RawSample, pixel_um: float) -> RawSample:
    """Rescale image, labels and mask to square pixels of a size; labels take the nearest value.

    Raises:
        DataError: the pixel size of the image is not known.
    """
    old = sample.image.pixel_size_um
    if old is None:
        raise DataError(
            f"{sample.source or sample.name} has no pixel size: expected one in the file, to rescale by it."
        )
    factors = [size / pixel_um for size in old[-2:]]
    size = tuple(max(1, round(n * f)) for n, f in zip(sample.labels.shape, factors, strict=True))
    if size == sample.labels.shape:
        return sample
    array = sample.image.array
    smaller = min(factors) < 1
    planes = [resize(channel, size, order=1, preserve_range=True, anti_aliasing=smaller) for channel in array]
    pixels = np.rint(planes) if array.dtype.kind in "iu" else np.stack(planes)
    return replace(
        sample,
        image=Image(pixels.astype(array.dtype), (pixel_um, pixel_um), sample.image.channel_names),
        labels=_nearest(sample.labels, size),
        valid=None if sample.valid is None else _nearest(sample.valid, size),
    )


def _nearest(plane: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    rows, columns = (((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip(size, plane.shape, strict=True))
    return plane[np.ix_(rows, columns)]


def _on_labels(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Fix:
    return lambda sample: replace(sample, labels=change(sample.labels))


def _refuse(name: str, expected: str, value: str) -> NoReturn:
    raise OptionError(f"the fix {name!r} expects {expected}, got {value!r}")


def _alone(name: str, fix: Fix) -> Callable[[str], Fix]:
    """A fix that takes no value."""

    def make(value: str) -> Fix:
        return _refuse(name, "no value", value) if value else fix

    return make


def _turn(value: str) -> Fix:
    if value not in TURNS:
        raise UnknownNameError("turn", value, TURNS)
    return _on_labels(lambda labels: turned(labels, value))


def _shift(value: str) -> Fix:
    try:
        rows, columns = (int(part) for part in value.split(","))
    except ValueError:
        _refuse("shift", "ROWS,COLUMNS such as 3,-4", value)
    return lambda sample: shifted(sample, rows, columns)


def _values(value: str) -> Fix:
    try:
        new = {int(old): int(value) for old, value in (pair.split(":") for pair in value.split(","))}
    except ValueError:
        _refuse("values", "OLD:NEW pairs such as 255:1,128:2", value)
    return _on_labels(lambda labels: revalued(labels, new))


def _specks(value: str) -> Fix:
    if not value.isdecimal():
        _refuse("specks", "a number of pixels such as 10", value)
    return _on_labels(lambda labels: without_specks(labels, int(value)))


def _pixel_size(value: str) -> Fix:
    try:
        size = float(value)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        _refuse("pixel-size", "micrometres above 0 such as 0.5", value)
    return lambda sample: rescaled(sample, size)


FIXES: dict[str, Callable[[str], Fix]] = {
    "turn": _turn,
    "shift": _shift,
    "values": _values,
    "snap": _alone("snap", _on_labels(snapped)),
    "split": _alone("split", _on_labels(split)),
    "specks": _specks,
    "grey": _alone("grey", lambda sample: replace(sample, image=grey(sample.image))),
    "pixel-size": _pixel_size,
}
"""Makes a fix from its value, by name."""
