"""What the command line prints: progress bars where there is a terminal, plain lines where there is none."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(highlight=False, soft_wrap=True)

PLAIN_EVERY_S = 15.0
"""Time between two lines of progress where there is no terminal."""


def say_more() -> None:
    """Print what overtile, and nothing else, has to tell while it works."""
    logging.getLogger("overtile").setLevel(logging.INFO)


class Bar:
    """Progress of one piece of work, from 0 to 1."""

    def __init__(self, title: str, progress: Progress | None) -> None:
        self.title = title
        self._progress = progress
        self._task = progress.add_task(title, total=1.0, note="") if progress else None
        self._printed = time.monotonic()
        self._first: tuple[float, float] | None = None

    def update(self, fraction: float, note: str = "") -> None:
        """Show how far the work is, with a few words."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=fraction, note=note)
            return
        now = time.monotonic()
        # What was done before, by an interrupted attempt, says nothing about the speed.
        started, before = self._first = self._first or (now, fraction)
        if now - self._printed < PLAIN_EVERY_S:
            return
        self._printed = now
        left = f", {(now - started) * (1 - fraction) / (fraction - before):.0f} s left" if fraction > before else ""
        console.print(f"{self.title} {fraction:4.0%}{left}  {note}", markup=False)
        sys.stdout.flush()


@contextmanager
def bar(title: str) -> Iterator[Bar]:
    """Show the progress of the block."""
    if not console.is_terminal:
        yield Bar(title, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=console
    ) as progress:
        yield Bar(title, progress)
