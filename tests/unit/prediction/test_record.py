"""The record of what is finished."""

import pytest

from overtile.core import OutputExistsError
from overtile.prediction import Record, job_of


def test_what_was_added_is_there_in_the_next_attempt(tmp_path):
    first = Record(tmp_path / "deep" / "tiles.txt", {"model": "a", "tile_px": 64})
    first.add("0:0-64")
    again = Record(tmp_path / "deep" / "tiles.txt", {"tile_px": 64, "model": "a"})
    assert "0:0-64" in again
    assert "0:64-128" not in again
    assert job_of(tmp_path / "deep" / "tiles.txt") == {"model": "a", "tile_px": 64}


def test_a_line_without_its_end_does_not_count(tmp_path):
    path = tmp_path / "tiles.txt"
    Record(path, {}).add("first")
    with path.open("a") as file:
        file.write("seco")  # killed here
    again = Record(path, {})
    assert again.finished == {"first"}
    again.add("second")
    assert Record(path, {}).finished == {"first", "second"}


def test_a_record_whose_first_line_is_torn_starts_anew(tmp_path):
    path = tmp_path / "tiles.txt"
    path.write_text('{"mod')
    assert job_of(path) is None
    assert Record(path, {"model": "a"}).finished == set()
    assert job_of(path) == {"model": "a"}


def test_another_job_is_refused_and_the_difference_named(tmp_path):
    Record(tmp_path / "tiles.txt", {"model": "a", "tta": "none"}).add("x")
    with pytest.raises(OutputExistsError, match=r"other settings \(tta\).*--overwrite"):
        Record(tmp_path / "tiles.txt", {"model": "a", "tta": "flips"})
    assert "x" in Record(tmp_path / "tiles.txt", {"model": "a", "tta": "none"})


def test_there_is_no_job_without_a_record(tmp_path):
    assert job_of(tmp_path / "tiles.txt") is None
