"""Files that appear under their name only when they are complete."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from overtile.core.errors import OutputExistsError, OvertileError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def refuse_overwrite(path: Path, *, overwrite: bool) -> None:
    """Stop before any work when a result would replace a file.

    Raises:
        OutputExistsError: the path exists and may not be overwritten.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} exists already. Choose another name, or replace it with --overwrite (overwrite=True)."
        )


@contextmanager
def atomic_file(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file in the folder of `path`; rename it to `path` when the block ends well, else remove it.

    Raises:
        OutputExistsError: the path exists and may not be overwritten.
        OvertileError: there is no space left, or the folder cannot be written to.
    """
    path = Path(path)
    refuse_overwrite(path, overwrite=overwrite)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        refuse_overwrite(path, overwrite=overwrite)
        partial.replace(path)
    except OSError as error:
        if isinstance(error, OvertileError):
            raise
        if error.errno in NO_SPACE:
            raise OvertileError(
                f"no space left to write {path}. Free some space or choose another output folder."
            ) from error
        raise OvertileError(f"cannot write {path}: {error}. Choose an output folder that can be written to.") from error
    finally:
        if partial.exists():  # unlink would raise where the folder is a file
            partial.unlink()
