"""Which prediction belongs to which truth."""

import numpy as np
import pytest
import tifffile

from overtile.core import DataError
from overtile.workflows.evaluate import evaluate_predictions
from overtile.workflows.pairing import pair_files

CELLS = np.zeros((20, 30), np.uint16)
CELLS[2:8, 2:8], CELLS[10:18, 3:12], CELLS[4:9, 20:28] = 3, 5, 9


def write(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, labels, photometric="minisblack")


@pytest.fixture
def challenge(tmp_path):
    """Two frames of results; the gold truth outlines one cell of the first."""
    for frame in range(2):
        write(tmp_path / "01_RES" / f"mask{frame:03d}.tif", np.roll(CELLS, frame, axis=1))
    (tmp_path / "01_RES" / "res_track.txt").write_text("3 0 1 0\n5 0 1 0\n9 0 1 0\n")
    outlined = np.where(CELLS == 5, 1, 0).astype(np.uint16)
    outlined[17] = 0
    write(tmp_path / "01_GT" / "SEG" / "man_seg000.tif", outlined)
    markers = np.zeros_like(CELLS)
    markers[4, 4], markers[12, 6], markers[6, 24], markers[19, 29] = 1, 2, 3, 4
    write(tmp_path / "01_GT" / "TRA" / "man_track000.tif", markers)
    return tmp_path


def test_only_what_is_outlined_counts_for_seg(challenge):
    found = evaluate_predictions(challenge / "01_RES", challenge / "01_GT" / "SEG")
    assert set(found.images) == {"t000"}
    assert set(found.total) == {"seg"}
    assert found.total["seg"]["value"] == pytest.approx(63 / 72)  # 7 of the 8 rows of a cell of 9 columns
    assert found.ranked_by == "seg"
    assert any("only SEG is measured" in note for note in found.notes)


def test_markers_judge_by_det(challenge):
    found = evaluate_predictions(challenge / "01_RES", challenge / "01_GT" / "TRA")
    assert set(found.total) == {"det"}
    assert found.total["det"]["value"] == pytest.approx(1 - 10 / 40)  # one of four markers is missed


def test_all_metrics_where_the_user_says_that_all_cells_are_outlined(challenge):
    found = evaluate_predictions(challenge / "01_RES", challenge / "01_GT" / "SEG", task="instances")
    assert found.total["ap_50"]["value"] == pytest.approx(1 / 3)


def test_a_plane_of_a_stack(tmp_path):
    stack = np.stack([np.zeros_like(CELLS), CELLS, np.roll(CELLS, 3)])
    write(tmp_path / "res" / "mask0007.tif", stack)
    write(tmp_path / "seg" / "man_seg_0007_0001.tif", CELLS)
    (pair,) = pair_files(tmp_path / "seg", tmp_path / "res").pairs
    assert (pair.name, pair.plane) == ("t0007_z0001", 1)
    found = evaluate_predictions(tmp_path / "res", tmp_path / "seg")
    assert found.total["seg"]["value"] == 1


def test_names_of_other_tools_still_pair(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "labels" / f"{name}_masks.tif", CELLS)
        write(tmp_path / "found" / f"{name}.tif", CELLS)
    paired = pair_files(tmp_path / "labels", tmp_path / "found")
    assert [pair.name for pair in paired.pairs] == ["a", "b"]
    assert paired.metrics == ()


def test_errors(challenge):
    write(challenge / "01_GT" / "SEG" / "man_seg005.tif", CELLS)
    with pytest.raises(DataError, match=r"man_seg005\.tif has no prediction: expected a file mask005\.tif in .*01_RES"):
        pair_files(challenge / "01_GT" / "SEG", challenge / "01_RES")
    write(challenge / "mixed" / "man_seg000.tif", CELLS)
    write(challenge / "mixed" / "man_track000.tif", CELLS)
    with pytest.raises(DataError, match=r"holds outlines \(man_seg\) and markers \(man_track\): evaluate one of them"):
        pair_files(challenge / "mixed", challenge / "01_RES")
    write(challenge / "labels" / "x.tif", CELLS)
    with pytest.raises(DataError, match="1 of 1 label images have no prediction, such as 'x'"):
        pair_files(challenge / "labels", challenge / "01_RES")
