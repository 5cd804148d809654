import math
import re

import numpy as np

from overtile.core import Normalization
from overtile.report.facts import data_facts, origin_facts, recipe_facts
from overtile.report.figures import loss_curve, score_curve, smoothed
from overtile.report.verdict import verdict


def test_data_of_a_model(evaluation, manifest):
    assert data_facts(evaluation(manifest=manifest)) == {
        "Measured on": "3 images",
        "Trained on": "2 images",
        "Best state chosen on": "1 image",
        "Channels": "1",
        "Pixel size": "0.5 x 0.25 µm",
        "Task": "a class for every pixel",
        "Classes": "background (50.0% of the pixels, label value 0); foreground (50.0% of the pixels, label value 255)",
        "Normalisation": "one offset and scale, fixed in training, for every image, so that a crop and its slide agree: "
        "(x - 120.5) / 40.2",
    }


def test_data_of_given_predictions(evaluation, example):
    facts = data_facts(evaluation(example(image=np.zeros((3, 4, 4))), task="instances"))
    assert facts == {"Measured on": "1 image", "Channels": "3", "Task": "objects, told apart"}


def test_normalisation_of_each_image(evaluation, manifest):
    each = manifest.__class__(**{**vars(manifest), "normalization": Normalization((0.0,), (1.0,), scheme="image")})
    facts = data_facts(evaluation(manifest=each))
    assert facts["Normalisation"] == "every whole image by its own mean and standard deviation"


def test_recipe_and_origin(manifest):
    recipe = recipe_facts(manifest)
    assert recipe["learning rate"] == "0.001"
    assert recipe["class balance"] == "yes"
    assert recipe["loss"] == "cross entropy 1"
    assert recipe["time"] == "10.0 min"
    assert recipe_facts(None) == {}
    assert origin_facts(manifest.training)["Machine"] == "processor a chip, cores 2, gpu none"


def test_objects_in_plain_words(evaluation):
    total = {"ap_50": {"value": 0.8}, "precision_50": {"value": 0.95}, "recall_50": {"value": 0.996}}
    found = verdict(evaluation(total=total, ranked_by="ap_50", task="instances"))
    assert found.metric == "AP (IoU 0.5)"
    assert found.score.text == "0.800"
    assert "Of 100 annotated objects 99.6 are found, and of 100 predicted objects 95 are real" in found.sentences[0]


def test_more_than_two_classes_are_averaged(evaluation):
    total = {"dice": {"value": 0.4, "per_class": {"a": {"value": 0.2}, "b": {"value": 0.4}, "c": {"value": 0.6}}}}
    found = verdict(evaluation(total=total, class_names=("a", "b", "c")))
    assert (found.metric, found.score.value) == ("Mean Dice of 3 classes", 0.4)


def test_losses_are_smoothed_by_the_median_of_neighbouring_steps():
    curve = smoothed([4.0, math.nan, 1.0, 2.0, 3.0, 5.0] + [7.0] * 5)
    assert curve.step.tolist() == [(1 + 3 + 4 + 5 + 6) / 5, 9.0]
    assert curve.median.tolist() == [3.0, 7.0]
    assert len(smoothed([1.0] * 100_000).step) == 80


def test_curves_take_their_colours_from_the_page(manifest):
    validations = manifest.training["validations"]
    loss, score = loss_curve(manifest.training["losses"], validations), score_curve(validations)
    assert "kept: 0.812 at step 100" in score
    assert "held out: cross-entropy" in loss
    for svg in (loss, score):
        assert svg.startswith('<svg viewBox="')
        assert "var(--warm)" in svg
        assert "#0" not in svg
        assert len(re.findall(r"\bid=", svg)) == len(set(re.findall(r"\bid=\"[^\"]*\"", svg)))


def test_curves_are_the_same_every_time(manifest):
    losses = manifest.training["losses"]
    assert loss_curve(losses, []) == loss_curve(losses, [])


def test_no_curve_without_history():
    assert loss_curve([], []) == ""
    assert loss_curve([math.nan], []) == ""
    assert score_curve([{"step": 1, "score": math.nan, "loss": 0.1}]) == ""
