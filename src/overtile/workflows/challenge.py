"""Results as the programs of the Cell Tracking Challenge read them: mask000.tif, mask001.tif, ... and res_track.txt.

Objects are not linked from frame to frame: each is a track of its own that lives for one frame. The programs demand
that an id means one track throughout a sequence, so that no two frames share one. SEG and DET, and with them the
Cell Segmentation Benchmark, do not look at links; TRA counts every missing one.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from overtile.core import DataError, OptionError
from overtile.core.atomic import atomic_file
from overtile.instances import relabel_sequential

TRACKS = "res_track.txt"

MOST_IDS = int(np.iinfo(np.uint16).max)
"""The challenge's masks are of 16 bits."""


def frame_of(name: str) -> str:
    """Number of the frame of an image, with the digits that masks have too.

    Raises:
        DataError: the name does not end in three or four digits.

    >>> frame_of("t007")
    '007'
    """
    match = re.fullmatch(r".*?(\d{3,4})", name)
    if match is None:
        raise DataError(
            f"the image {name!r} is no frame of the Cell Tracking Challenge: expected a name such as t000.tif, that ends "
            "in the number of the frame in three or four digits"
        )
    return match[1]


def refuse_classes(label_format: str, task: str) -> None:
    """Stop where the challenge's format is asked for and a model gives classes, which have no ids.

    Raises:
        OptionError: it is so.
    """
    if label_format == "ctc" and task != "instances":
        raise OptionError(
            "the Cell Tracking Challenge wants one id per object, this model gives classes: train on object ids, or choose "
            "the format tif"
        )


def write_ctc(folder: Path, frame: str, labels: NDArray[Any], *, overwrite: bool = False) -> Path:
    """Write the objects of one frame to FOLDER/maskFRAME.tif, and their tracks to FOLDER/res_track.txt.

    Args:
        folder: of the results of one sequence, such as 01_RES.
        frame: its number, see `frame_of`.
        labels: object ids ([z], y, x); replaced by the first ids that no other frame has.
        overwrite: replace the mask of this frame, and its tracks.

    Returns:
        the mask.

    Raises:
        DataError: the sequence has more objects than ids of 16 bits.
        OutputExistsError: the mask exists and may not be replaced.
    """
    tracks = [track for track in _read_tracks(folder / TRACKS) if track[1] != int(frame)]
    numbered = relabel_sequential(labels)
    count = int(numbered.max(initial=0))
    free = np.setdiff1d(np.arange(1, MOST_IDS + 1), [track[0] for track in tracks])[:count]
    if len(free) < count:
        raise DataError(
            f"with frame {frame} the sequence has {len(tracks) + count} objects, the Cell Tracking Challenge has ids up to "
            f"{MOST_IDS}: write fewer frames into one folder"
        )
    ids = np.concatenate([[0], free]).astype(np.uint16)[numbered]
    path = folder / f"mask{frame}.tif"
    with atomic_file(path, overwrite=overwrite) as file:
        tifffile.imwrite(file, ids, photometric="minisblack", compression="zlib", metadata=None)
    new = [(int(i), int(frame), int(frame), 0) for i in free]
    with atomic_file(folder / TRACKS, overwrite=True) as file:
        file.writelines(f"{' '.join(map(str, track))}\n".encode() for track in sorted([*tracks, *new]))
    return path


def _read_tracks(path: Path) -> list[tuple[int, ...]]:
    """Label, first frame, last frame and parent of each track; none where there is no file.

    Raises:
        DataError: the file holds something else.
    """
    if not path.exists():
        return []
    try:
        tracks = [tuple(map(int, line.split())) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise DataError(f"{path} is no list of tracks ({error}): expected lines of four whole numbers") from error
    wrong = [track for track in tracks if len(track) != 4 or track[1] != track[2]]
    if wrong:
        raise DataError(
            f"{path} holds the track {wrong[0]}, which overtile did not write: expected label, frame, frame, 0. Choose "
            "another folder"
        )
    return tracks
