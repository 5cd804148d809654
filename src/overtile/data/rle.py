"""Run lengths of a mask, as COCO stores them.

A mask is read column after column; the counts are the lengths of its runs, starting with background (0 where the first
pixel is foreground). The compressed form writes each count as a string of 6-bit characters: from the fourth count on the
difference from the count two before; groups of 5 bits from the lowest on, the sixth bit where more follow, plus 48; the
highest bit of the last group is the sign.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Count the runs of a mask (y, x).

    >>> run_lengths(np.array([[0, 1], [1, 1]], bool))
    [1, 3]
    >>> run_lengths(np.array([[1, 0]], bool))
    [0, 1, 1]
    """
    flat = mask.ravel(order="F").astype(np.int8)
    changes = np.flatnonzero(np.diff(flat, prepend=np.int8(0)))
    return [int(n) for n in np.diff(changes, prepend=0, append=flat.size)]


def mask_of_runs(counts: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Make the mask (y, x) of run lengths.

    Raises:
        FormatError: the runs do not fill the size.

    >>> mask_of_runs([1, 3], (2, 2)).astype(int).tolist()
    [[0, 1], [1, 1]]
    """
    if min(counts, default=0) < 0 or sum(counts) != size[0] * size[1]:
        raise FormatError(
            f"run lengths add up to {sum(counts)} pixels, expected {size[0]} x {size[1]}. Export them again."
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size, order="F")


def compressed(counts: Sequence[int]) -> str:
    """Write run lengths as a string.

    >>> compressed([6, 1, 40, 4, 5, 4, 5, 4, 21])
    '61X13mN000`0'
    """
    text = []
    for i, count in enumerate(counts):
        rest = count - counts[i - 2] if i > 2 else count
        while True:
            group, rest = rest & 0x1F, rest >> 5  # an arithmetic shift: -1 stays -1
            more = rest != (-1 if group & 0x10 else 0)
            text.append(chr(48 + (group | 0x20 if more else group)))
            if not more:
                break
    return "".join(text)


def decompressed(text: str) -> list[int]:
    """Read run lengths from a string.

    Raises:
        FormatError: it is no such string.

    >>> decompressed("61X13mN000`0")
    [6, 1, 40, 4, 5, 4, 5, 4, 21]
    """
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        group = ord(letter) - 48
        if not 0 <= group < 64:
            raise FormatError(f"compressed run lengths hold the letter {letter!r}. Export them again.")
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise FormatError("compressed run lengths end in the middle of a number. Export them again.")
    return counts


def read_rle(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """Make the mask (y, x) of a COCO object {"size": [height, width], "counts": list or string}.

    Raises:
        FormatError: it is no such object, or its runs do not fill the size.

    >>> read_rle({"size": [2, 2], "counts": "13"}).astype(int).tolist()
    [[0, 1], [1, 1]]
    """
    try:
        height, width = (int(n) for n in rle["size"])
        counts = rle["counts"]
        return mask_of_runs(
            decompressed(counts) if isinstance(counts, str) else [int(n) for n in counts], (height, width)
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"run lengths need 'size' and 'counts': {type(error).__name__}: {error}.") from error
