from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.data import Reading, find_pairs, load
from overtile.data.layouts.tracking import around_missing

FRAME = np.arange(400, dtype=np.uint8).reshape(20, 20)
CELLS = np.zeros((20, 20), np.uint16)
CELLS[2:5, 2:5], CELLS[2:5, 14:17] = 1, 2
MARKERS = np.zeros((20, 20), np.uint16)
MARKERS[3, 3], MARKERS[3, 15], MARKERS[16, 3] = 7, 8, 9  # the cell of marker 9 has no outline


def save(path: Path, array: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


def challenge(root: Path, *, frames: int = 3, tracks: bool = False) -> Path:
    for sequence in ("01", "02"):
        for t in range(frames):
            save(root / sequence / f"t{t:03d}.tif", FRAME)
        save(root / f"{sequence}_GT" / "SEG" / "man_seg001.tif", CELLS)
        if tracks:
            save(root / f"{sequence}_GT" / "TRA" / "man_track001.tif", MARKERS)
    return root


def test_annotated_frames_are_read_and_sequences_are_groups(tmp_path: Path) -> None:
    data = load(challenge(tmp_path))

    assert (data.layout, data.labelling.task) == ("ctc", "instances")
    assert [(s.name, s.group) for s in data.samples] == [("01_t001", "01"), ("02_t001", "02")]
    assert data.samples[0].valid is None
    assert (
        "01: 1 of 3 frames have a mask in 01_GT/SEG; the others count as not annotated and are left out" in data.notes
    )


def test_surroundings_of_cells_without_outline_are_ignored(tmp_path: Path) -> None:
    data = load(challenge(tmp_path, tracks=True))

    valid = data.samples[0].valid
    assert valid is not None
    assert not valid[16, 3]
    assert not valid[16, 7]  # 4 px away, the cells' diagonal is 4.2 px
    assert valid[16, 8]
    assert valid[:10].all()
    assert (
        "01_t001, 02_t001: tracked cells have no outline; the surroundings of their markers are ignored" in data.notes
    )


def test_a_frame_without_any_outline_is_unknown() -> None:
    valid = around_missing(CELLS * 0, MARKERS)
    assert valid is not None
    assert not valid.any()
    assert around_missing(CELLS, np.where(CELLS > 0, MARKERS, 0)) is None


def test_the_silver_truth_is_read_when_named(tmp_path: Path) -> None:
    challenge(tmp_path, tracks=True)
    for t in range(3):
        save(tmp_path / "01_ST" / "SEG" / f"man_seg{t:03d}.tif", CELLS)

    silver = load(tmp_path, labels="ST")

    assert [s.name for s in silver.samples] == ["01_t000", "01_t001", "01_t002"]
    assert all(s.valid is None for s in silver.samples)
    assert "02: the sequence has no ST, it is left out" in silver.notes
    assert "there is a silver truth of all cells, made by computer: --labels ST" in load(tmp_path).notes


def test_single_planes_of_volumes_are_read(tmp_path: Path) -> None:
    save(tmp_path / "01" / "t000.tif", np.stack([FRAME] * 6))
    save(tmp_path / "01_GT" / "SEG" / "man_seg_000_004.tif", CELLS)
    save(tmp_path / "01_GT" / "TRA" / "man_track000.tif", np.stack([MARKERS] * 6))

    (sample,) = load(tmp_path).samples

    assert sample.name == "01_t000_z004"
    assert np.array_equal(sample.image.array[0], FRAME)
    assert sample.valid is not None
    save(tmp_path / "01_GT" / "SEG" / "man_seg_000_006.tif", CELLS)
    with pytest.raises(DataError, match=r"man_seg_000_006\.tif is of plane 6, .* has 6"):
        load(tmp_path)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    challenge(tmp_path)
    with pytest.raises(DataError, match=r"has no folder NN_ST/SEG. Found the truth GT: pass --labels GT"):
        find_pairs(tmp_path, Reading(labels="ST"))
    save(tmp_path / "01_GT" / "SEG" / "man_seg007.tif", CELLS)
    with pytest.raises(DataError, match=r"man_seg007\.tif has no frame in .*01"):
        find_pairs(tmp_path)
    for sequence in ("01", "02"):
        for mask in (tmp_path / f"{sequence}_GT" / "SEG").iterdir():
            mask.unlink()
    with pytest.raises(DataError, match=r"SEG holds no mask man_segNNN\.tif"):
        find_pairs(tmp_path)
