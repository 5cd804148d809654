"""Results as the Cell Tracking Challenge's programs read them."""

import numpy as np
import pytest
import tifffile

from overtile.core import DataError, OptionError, OutputExistsError
from overtile.workflows.challenge import frame_of, refuse_classes, write_ctc

FIRST = np.array([[0, 7, 7, 0], [9, 0, 0, 70_000]])


def tracks(folder):
    return [tuple(map(int, line.split())) for line in (folder / "res_track.txt").read_text().splitlines()]


def test_every_object_is_a_track_of_one_frame(tmp_path):
    folder = tmp_path / "01_RES"
    path = write_ctc(folder, "000", FIRST)
    write_ctc(folder, "001", np.zeros((2, 4), int))
    write_ctc(folder, "002", FIRST[::-1])
    assert path.name == "mask000.tif"
    assert tracks(folder) == [(1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0), (4, 2, 2, 0), (5, 2, 2, 0), (6, 2, 2, 0)]
    masks = [tifffile.imread(folder / f"mask00{i}.tif") for i in range(3)]
    assert [mask.dtype for mask in masks] == [np.uint16] * 3
    assert masks[0].tolist() == [[0, 1, 1, 0], [2, 0, 0, 3]]
    assert not masks[1].any()
    assert masks[2].tolist() == [[5, 0, 0, 6], [0, 4, 4, 0]]
    assert len(list(folder.iterdir())) == 4


def test_a_frame_is_replaced_with_its_tracks(tmp_path):
    write_ctc(tmp_path, "0000", FIRST)
    write_ctc(tmp_path, "0001", FIRST)
    with pytest.raises(OutputExistsError, match=r"mask0000\.tif exists already"):
        write_ctc(tmp_path, "0000", FIRST)
    write_ctc(tmp_path, "0000", FIRST[:1], overwrite=True)
    assert tracks(tmp_path) == [(1, 0, 0, 0), (4, 1, 1, 0), (5, 1, 1, 0), (6, 1, 1, 0)]
    assert tifffile.imread(tmp_path / "mask0000.tif").tolist() == [[0, 1, 1, 0]]


def test_stacks(tmp_path):
    path = write_ctc(tmp_path, "012", np.stack([FIRST, FIRST]))
    assert tifffile.imread(path).shape == (2, 2, 4)
    assert len(tracks(tmp_path)) == 3


def test_errors(tmp_path):
    write_ctc(tmp_path, "000", np.arange(1, 65_001).reshape(250, 260))
    with pytest.raises(DataError, match=r"with frame 001 the sequence has 65536 objects, .* has ids up to 65535"):
        write_ctc(tmp_path, "001", np.arange(1, 537).reshape(1, 536))
    with pytest.raises(OptionError, match="wants one id per object, this model gives classes: train on object ids"):
        refuse_classes("ctc", "semantic")
    with pytest.raises(DataError, match=r"the image 'cells_7' is no frame of the Cell Tracking Challenge"):
        frame_of("cells_7")
    for content, message in (
        ("1 0 5 0\n", r"holds the track \(1, 0, 5, 0\), which overtile did not"),
        ("a b\n", "is no list"),
    ):
        (tmp_path / "res_track.txt").write_text(content)
        with pytest.raises(DataError, match=message):
            write_ctc(tmp_path, "003", FIRST)
