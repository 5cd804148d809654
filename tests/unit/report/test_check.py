"""The page of a check: complete, self-contained, with pictures of what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from overtile.core import Image, OutputExistsError
from overtile.data import Finding, Findings, Region, Sample, check, write_dataset, write_image, write_labels
from overtile.report import render_check, write_check
from overtile.report.check import file_rows, folder_facts, shown_findings, size_histogram
from overtile.report.outlined import outline_colours, view_of
from overtile.report.overlays import EXTRA, MISSED


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("data") / "<cells> & co"
    write_dataset(folder, "cells", 3, size=96)
    write_labels(folder / "labels" / "cells_01.png", np.zeros((96, 96), np.uint8), overwrite=True)
    return check(folder)


def test_the_page_says_everything_and_needs_nothing(cells: Findings) -> None:
    page = render_check(cells)
    assert "&lt;cells&gt; &amp; co" in page
    assert "<cells>" not in page
    assert "Ready to train" in page
    assert "1 of 3 images hold a single class" in page
    assert "overtile mend " in page
    assert "--leave-out cells_01" in page
    assert page.count('src="data:image/png;base64,') == 4  # the empty image, and three in the gallery
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")
    for i in range(3):
        assert f"cells_0{i}.png" in page


def test_errors_come_with_pictures_of_the_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        write_image(tmp_path / "images" / f"{name}.png", Image(rng.integers(0, 255, (1, 40, 50)).astype(np.uint8)))
        write_labels(tmp_path / "labels" / f"{name}.png", np.eye(40, 50, dtype=np.uint8))
    Picture.fromarray(rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)).save(tmp_path / "labels" / "a.png")
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    page = render_check(check(tmp_path))
    assert '<strong class="bad">2 errors</strong> would stop the training' in page
    assert "image: a.png, 40 x 50" in page
    assert "labels: a.png, 40 x 50" in page
    assert "labels: b.png, 40 x 50" in page
    assert "image: b.png" not in page
    assert "Next" not in page


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    page = render_check(check(tmp_path / "absent"))
    assert "1 error" in page
    assert "is no folder" in page


def test_the_file_is_written_once(cells: Findings, tmp_path: Path) -> None:
    write_check(cells, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    with pytest.raises(OutputExistsError, match=r"page\.html exists"):
        write_check(cells, tmp_path / "page.html")
    write_check(cells, tmp_path / "page.html", overwrite=True)


def test_pictures_are_few(cells: Findings) -> None:
    region = Region("cells_00", 0, 0, 20, 20)
    many = [Finding("note", str(i), "alike", kind=f"kind {i // 10}", regions=(region,)) for i in range(100)]
    shown = shown_findings(Findings("x", tuple(many), cells.summary, cells.samples))
    assert [len(one.findings) for one in shown] == [10] * 10
    assert [len(one.views) for one in shown] == [6] * 5 + [0] * 5


def test_rows_and_facts(cells: Findings) -> None:
    assert cells.summary is not None
    rows = file_rows(cells.summary)
    assert [row.name for row in rows] == ["cells_00", "cells_01", "cells_02"]
    assert rows[0].title == "cells_00.png + cells_00.png"
    assert rows[1].objects == ("0", "-", "-")
    assert rows[1].shares == ("100.0%", "0.0%")
    assert 0 <= rows[0].bar[0] < rows[0].bar[0] + rows[0].bar[1] <= 100 + 1e-9
    facts = folder_facts(cells.summary)
    assert facts["Sizes"] == "3 of 96 x 96 px (rows x columns)"
    assert facts["Pixel size"] == "not known"
    assert size_histogram(cells).startswith("<svg")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., NDArray[Any]]:
    """The colours of a view."""
    kept = {}
    monkeypatch.setattr(
        "overtile.report.outlined.indexed_png",
        lambda indices, palette: kept.update(colours=np.array(palette)[indices]) or "data:",
    )

    def draw(labels: NDArray[Any], region: Region, valid: Any = None, channels: int = 1) -> NDArray[Any]:
        image = np.tile(np.arange(labels.size, dtype=np.uint8).reshape(labels.shape), (channels, 1, 1))
        sample = Sample("a", Image(image), labels.astype(np.int32), valid)
        view_of(sample, region, classes=2, longest_px=6)
        return kept["colours"]

    return draw


def test_outlines_and_the_object_that_is_meant(drawn: Callable[..., NDArray[Any]]) -> None:
    labels = np.zeros((6, 6), int)
    labels[1:5, 1:3] = 1
    labels[1:5, 3:5] = 2
    every = drawn(labels, Region("a", 0, 0, 6, 6))
    assert (every[1, 1:5] == EXTRA).all()
    assert not (every[0] == EXTRA).all(axis=1).any()
    one = drawn(labels, Region("a", 0, 0, 6, 6, label=2))
    assert (one[1, 3] == EXTRA).all()
    assert (one[1, 1] == MISSED).all()


def test_small_parts_are_enlarged(drawn: Callable[..., NDArray[Any]]) -> None:
    labels = np.arange(16).reshape(4, 4)
    assert drawn(labels, Region("a", 1, 1, 2, 2)).shape == (6, 6, 3)
    assert drawn(labels, Region("a", 0, 0, 4, 4), np.zeros((4, 4), bool), channels=3).shape == (4, 4, 3)


def test_classes_have_colours_of_their_own() -> None:
    assert outline_colours(2) == [EXTRA]
    for classes in (3, 5, 12):
        assert len(set(outline_colours(classes))) == classes - 1
