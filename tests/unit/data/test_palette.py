from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError, OutputExistsError
from overtile.data import Palette, find_palette, load, read_palette, write_palette
from overtile.data.palette import proposed_palette

BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 255, 0)
PALETTE = Palette(("background", "vessel, fine", "ignore"), (BLACK, RED, GREEN))


def masks_in(root: Path, classes: NDArray[np.int64], colours: NDArray[np.uint8]) -> Path:
    for name in ("images", "masks"):
        (root / name).mkdir(exist_ok=True)
    PIL.Image.fromarray(np.arange(classes.size, dtype=np.uint8).reshape(classes.shape)).save(root / "images" / "a.png")
    PIL.Image.fromarray(colours[classes]).save(root / "masks" / "a.png")
    return root


def test_colours_become_classes_and_ignore_is_left_out(tmp_path: Path) -> None:
    classes = np.zeros((8, 8), np.int64)
    classes[:3], classes[6:] = 1, 2
    masks_in(tmp_path, classes, np.array(PALETTE.colours, np.uint8))
    write_palette(tmp_path / "colours.csv", PALETTE)

    data = load(tmp_path, palette=tmp_path / "colours.csv")

    assert data.labelling.class_names == ("background", "vessel, fine")
    assert data.samples[0].labels.tolist() == np.where(classes == 1, 1, 0).tolist()
    assert data.samples[0].valid is not None
    assert np.array_equal(data.samples[0].valid, classes != 2)
    assert "75.0% of the pixels count; the others are ignored in training and scores" in data.notes


def test_without_palette_the_message_says_how_to_write_one(tmp_path: Path) -> None:
    masks_in(tmp_path, np.eye(8, dtype=np.int64), np.array([BLACK, RED], np.uint8))
    with pytest.raises(DataError, match=r"\(0, 0, 0\) 87.5%, \(255, 0, 0\) 12.5%.*--write-palette colours.csv"):
        load(tmp_path)


def test_a_palette_is_proposed_from_the_masks(tmp_path: Path) -> None:
    classes = np.zeros((8, 8), np.int64)
    classes[:3], classes[6:] = 1, 2
    found = find_palette(masks_in(tmp_path, classes, np.array([GREEN, RED, BLACK], np.uint8)))

    assert found == Palette(("background", "class 1", "class 2"), (BLACK, RED, GREEN))
    write_palette(tmp_path / "c.csv", found)
    assert (tmp_path / "c.csv").read_text().splitlines()[:2] == ["name,r,g,b", "background,0,0,0"]
    assert read_palette(tmp_path / "c.csv") == found
    with pytest.raises(OutputExistsError, match="exists already"):
        write_palette(tmp_path / "c.csv", found)


def test_folders_that_need_no_palette(tmp_path: Path) -> None:
    masks_in(tmp_path, np.eye(8, dtype=np.int64), np.array([(0, 0, 0), (9, 9, 9)], np.uint8))
    with pytest.raises(DataError, match="hold numbers, no colours"):
        find_palette(tmp_path)
    outlined = tmp_path / "qupath"
    outlined.mkdir()
    PIL.Image.fromarray(np.zeros((4, 4), np.uint8)).save(outlined / "a.png")
    (outlined / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(DataError, match="has the layout geojson, whose labels are no pictures"):
        find_palette(outlined)
    with pytest.raises(DataError, match="has the layout geojson, whose labels are no colours: leave out --palette"):
        load(outlined, palette=PALETTE)


def test_masks_of_two_channels_are_no_colours(tmp_path: Path) -> None:
    masks_in(tmp_path, np.eye(8, dtype=np.int64), np.array([BLACK, RED], np.uint8))
    np.save(tmp_path / "masks" / "b.npy", np.zeros((2, 2, 8, 8), np.uint8))
    np.save(tmp_path / "images" / "b.npy", np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match=r"b\.npy is no picture of red, green and blue"):
        find_palette(tmp_path)


def test_foreign_colours_are_named() -> None:
    with pytest.raises(DataError, match=r"a\.png holds colours that the palette does not name: \(9, 8, 7\) 100.0%"):
        PALETTE.values(np.array([[9, 0], [8, 0], [7, 0]]), "a.png")
    with pytest.raises(DataError, match="has 2 channels: expected colours"):
        PALETTE.values(np.zeros((2, 3, 3)), "a.png")
    assert PALETTE.values(np.zeros((1, 2), np.uint8), "grey.png").tolist() == [0, 0]
    with pytest.raises(DataError, match="does not name"):
        PALETTE.values(np.full((3, 1), 300), "deep.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1,2\nb,0,0,0", r"line 1 is 'a,1,2'\. Expected lines NAME,R,G,B"),
        ("# comment\n\na,1,2,3\nb,0,0,256", "line 4 is 'b,0,0,256'"),
        ("a,1,2,3", r"names 1 class\(es\), expected 2 to 256"),
        ("a,1,2,3\na,4,5,6", "has the name a twice"),
        ("a,1,2,3\nb,1,2,3", r"has the colour \(1, 2, 3\) twice"),
    ],
)
def test_mistakes_in_a_palette_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_palette(tmp_path / "c.csv")


def test_missing_palettes_and_too_many_colours(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read the palette .*c\.csv"):
        read_palette(tmp_path / "c.csv")
    with pytest.raises(DataError, match=r"hold 100 colours, more than classes can be \(64\)"):
        proposed_palette([np.stack([np.arange(100)] * 3)])
    with pytest.raises(DataError, match=r"hold 1 colour\(s\): expected at least 2"):
        proposed_palette([np.zeros((3, 2, 2), np.uint8)])
