"""Which predicted label image belongs to which true one, and what the truth can judge."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overtile.core import DataError
from overtile.data import find_images
from overtile.data.file_names import by_key, label_key
from overtile.workflows.predict import output_names

CHALLENGE_TRUTH = re.compile(r"man_(?P<kind>seg|track)_?(?P<frame>\d{3,4})(?:_(?P<plane>\d{3,4}))?")
CHALLENGE_RESULT = re.compile(r"mask(\d{3,4})")

JUDGES = {
    "seg": (
        "seg",
        "only SEG is measured, as the Cell Tracking Challenge outlines some of the cells only; if all are outlined, "
        "--task instances measures everything",
    ),
    "track": ("det", "only DET is measured, as the labels are the markers of the Cell Tracking Challenge"),
}
"""What each kind of truth of the Cell Tracking Challenge can judge, and why no more."""


@dataclass(frozen=True)
class Pair:
    """A true and a predicted label image.

    Attributes:
        name: of the image.
        truth: file of the true labels.
        prediction: file of the predicted ones.
        plane: of the predicted stack that the truth is of; None where sizes agree.
    """

    name: str
    truth: Path
    prediction: Path
    plane: int | None = None

    @property
    def part(self) -> Any:
        """Index of what the truth is of in the prediction."""
        return ... if self.plane is None else self.plane


@dataclass(frozen=True)
class Paired:
    """All pairs of two folders.

    Attributes:
        pairs: in the order of the names.
        metrics: the only ones that the truth can judge; empty for all.
        note: why, in words; empty with `metrics`.
    """

    pairs: tuple[Pair, ...]
    metrics: tuple[str, ...] = ()
    note: str = ""


def pair_files(labels: str | Path, predictions: str | Path) -> Paired:
    """Pair label images by their name without suffix, or those of the Cell Tracking Challenge by their frame.

    In the challenge 01_RES/mask007.tif belongs to 01_GT/SEG/man_seg007.tif and to 01_GT/TRA/man_track007.tif; its
    plane 4 belongs to man_seg_007_004.tif. The pair is called t007 (t007_z004), as the frame is. Frames without truth
    are left out, as the challenge's own programs do.

    Raises:
        DataError: a true label image has no prediction, or two files share a name.
    """
    truths, proposals = find_images(labels), find_images(predictions)
    if all(CHALLENGE_TRUTH.fullmatch(path.stem) for path in truths):
        return _of_challenge(truths, proposals, predictions)
    known, found = _by_name(truths), _by_name(proposals)
    if set(known) - set(found):  # other tools add _masks, _pred, ... to the name
        known, found = by_key(truths, label_key), by_key(proposals, label_key)
    missing = sorted(set(known) - set(found))
    if missing:
        raise DataError(
            f"{len(missing)} of {len(known)} label images have no prediction, such as {missing[0]!r}: expected a file of "
            f"that name in {predictions}"
        )
    return Paired(tuple(Pair(name, path, found[name]) for name, path in known.items()))


def _of_challenge(truths: Iterable[Path], proposals: Iterable[Path], folder: str | Path) -> Paired:
    """Pair by frames; all truths are of one kind."""
    masks = {int(match[1]): path for path in proposals if (match := CHALLENGE_RESULT.fullmatch(path.stem))}
    pairs, kinds = [], set()
    for path in truths:
        match = CHALLENGE_TRUTH.fullmatch(path.stem)
        if match is None or int(match["frame"]) not in masks:
            frame = path.stem if match is None else match["frame"]
            raise DataError(f"{path} has no prediction: expected a file mask{frame}.tif in {folder}")
        plane = match["plane"]
        name = f"t{match['frame']}" + ("" if plane is None else f"_z{plane}")
        pairs.append(Pair(name, path, masks[int(match["frame"])], None if plane is None else int(plane)))
        kinds.add(match["kind"])
    if len(kinds) != 1:
        raise DataError("the folder of labels holds outlines (man_seg) and markers (man_track): evaluate one of them")
    metric, note = JUDGES[kinds.pop()]
    return Paired(tuple(pairs), (metric,), note)


def _by_name(paths: Iterable[Path]) -> dict[str, Path]:
    files = list(paths)
    return dict(zip(output_names(files), files, strict=True))
