from pathlib import Path

import pytest

from overtile.core.atomic import rename_folder
from overtile.core.errors import OutputExistsError, OvertileError


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_a_finished_folder_gets_its_name(tmp_path: Path) -> None:
    rename_folder(folder(tmp_path / ".new", "new"), tmp_path / "deep" / "a")
    assert (tmp_path / "deep" / "a" / "file").read_text() == "new"


def test_a_folder_is_replaced_only_when_that_is_allowed(tmp_path: Path) -> None:
    old, new = folder(tmp_path / "a", "old"), folder(tmp_path / ".new", "new")

    with pytest.raises(OutputExistsError, match=r"a exists already"):
        rename_folder(new, old)
    assert (old / "file").read_text() == "old"

    rename_folder(new, old, overwrite=True)
    assert (old / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_in_the_way_is_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("file")
    rename_folder(folder(tmp_path / ".new", "new"), tmp_path / "a", overwrite=True)
    assert (tmp_path / "a" / "file").read_text() == "new"


def test_what_was_there_comes_back_when_the_new_folder_is_missing(tmp_path: Path) -> None:
    old = folder(tmp_path / "a", "old")

    with pytest.raises(OvertileError, match=r"cannot write .*a: .*Choose an output folder"):
        rename_folder(tmp_path / "missing", old, overwrite=True)

    assert (old / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
