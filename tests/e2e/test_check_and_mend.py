"""overtile check, the page it writes, and the command that it prints, typed as it stands."""

import json
import shlex

import numpy as np
import pytest

from overtile.data import membranes, read_labels, write_dataset, write_labels


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path / "my data", "membranes", 4, size=128)
    return tmp_path / "my data"


def test_what_check_finds_is_mended_by_what_it_prints(overtile, data, tmp_path):
    for path in (data / "labels").iterdir():
        write_labels(path, read_labels(path).T, overwrite=True)
    checked = overtile("check", "my data", "--report", "page.html", "--json", "check.json")
    assert checked.code == 0
    assert "the labels fit the image clearly better after the turn 'transpose', in all images" in checked.text
    command = "mend 'my data' -o 'my data-mended' --fix turn=transpose"
    assert f"-> overtile {command}" in checked.text
    found = json.loads((tmp_path / "check.json").read_text())
    assert [one["command"] for one in found["findings"] if one["kind"] == "turned-labels"] == [f"overtile {command}"]
    assert "turn=transpose" in (tmp_path / "page.html").read_text()

    mended = overtile(*shlex.split(command))
    assert mended.code == 0
    assert "4 images, 4 of them changed" in mended.text
    again = overtile("check", "my data-mended")
    assert "warning" not in again.text
    np.testing.assert_array_equal(
        read_labels(tmp_path / "my data-mended" / "labels" / "membranes_02.tif"), membranes(2, size=128)[1]
    )


def test_long_messages_are_shown_whole_and_alike_ones_once(overtile, data):
    for path in (data / "labels").iterdir():
        labels = read_labels(path)
        write_labels(path, labels[:100], overwrite=True)
    write_dataset(data, "membranes", 8, size=128, seed=1, overwrite=True)
    for path in (data / "labels").iterdir():
        write_labels(path, read_labels(path)[:100], overwrite=True)
    run = overtile("check", data)
    assert run.code == 1
    assert run.text.count("the image has size (128, 128), its labels (100, 128)") == 5
    assert "and 3 more like these" in run.text
    assert run.text.count("Export the labels at the size of the image, without resizing or cropping.") == 1


def test_results_are_not_overwritten_and_refusals_come_first(overtile, data, tmp_path):
    (tmp_path / "page.html").write_text("precious")
    run = overtile("check", data, "--report", "page.html")
    assert run.code == 2
    assert "page.html exists" in run.text
    assert (tmp_path / "page.html").read_text() == "precious"
    run = overtile("mend", data, "-o", "out")
    assert run.code == 2
    assert "nothing to mend" in run.text
    run = overtile("mend", data, "-o", data, "--fix", "split")
    assert run.code == 2
    assert "is not empty" in run.text
