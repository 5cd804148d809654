"""What the checks share: naming images, showing a place, the command that mends."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from overtile.data.finding import Region

MOST_SHOWN = 3
"""Places shown of one finding."""

SMALLEST_VIEW_PX = 96
"""A place is shown with at least so much of its surroundings."""


@dataclass(frozen=True)
class Commands:
    """The folder that is checked, as a command names it.

    Attributes:
        folder: as the user typed it.
        reading: options of the command line that say how the folder is read, each after a space.
        meaning: those that only a training takes: what the labels mean, which images belong together.
    """

    folder: str
    reading: str = ""
    meaning: str = ""

    def mend(self, *fixes: str, only: Sequence[str] = (), leave_out: Sequence[str] = ()) -> str:
        """The command that writes a mended copy.

        >>> Commands("cells").mend("shift=3,-4", only=["a b"])
        "overtile mend cells -o cells-mended --fix shift=3,-4 --only 'a b'"
        """
        output = shlex.quote(f"{self.folder.rstrip('/')}-mended")
        chosen = "".join(f" --fix {shlex.quote(fix)}" for fix in fixes)
        names = "".join(
            f" {option} {shlex.quote(','.join(some))}"
            for option, some in (("--only", only), ("--leave-out", leave_out))
            if some
        )
        return f"overtile mend {shlex.quote(self.folder)} -o {output}{chosen}{names}{self.reading}"

    def check(self, more: str) -> str:
        """The command that checks once more, with other options.

        >>> Commands("cells", " --labels masks").check("--write-palette palette.csv")
        'overtile check cells --write-palette palette.csv --labels masks'
        """
        return f"overtile check {shlex.quote(self.folder)} {more}{self.reading}"

    @property
    def train(self) -> str:
        """The command that trains on the folder."""
        return f"overtile train {shlex.quote(self.folder)} -o NAME.overtile{self.reading}{self.meaning}"


def shown(names: Iterable[str]) -> str:
    """A few names, and how many more there are.

    >>> shown("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def region_around(
    sample: str, size: tuple[int, ...], rows: tuple[int, int], columns: tuple[int, int], label: int | None = None
) -> Region:
    """A place with its surroundings, half its own size on each side, within the image.

    Args:
        sample: name of the image.
        size: rows and columns of the image.
        rows: first row, and the one after the last.
        columns: likewise.
        label: the object that is meant.

    >>> region_around("a", (200, 1000), (0, 100), (500, 700))
    Region(sample='a', top=0, left=400, height=200, width=400, label=None)
    """
    (top, height), (left, width) = (
        _widened(first, after, n) for (first, after), n in zip((rows, columns), size, strict=True)
    )
    return Region(sample, top, left, height, width, label)


def _widened(first: int, after: int, n: int) -> tuple[int, int]:
    length = min(n, max(SMALLEST_VIEW_PX, 2 * (after - first)))
    start = min(max(0, (first + after - length) // 2), n - length)
    return start, length


def whole(sample: str, size: tuple[int, ...]) -> Region:
    """All of an image."""
    return Region(sample, 0, 0, size[0], size[1])
