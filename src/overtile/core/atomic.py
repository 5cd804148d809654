"""Files that appear under their name only when they are complete."""

import errno
import os
import secrets
import shutil
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
    with write_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            refuse_overwrite(path, overwrite=overwrite)
            partial.replace(path)
        finally:
            if partial.exists():  # unlink would raise where the folder is a file
                partial.unlink()


def rename_folder(partial: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a finished folder its name; what had the name goes once the new one is in place.

    Raises:
        OutputExistsError: the path exists and may not be overwritten.
        OvertileError: the folder cannot be written to.
    """
    refuse_overwrite(path, overwrite=overwrite)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            partial.replace(path)
            return
        old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
        path.replace(old)
        try:
            partial.replace(path)
        except OSError:
            old.replace(path)
            raise
        shutil.rmtree(old) if old.is_dir() else old.unlink()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the system says while `path` is written into an error that names it and tells what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, OvertileError):
            raise
        if error.errno in NO_SPACE:
            raise OvertileError(
                f"no space left to write {path}. Free some space or choose another output folder."
            ) from error
        raise OvertileError(f"cannot write {path}: {error}. Choose an output folder that can be written to.") from error
