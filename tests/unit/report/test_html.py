import base64
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overtile.core import OutputExistsError
from overtile.metrics import METRICS
from overtile.report import render, write_report
from overtile.report.glossary import GLOSSARY


def pictures(page: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_the_page_says_how_good_the_model_is_and_on_what(evaluation, manifest, tmp_path):
    write_report(evaluation(manifest=manifest, notes=("only 3 images",)), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Foreground Dice <strong>0.876</strong> [0.856, 0.896] on 3 new images" in page
    assert "Of 100 pixels 5.2 have the wrong label." in page
    assert "<li>only 3 images</li>" in page
    for text in ("Pixel error", "0.052", "[0.040, 0.060]", "Best image", "Median image", "Worst image"):
        assert text in page
    for text in (
        "overtile train cells -o cells.overtile",
        "torch 2.13.0",
        "a chip",
        "one image is held out",
        "10.0 min",
    ):
        assert text in page
    assert len(pictures(page)) == 12
    assert page.count("<svg") == 2


def test_an_unknown_metric_is_shown_without_explanation(evaluation):
    page = render(evaluation())
    assert "my_score" in page
    assert "0.123" in page
    assert "<dt>my_score" not in page
    assert "<dt>Pixel error" in page


def test_names_are_escaped(evaluation, example):
    page = render(evaluation(example("<script>alert(1)</script>"), notes=("<b>&</b>",), provenance={"model": "<i>x"}))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<li>&lt;b&gt;&amp;&lt;/b&gt;</li>" in page
    assert "<h1>&lt;i&gt;x</h1>" in page


def test_the_page_needs_no_network(evaluation, manifest):
    page = render(evaluation(manifest=manifest))
    assert not re.search(r"https?:|//[a-z]|@import|url\(\s*['\"]?(?!#)|<script|<link", page)


def test_an_existing_file_is_kept_unless_allowed(evaluation, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"report\.html exists already"):
        write_report(evaluation(), path)
    assert path.read_text() == "mine"
    write_report(evaluation(), path, overwrite=True)
    assert path.read_text().startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_predictions_from_elsewhere_have_no_training(evaluation, example):
    page = render(evaluation(example(role="given", image=None)))
    assert "Predictions from elsewhere" in page
    assert "on 1 annotated image<" in page
    assert "whether their method has seen these images is not known" in page
    assert "<h2>Training</h2>" not in page
    assert "<h2>Recipe</h2>" not in page
    assert len(pictures(page)) == 3


def test_training_images_are_named_as_such(evaluation, example):
    page = render(evaluation(example("a", role="training"), example("b", role="new"), example("c", role="training")))
    assert "on 3 images: 2 training, 1 new" in page
    assert '<li class="warn"><b>2 training</b>' in page


def test_an_image_without_a_score_is_shown(evaluation, example):
    nothing = {"dice": {"value": None, "low": None, "high": None, "per_class": {"foreground": {"value": math.nan}}}}
    page = render(evaluation(example(score=math.nan), total=nothing, images={"a": nothing}))
    assert "Without a score" in page
    assert "Foreground Dice <strong>-</strong>" in page
    assert "nan" not in re.sub(r"base64,[^\"]+", "", page)


def test_an_evaluation_of_nothing_still_is_a_page(evaluation):
    page = render(evaluation(total={}, images={}, examples=()))
    assert "on 0 images" in page
    assert not pictures(page)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels(evaluation, example, channels):
    image = np.random.default_rng(0).normal(size=(channels, 4, 4)).astype(np.float32)
    image[0, 0, 0] = math.nan
    first = pictures(render(evaluation(example(image=image))))[0]
    assert first.size == (4, 4)
    assert first.mode == ("L" if channels == 1 else "RGB")


def test_many_classes_and_many_images(evaluation, example):
    names = tuple(f"kind {n}" for n in range(40))
    truth = np.arange(48).reshape(6, 8) % 40
    shown = tuple(
        example(f"image {n}", n / 300, image=None, truth=truth, prediction=truth, valid=truth > 0) for n in range(300)
    )
    page = render(evaluation(*shown, class_names=names))
    assert page.count('<tr><th scope="row" title="image ') == 300
    assert "kind 39" in page
    assert "striped: not counted" in page


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_stays_small_even_for_noise(evaluation, example, channels, tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (channels, 1000, 1000), np.uint8)
    labels = rng.integers(0, 2, (1000, 1000))
    shown = [example(n, 0.5, image=noise, truth=labels, prediction=labels.T, valid=labels >= 0) for n in "abc"]
    write_report(evaluation(*shown), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3e6


def test_a_name_that_is_no_text_is_shown_with_escapes(evaluation, example, tmp_path):
    write_report(evaluation(example("a\udcff")), tmp_path / "report.html")
    assert "a\\udcff" in (tmp_path / "report.html").read_text()


def test_every_metric_is_explained():
    assert set(METRICS) == set(GLOSSARY)
