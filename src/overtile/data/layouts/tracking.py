"""Cell Tracking Challenge: frames DATA/01/t000.tif with masks DATA/01_GT/SEG/man_seg000.tif.

The gold truth (GT) outlines few cells exactly, the silver truth (ST) all of them by computer. The markers in
01_GT/TRA say which cells there are.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data.axes import slices
from overtile.data.formats import read_image, read_labels
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.reading import Reading

TRUTHS = ("GT", "ST")


def find_tracking(root: Path, reading: Reading) -> Layout | None:
    """Find sequences with a truth; frames without mask are left out, since most are not annotated.

    Raises:
        DataError: there is no such truth, or masks have no frame.
    """
    sequences = sorted(path for path in root.iterdir() if path.is_dir() and re.fullmatch(r"\d\d", path.name))
    truth = reading.labels or TRUTHS[0]
    annotated = [path for path in sequences if (root / f"{path.name}_{truth}" / "SEG").is_dir()]
    others = [t for t in TRUTHS if any((root / f"{path.name}_{t}" / "SEG").is_dir() for path in sequences)]
    if not annotated and not others:
        return None
    if not annotated:
        raise DataError(
            f"{root} has no folder NN_{truth}/SEG. Found the truth {' and '.join(others)}: pass --labels {others[0]}."
        )
    pairs: list[Pair] = []
    notes = [f"{path.name}: the sequence has no {truth}, it is left out" for path in sequences if path not in annotated]
    for sequence in annotated:
        found, frames = _sequence(root, sequence, truth)
        pairs += found
        if len(found) < frames:
            notes.append(
                f"{sequence.name}: {len(found)} of {frames} frames have a mask in {sequence.name}_{truth}/SEG; the "
                "others count as not annotated and are left out"
            )
    if truth == "GT" and "ST" in others:
        notes.append("there is a silver truth of all cells, made by computer: --labels ST")
    return Layout("ctc", tuple(pairs), tuple(notes), Meaning(objects=True))


def _sequence(root: Path, sequence: Path, truth: str) -> tuple[list[Pair], int]:
    """The annotated frames of a sequence, and how many frames it has."""
    frames = {int(m[1]): path for path in sequence.iterdir() if (m := re.fullmatch(r"t(\d{3,4})\.tif", path.name))}
    folder, pairs = root / f"{sequence.name}_{truth}" / "SEG", []
    for mask in sorted(folder.glob("man_seg*.tif")):
        match = re.fullmatch(r"man_seg_?(\d{3,4})(?:_(\d{3,4}))?\.tif", mask.name)
        if match is None or int(match[1]) not in frames:
            raise DataError(f"{mask} has no frame in {sequence}. Expected a name such as man_seg000.tif with t000.tif.")
        frame = frames[int(match[1])]
        plane = None if match[2] is None else int(match[2])
        markers = root / f"{sequence.name}_GT" / "TRA" / f"man_track{match[1]}.tif" if truth == "GT" else None
        name = f"{sequence.name}_{frame.stem}" + ("" if plane is None else f"_z{plane:03d}")
        pairs.append(Pair(name, frame, mask, partial(_read, frame, mask, markers, plane), group=sequence.name))
    if not pairs:
        raise DataError(f"{folder} holds no mask man_segNNN.tif. Copy the truth of the challenge again.")
    return pairs, len(frames)


def _read(frame: Path, mask: Path, markers: Path | None, plane: int | None) -> tuple[Image, Annotation]:
    image, labels = read_image(frame), read_labels(mask, image=frame)
    tracked = read_labels(markers, image=frame) if markers is not None and markers.is_file() else None
    if labels.ndim == 3 and image.array.shape == labels.shape:
        image = Image(image.array[np.newaxis], image.pixel_size_um)
    if plane is not None:
        planes = slices(image)
        if plane >= len(planes):
            raise DataError(f"{mask} is of plane {plane}, {frame} has {len(planes)}. Copy both again.")
        image = planes[plane]
        tracked = tracked[plane] if tracked is not None and tracked.ndim == 3 else tracked
    if tracked is None or tracked.shape != labels.shape:
        return image, Annotation(labels)
    valid = around_missing(labels, tracked)
    note = "tracked cells have no outline; the surroundings of their markers are ignored"
    return image, Annotation(labels, valid, notes=() if valid is None else (note,))


def around_missing(labels: NDArray[Any], markers: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Pixels that a cell without outline may cover: False within the size of a cell of its marker.

    The size is the median diagonal of the bounding boxes of the outlined cells; outlined cells stay valid.

    Args:
        labels: ids of the outlined cells ([z], y, x).
        markers: ids of all cells, in small spots within them.

    Returns:
        None where every marker lies in an outline.

    >>> around_missing(np.array([[1, 1, 0, 0, 0, 0]]), np.array([[7, 0, 0, 0, 0, 9]]))
    array([[ True,  True,  True, False, False, False]])
    """
    covered = np.unique(markers[labels > 0])
    missing = (markers > 0) & ~np.isin(markers, covered)
    if not missing.any():
        return None
    boxes = [box for box in find_objects(labels.astype(np.int32)) if box is not None]
    if not boxes:
        return np.zeros(labels.shape, bool)
    sizes = [np.hypot(*(s.stop - s.start for s in box[-2:])) for box in boxes]
    near = distance_transform_edt(~missing) <= float(np.median(sizes))
    return np.asarray((labels > 0) | ~near)
