"""Which parts of an interrupted prediction are finished.

A result alone cannot say: a tile without any object leaves nothing in a Zarr store.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overtile.core.errors import OutputExistsError


class Record:
    """A file that holds what a job is, and a line for every part that is finished.

    A line is written after its part, so that a kill at any moment loses at most the work on one part.

    Args:
        path: of the file; made with its folder if it does not exist.
        job: what decides about the result; JSON values. A record of another job is refused.

    Raises:
        OutputExistsError: the file belongs to another job.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        self._path = path
        mine = json.dumps(job, sort_keys=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0)
            # A kill in the middle of a line leaves it without its end; its part is done again.
            lines = file.read().decode().split("\n")[:-1]
            if lines and lines[0] != mine:
                raise OutputExistsError(
                    f"{path.parent} holds an unfinished prediction with other settings ({_difference(lines[0], mine)}): "
                    "repeat its command to go on with it, or discard it with --overwrite (overwrite=True)"
                )
            file.truncate(len("".join(f"{line}\n" for line in lines).encode()))
            if not lines:
                file.write(f"{mine}\n".encode())
        self.finished = set(lines[1:])

    def add(self, part: str) -> None:
        """Say that a part is finished; names hold no line breaks."""
        self.finished.add(part)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{part}\n")

    def __contains__(self, part: str) -> bool:
        return part in self.finished


def job_of(path: Path) -> dict[str, Any] | None:
    """What the job of a record is; None where there is no record."""
    if not path.is_file():
        return None
    first, line_end, _ = path.read_text(encoding="utf-8").partition("\n")
    return dict(json.loads(first)) if line_end else None


def _difference(before: str, now: str) -> str:
    """Names of the settings that differ."""
    first, second = json.loads(before), json.loads(now)
    return ", ".join(sorted(name for name in {*first, *second} if first.get(name) != second.get(name)))
