"""Masks whose classes are colours: which colour is which class."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.atomic import atomic_file
from overtile.core.errors import DataError, FormatError

Colour = tuple[int, int, int]

IGNORE = "ignore"
"""The class of this name is no class: its pixels are not annotated."""

MOST_COLOURS = 64
"""More colours than this are no classes: the masks were smoothed, resized or saved as JPEG."""

HEADER = ("name", "r", "g", "b")

EXPECTED = "Expected lines NAME,R,G,B with R, G, B from 0 to 255, such as vessel,255,0,0"


@dataclass(frozen=True)
class Palette:
    """Colours of classes; the class in line n has the value n, from 0 on.

    Attributes:
        names: of the classes.
        colours: red, green and blue of each, 0 to 255.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    @property
    def ignore_label(self) -> int | None:
        """The value of pixels that are not annotated."""
        return next((value for value, name in enumerate(self.names) if name.lower() == IGNORE), None)

    def values(self, planes: NDArray[Any], source: str) -> NDArray[np.uint8]:
        """Turn colours (3, ...) into class values (...); a single grey plane counts as three equal ones.

        Raises:
            DataError: there is a colour that the palette does not know.

        >>> Palette(("sky", "tree"), ((0, 0, 255), (0, 255, 0))).values(np.array([[0], [255], [0]]), "a.png")
        array([1], dtype=uint8)
        """
        if len(planes) not in (1, 3):
            raise DataError(
                f"{source} has {len(planes)} channels: expected colours (red, green, blue) for the palette."
            )
        codes = _coded(planes)
        known = np.array([red << 16 | green << 8 | blue for red, green, blue in self.colours], np.int64)
        order = np.argsort(known)
        place = np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)
        values: NDArray[np.uint8] = order[place].astype(np.uint8)
        foreign = known[values] != codes
        if foreign.any():
            raise DataError(
                f"{source} holds colours that the palette does not name: {shown(count_colours(planes[:, foreign]))}. Add "
                "them, or write the palette anew with `overtile check DATA --write-palette FILE`."
            )
        return values


def _coded(planes: NDArray[Any]) -> NDArray[np.int64]:
    """One number per colour; values beyond 0 to 255 are kept apart from all colours."""
    planes = np.broadcast_to(planes, (3, *planes.shape[1:])).astype(np.int64)
    inside = ((planes >= 0) & (planes < 256)).all(axis=0)
    return np.where(inside, planes[0] << 16 | planes[1] << 8 | planes[2], -1)


def count_colours(planes: NDArray[Any]) -> dict[tuple[int, ...], int]:
    """Count the colours of planes (channel, ...), the most frequent first.

    >>> count_colours(np.array([[0, 255, 0], [0, 9, 0], [0, 0, 0]]))
    {(0, 0, 0): 2, (255, 9, 0): 1}
    """
    colours, counts = np.unique(planes.reshape(len(planes), -1).T, axis=0, return_counts=True)
    order = np.argsort(counts, kind="stable")[::-1]
    return {tuple(int(v) for v in colours[i]): int(counts[i]) for i in order}


def shown(counts: dict[tuple[int, ...], int], most: int = 8) -> str:
    """Name the most frequent colours with their share.

    >>> shown({(0, 0, 0): 3, (255, 0, 0): 1})
    '(0, 0, 0) 75.0%, (255, 0, 0) 25.0%'
    """
    total = sum(counts.values())
    return ", ".join(f"{colour} {n / total:.1%}" for colour, n in list(counts.items())[:most])


def read_palette(path: str | Path) -> Palette:
    """Read a palette from lines `name,r,g,b`; a header of these words, empty lines and lines with # are skipped.

    Raises:
        FormatError: the file is missing, or a line is no class.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot read the palette {path}: {error}. {EXPECTED}.") from error
    rows = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip() and not line.startswith("#")]
    entries = [_entry(line, f"{path}, line {n}") for n, line in rows if _cells(line) != HEADER]
    names, colours = tuple(name for name, _ in entries), tuple(colour for _, colour in entries)
    for kind, found in (("name", names), ("colour", colours)):
        twice = next((one for one in found if list(found).count(one) > 1), None)
        if twice is not None:
            raise FormatError(f"{path} has the {kind} {twice} twice. Expected each once.")
    if not 2 <= len(names) <= 256:
        raise FormatError(f"{path} names {len(names)} class(es), expected 2 to 256. {EXPECTED}.")
    return Palette(names, colours)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in next(csv.reader([line])))


def _entry(line: str, where: str) -> tuple[str, Colour]:
    name, *numbers = _cells(line)
    if not name or len(numbers) != 3 or not all(n.isdecimal() and int(n) < 256 for n in numbers):
        raise FormatError(f"{where} is {line.strip()!r}. {EXPECTED}.")
    red, green, blue = map(int, numbers)
    return name, (red, green, blue)


def proposed_palette(masks: Iterable[NDArray[Any]]) -> Palette:
    """Make a palette of all colours in masks (3, ...): black first, as background, then by frequency.

    Raises:
        DataError: there are no masks in colours, or more colours than classes can be.
    """
    total: dict[tuple[int, ...], int] = {}
    for planes in masks:
        for colour, n in count_colours(np.broadcast_to(planes, (3, *planes.shape[1:]))).items():
            total[colour] = total.get(colour, 0) + n
    if len(total) > MOST_COLOURS:
        raise DataError(
            f"the masks hold {len(total)} colours, more than classes can be ({MOST_COLOURS}): smoothing, resizing or JPEG "
            "made most of them. Export them again as PNG without smoothing."
        )
    ordered = sorted(total, key=lambda colour: (colour != (0, 0, 0), -total[colour]))
    if len(ordered) < 2:
        raise DataError(f"the masks hold {len(ordered)} colour(s): expected at least 2 for a palette.")
    names = ["background" if colour == (0, 0, 0) else f"class {i}" for i, colour in enumerate(ordered)]
    return Palette(tuple(names), tuple((r, g, b) for r, g, b in ordered))


def write_palette(path: str | Path, palette: Palette, *, overwrite: bool = False) -> None:
    """Write a palette as lines `name,r,g,b`, ready to be edited.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
        OvertileError: it cannot be written.
    """
    lines = [",".join(HEADER), *(_line(n, c) for n, c in zip(palette.names, palette.colours, strict=True))]
    with atomic_file(path, overwrite=overwrite) as file:
        file.write("\n".join([*lines, ""]).encode())


def _line(name: str, colour: Sequence[int]) -> str:
    quoted = f'"{name}"' if "," in name else name
    return ",".join([quoted, *map(str, colour)])
