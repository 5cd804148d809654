"""Images of one patient, as a user says it on the command line."""

import numpy as np
import pytest

import overtile as api
from overtile.core import Image
from overtile.data import write_image, write_labels

QUICK = ["--steps", "1", "--no-smoke-test", "--device", "cpu", "--set", "patch_px=32"]
QUICK += ["--set", "arguments.base_width=4", "--set", "arguments.depth=2"]
BY_NAME = ["--groups", r"patient(\d+)"]


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    """Two images each of three patients."""
    folder = tmp_path_factory.mktemp("data") / "patients"
    for i in range(6):
        array = np.random.default_rng(i).integers(0, 255, (1, 48, 48)).astype(np.uint8)
        write_image(folder / "images" / f"patient{i // 2}_{'ab'[i % 2]}.png", Image(array))
        write_labels(folder / "labels" / f"patient{i // 2}_{'ab'[i % 2]}.png", (array[0] > 128).astype(np.uint8))
    return folder


def is_one_patient(names):
    return sorted(names) in [[f"patient{n}_a", f"patient{n}_b"] for n in range(3)]


def test_every_kind_of_plan_holds_out_whole_patients(overtile, patients, tmp_path):
    for kind in ([], ["--fold", "0/5"], ["--fold", "2/5"]):
        shown = overtile("train", patients, "-o", "m.overtile", "--plan-only", "--overwrite", *BY_NAME, *QUICK, *kind)
        assert shown.code == 0, shown.text
        assert "train on 4, hold out 2: " in shown.text
        names = shown.text.split("hold out 2: ")[1].replace(",", "").split()[:2]
        assert is_one_patient(names)
        assert "6 images in 3 groups by the pattern" in shown.text
    missing = overtile("train", patients, "-o", "m.overtile", "--plan-only", "--overwrite", *BY_NAME, "--fold", "3/5")
    assert missing.code == 2
    assert "these images give folds 0 to 2" in missing.text


def test_folds_are_whole_patients_of_a_table(overtile, patients, tmp_path):
    lines = [f"patient{n}_{x}.png,{'left' if n else 'right'}" for n in range(3) for x in "ab"]
    (tmp_path / "sides.csv").write_text("\n".join(["image,group", *lines]))
    run = overtile("train", patients, "-o", "m.overtile", "--folds", 5, "--groups", "sides.csv", *QUICK)
    assert run.code == 0, run.text
    training = api.load("m.overtile").manifest.training
    held_out = sorted(sorted(fold["images"]["validation"]) for fold in training["folds"])
    assert held_out == [["patient0_a", "patient0_b"], ["patient1_a", "patient1_b", "patient2_a", "patient2_b"]]
    assert "6 images in 2 groups by sides.csv: right (2), left (4)" in training["notes"]


def test_python_takes_groups_too(patients, tmp_path):
    recipe = api.recipe("default", patch_px=32, arguments={"base_width": 4, "depth": 2})
    quick = {"recipe": recipe, "steps": 1, "device": "cpu", "check_learning": False}
    model = api.train(patients, tmp_path / "m.overtile", groups=r"patient(\d+)", **quick)
    assert is_one_patient(model.manifest.training["images"]["validation"])
    options = api.TrainOptions(**quick, groups="patient")
    with pytest.raises(api.OvertileError, match="all images are of one group, 'patient'"):
        api.learning_curve(patients, tmp_path / "c.overtile", options)
    with pytest.raises(api.OvertileError, match=r"read already: give groups to overtile\.read"):
        api.train_folds(api.read(patients), tmp_path / "f.overtile", options)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("patient", "all images are of one group, 'patient'"),
        (r"(\d+)_a", "finds no group in the names of 3 of 6 images"),
        ("(", "is neither a file .csv nor a regular expression"),
        ("none.csv", "cannot read the groups none.csv"),
    ],
)
def test_groups_that_cannot_be_used_stop_every_verb(overtile, patients, groups, message):
    verbs = [["train", patients, "-o", "m.overtile", "--plan-only"], ["compare", patients, "-o", "out"]]
    for verb in verbs:
        run = overtile(*verb, "--groups", groups)
        assert run.code == 2
        assert message in run.text
    checked = overtile("check", patients, "--groups", groups)
    assert checked.code == 1
    assert message in checked.text


def test_a_fold_is_evaluated_on_its_patients(overtile, patients):
    run = overtile("train", patients, "-o", "m.overtile", "--fold", "1/3", *BY_NAME, *QUICK)
    assert run.code == 0, run.text
    scored = overtile("evaluate", "-m", "m.overtile", patients, "--fold", "1/3", *BY_NAME, "--json", "s.json")
    assert scored.code == 0, scored.text
    of_training = api.load("m.overtile").manifest.training["images"]["validation"]
    found = api.evaluate(api.load("m.overtile"), patients, groups=BY_NAME[1], fold=(1, 3))
    assert {example.name for example in found.examples} == set(of_training)
