"""Images that belong together because the user says so: by a pattern in their names, or by a table."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from overtile.core.atomic import atomic_file
from overtile.core.errors import DataError, FormatError, OptionError
from overtile.data.file_names import stem_of
from overtile.data.layouts import Layout, Pair
from overtile.data.layouts.folders import GROUPS_FILE

COLUMNS = ("image", "group")

EXPECTED = "Expected a header image,group and a line NAME,GROUP for each image"

DELIMITERS = ",;\t"
"""Spreadsheets write a semicolon where the comma is the decimal mark."""

MOST_SHOWN = 6


def with_groups(layout: Layout, folder: str | Path, groups: str | Path | None = None) -> Layout:
    """Give every image of a folder the group that the user says; planes of a stack get that of their file.

    Args:
        layout: the images.
        folder: where they lie.
        groups: a file .csv with the columns image (a name with or without suffix) and group; or a regular expression
            that is found in the name of every image, its parenthesised parts or else all it matches being the group.
            None for FOLDER/groups.csv; without that file, all stays as it is.

    Returns:
        The layout with groups, and notes that name them.

    Raises:
        OptionError: the pattern is no regular expression.
        FormatError: the table cannot be read, lacks a column, or puts an image into two groups.
        DataError: an image has no group.
    """
    own = Path(folder) / GROUPS_FILE
    if groups is None and not own.is_file():
        return layout
    said = own if groups is None else groups
    if str(said).lower().endswith(".csv"):
        pairs, notes = _by_table(layout.pairs, Path(said))
    else:
        pairs, notes = _by_pattern(layout.pairs, str(said))
    if groups is not None and own.is_file() and Path(groups).absolute() != own.absolute():
        notes = (*notes, f"{GROUPS_FILE} is not used, as --groups says otherwise")
    return replace(layout, pairs=pairs, notes=(*layout.notes, *notes), grouped=True)


def group_of(pair: Pair, pattern: re.Pattern[str]) -> str:
    r"""Find the group in the name of an image, or else in that of its file; empty where there is none.

    >>> pair = Pair("patient7_slice12", Path("patient7_slice12_raw.tif"), Path(), tuple)
    >>> [group_of(pair, re.compile(p)) for p in (r"patient(\d+)", r"p\w+t7", r"t(\d)_s\w+?(\d+)", r"x*", "_raw")]
    ['7', 'patient7', '7-12', '', '_raw']
    """
    match = pattern.search(pair.name) or pattern.search(pair.image.name)
    if match is None:
        return ""
    return "-".join(part for part in match.groups() if part) if match.groups() else match[0]


def _by_pattern(pairs: tuple[Pair, ...], text: str) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise OptionError(
            f"--groups '{text}' is neither a file .csv nor a regular expression: {error}. Expected one such as "
            r"'patient(\d+)', whose parenthesised part is the group"
        ) from error
    names = [group_of(pair, pattern) for pair in pairs]
    without = [pair.name for pair, name in zip(pairs, names, strict=True) if not name]
    if without:
        raise DataError(
            f"the pattern --groups '{text}' finds no group in the names of {len(without)} of {len(pairs)} images, such as "
            f"{without[0]!r}. Correct it, or list images and groups in a file .csv and pass that."
        )
    return _grouped(pairs, names), (_note(names, f"the pattern '{text}'"),)


def _by_table(pairs: tuple[Pair, ...], path: Path) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    table = read_groups(path)
    rows = [[name for name in _names(pair) if name in table] for pair in pairs]
    without = [pair.image.name for pair, found in zip(pairs, rows, strict=True) if not found]
    if without:
        raise DataError(
            f"{path} has no group for {len(without)} of {len(pairs)} images, such as {without[0]!r}. {EXPECTED}."
        )
    for found in rows:
        _refuse_two({name: table[name] for name in found}, path)
    names = [table[found[0]] for found in rows]
    foreign = sorted(table.keys() - {name for found in rows for name in found})
    left = f"{path.name} names {len(foreign)} image(s) that are not here, such as {', '.join(foreign[:1])}"
    return _grouped(pairs, names), (_note(names, path.name), *([left] if foreign else []))


def read_groups(path: Path) -> dict[str, str]:
    """Read a table of groups: name of an image -> its group. Rows without a group are left out, other columns too.

    Raises:
        FormatError: the file cannot be read, lacks a column, or puts an image into two groups.
    """
    table: dict[str, str] = {}
    try:
        for image, group in _rows(path):
            if table.setdefault(image, group) != group:
                _refuse_two({image: table[image], f"{image} again": group}, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"cannot read the groups {path}: {error}. {EXPECTED}.") from error
    return table


def write_groups(folder: Path, groups: Mapping[str, str], *, overwrite: bool = False) -> None:
    """Write FOLDER/groups.csv where some images, but not all, belong together; rows that it has already stay.

    Args:
        folder: of annotated images.
        groups: name of an image -> its group.
        overwrite: whether the file may be replaced.

    Raises:
        OutputExistsError: it exists and may not be replaced.
    """
    if not 1 < len(set(groups.values())) < len(groups):
        return
    path = folder / GROUPS_FILE
    before = read_groups(path) if overwrite and path.is_file() else {}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *{**before, **groups}.items()])
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(text.getvalue().encode())


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    header = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=max(DELIMITERS, key=header.count))
    column = {name.strip().lower(): name for name in rows.fieldnames or ()}
    missing = [name for name in COLUMNS if name not in column]
    if missing:
        raise FormatError(f"{path} has no column {' and no '.join(missing)}: its first line is {header!r}. {EXPECTED}.")
    for row in rows:
        image, group = ((row[column[name]] or "").strip() for name in COLUMNS)
        if image and group:
            yield image, group


def _refuse_two(groups: Mapping[str, str], path: Path) -> None:
    """Raise where the rows of one image name different groups."""
    if len(set(groups.values())) > 1:
        said = ", ".join(f"{name} in {group!r}" for name, group in groups.items())
        raise FormatError(f"{path} puts an image into two groups: {said}. {EXPECTED}.")


def _names(pair: Pair) -> tuple[str, ...]:
    """What a table may call an image."""
    return (pair.name, pair.image.name, stem_of(pair.image))


def _grouped(pairs: tuple[Pair, ...], names: list[str]) -> tuple[Pair, ...]:
    return tuple(replace(pair, group=name) for pair, name in zip(pairs, names, strict=True))


def _note(names: list[str], source: str) -> str:
    """Say which groups there are: too fine or too coarse a pattern shows here.

    >>> _note(["7", "8", "7"], "groups.csv")
    '3 images in 2 groups by groups.csv: 7 (2), 8 (1)'
    """
    sizes = Counter(names)
    shown = ", ".join(f"{name} ({n})" for name, n in list(sizes.items())[:MOST_SHOWN])
    more = f" and {len(sizes) - MOST_SHOWN} more" if len(sizes) > MOST_SHOWN else ""
    return f"{len(names)} images in {len(sizes)} groups by {source}: {shown}{more}"
