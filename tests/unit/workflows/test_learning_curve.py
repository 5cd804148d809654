"""What more images would bring."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from overtile.core import OptionError, OutputExistsError
from overtile.data import from_arrays, membranes
from overtile.report import render_learning_curve
from overtile.training import recipe_named
from overtile.workflows.learning_curve import Point, extrapolated, in_words, learning_curve
from overtile.workflows.model import load
from overtile.workflows.options import TrainOptions

TINY = recipe_named("default", patch_px=32, batch=2, arguments={"base_width": 4, "depth": 2})
OPTIONS = TrainOptions(recipe=TINY, steps=2, check_learning=False, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def images():
    made = [membranes(seed, size=48) for seed in range(5)]
    return from_arrays([image for image, _ in made], [labels for _, labels in made])


def test_every_size_is_trained_on_nested_images_and_measured_on_the_same(tmp_path, images):
    file, sizes = tmp_path / "m.overtile", []
    found = learning_curve(images, file, OPTIONS, on_size=sizes.append)
    assert sizes == [1, 2, 4] == [point.images for point in found.points]
    for smaller, larger in zip(found.points, found.points[1:], strict=False):
        assert smaller.names == larger.names[: smaller.images]
    assert not set(found.held_out) & set(found.points[-1].names)
    assert {point.steps for point in found.points} == {2}
    stored = json.loads((tmp_path / "m.learning-curve.json").read_text())
    assert stored["doubling"]["images"] == 8
    assert stored["law"]["gap"] >= 0
    assert set(load(file).manifest.training["images"]["training"]) == set(found.points[-1].names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.learning-curve.json", "m.overtile"]
    page = render_learning_curve(found, "m")
    assert found.outlook in page
    assert "<svg" in page
    with pytest.raises(OutputExistsError, match=r"m\.learning-curve\.json exists"):
        learning_curve(images, tmp_path / "m.x", OPTIONS)


def test_too_few_images_are_refused(tmp_path, images):
    with pytest.raises(OptionError, match=r"at least 3 annotated images.*here are 2"):
        learning_curve(replace(images, samples=images.samples[:2]), tmp_path / "m.overtile", OPTIONS)


def points(scores, width):
    return [
        Point(2**k, score, score - width / 2, score + width / 2, 10, tuple(map(str, range(2**k))))
        for k, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("scores", "width", "said"),
    [
        ([0.5, 0.6, 0.7, 0.78], 0.01, r"is likely to raise dice by 0\.0\d\d \(95 % interval 0\.0"),
        ([0.5, 0.6, 0.65, 0.66], 0.2, r"may bring nothing or up to 0\.\d+ in dice.*do not decide it"),
        ([0.9, 0.9, 0.9, 0.9], 0.0, r"from 8 to 16 training images of this kind is unlikely to be seen"),
    ],
)
def test_the_outlook_claims_no_more_than_the_curve_says(scores, width, said):
    curve = points(scores, width)
    doubling = extrapolated(curve, np.random.default_rng(0))
    assert doubling.images == 16
    assert doubling.low <= doubling.gain + 1e-9

    assert re.search(said, in_words("dice", curve, doubling))


def test_two_trainings_are_no_curve():
    assert "2 trainings are too few" in in_words("dice", points([0.5, 0.6], 0.1), None)
