"""Training as it is typed: plans, folds, learning curves, suggestions, and what goes wrong on the way."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest

import overtile as api
from overtile.data import write_dataset

TINY = ["--set", "patch_px=32", "--set", "arguments.base_width=4", "--set", "arguments.depth=2"]
QUICK = ["--steps", "3", "--no-smoke-test", "--device", "cpu", *TINY]


@pytest.fixture(scope="module")
def membranes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "membranes"
    write_dataset(folder, "membranes", 4, seed=1, size=64)
    return folder


def test_a_plan_is_printed_with_reasons_and_reproduced_from_its_file(overtile, membranes, tmp_path):
    options = ["--steps", 3, "--set", "batch=2", "--set", "arguments.base_width=4"]
    shown = overtile("train", membranes, "-o", "m.overtile", "--plan-only", *options)
    assert shown.code == 0, shown.text
    assert "patches of 64 px, 2 per step, because the images have about 64 px" in shown.text
    assert "batch 2 as you chose" in shown.text
    assert not (tmp_path / "m.overtile").exists()
    plan = tomllib.loads((tmp_path / "m.plan.toml").read_text())
    assert (plan["recipe"]["patch_px"], plan["recipe"]["batch"], plan["run"]["steps"]) == (64, 2, 3)
    assert overtile("train", membranes, "-o", "m.overtile", "--plan-only").code == 2  # the plan exists
    for name, by in (("a", ["--plan", "m.plan.toml"]), ("b", options)):
        run = overtile("train", membranes, "-o", f"{name}.overtile", "--no-smoke-test", *by)
        assert run.code == 0, run.text
    a, b = (api.load(f"{name}.overtile").manifest for name in "ab")
    assert a.training["losses"] == b.training["losses"]
    changed = overtile(
        "train", membranes, "-o", "c.overtile", "--no-smoke-test", "--plan", "m.plan.toml", "--steps", 1, *TINY
    )
    assert changed.code == 0, changed.text
    assert api.load("c.overtile").manifest.arguments["base_width"] == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[run]\nsteps = 1\n", "expected the tables [run] and [recipe]"),
        ("[recipe]\nbatch = 0\n", "the recipe's batch cannot be 0"),
        ("[recipe]\nbach = 1\n", "did you mean 'batch'"),
        ("[recipe]\nbatch = 1\n[run]\nspeed = 3\n", "got run.speed"),
        ("[recipe]\nbatch = 1\n[run]\nprecision = 'float8'\n", "got run.precision"),
        ("[recipe\n", "cannot be read"),
    ],
)
def test_a_plan_that_is_none_is_refused(overtile, membranes, tmp_path, content, message):
    (tmp_path / "p.toml").write_text(content)
    run = overtile("train", membranes, "-o", "m.overtile", "--plan", "p.toml")
    assert run.code == 2
    assert message in run.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 2, "--fold", "0/2"], "--fold and --folds exclude one another"),
        (["--learning-curve", "--no-validate"], "--learning-curve and --no-validate exclude one another"),
        (["--folds", 2, "--keep", "all"], "--keep expects ensemble or best, got 'all'"),
        (["--plan", "p.toml", "--recipe", "paper"], "--plan and --recipe exclude one another"),
        (["--set", "batch=3", "--set", "accumulate=2"], "a batch of 3 cannot be shared by 1 process(es) in 2 piece(s)"),
        (["--set", "chosen=1"], "unknown setting of a recipe 'chosen'"),
    ],
)
def test_options_that_make_no_sense_are_refused(overtile, membranes, options, message):
    run = overtile("train", membranes, "-o", "m.overtile", *QUICK, *options)
    assert run.code == 2
    assert message in run.text


def test_folds_become_an_ensemble_that_predicts_and_suggests(overtile, membranes, tmp_path):
    run = overtile("train", membranes, "-o", "m.overtile", "--folds", 2, "--tensorboard", "board", *QUICK)
    assert run.code == 0, run.text
    assert "held out, all 4 images: dice" in run.text
    assert "The model is the mean of 4 networks: predictions take 4 times as long" in run.text
    assert len(list((tmp_path / "board").glob("fold-*/events*"))) == 4
    assert "4 x unet" in overtile("info", "m.overtile").text
    predicted = overtile("predict", "-m", "m.overtile", "-i", membranes / "images", "-o", "out")
    assert predicted.code == 0, predicted.text
    assert "the mean of 4 networks is predicted" in predicted.text
    asked = overtile("suggest", "m.overtile", "-i", membranes / "images", "-o", "next", "-n", 2)
    assert asked.code == 0, asked.text
    assert "4 image(s) by the disagreement of 4 networks" in asked.text
    assert len((tmp_path / "next" / "regions.csv").read_text().splitlines()) == 3


def test_a_learning_curve_says_what_more_images_would_bring(overtile, membranes, tmp_path):
    run = overtile("train", membranes, "-o", "m.overtile", "--learning-curve", *QUICK)
    assert run.code == 0, run.text
    found = json.loads((tmp_path / "m.learning-curve.json").read_text())
    assert [point["images"] for point in found["points"]] == [1, 2, 3]
    assert "Doubling from 3 to 6 training images" in run.text
    assert found["outlook"] in (tmp_path / "m.learning-curve.html").read_text()
    assert api.load("m.overtile").manifest.training["steps"] == 3


def test_training_goes_on_after_kill_9_at_any_step(overtile, membranes, tmp_path):
    options = [*TINY, "--steps", "20", "--no-smoke-test", "--device", "cpu"]
    assert overtile("train", membranes, "-o", "whole.overtile", *options).code == 0
    script = (
        "import sys, functools; from overtile.workflows import train; from overtile.cli.main import main; "
        "train._settings = (lambda f: lambda *a, **k: __import__('dataclasses').replace("
        "f(*a, **k), checkpoint_every_s=0.0))(train._settings); main()"
    )
    command = [sys.executable, "-c", script, "train", str(membranes), "-o", "m.overtile", *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint, rng = tmp_path / "m.overtile.checkpoint", np.random.default_rng()
    deadline = time.monotonic() + 100
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(float(rng.uniform(0, 0.3)))  # wherever it is by then, also within a write
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() or (tmp_path / "m.overtile").exists()
    if checkpoint.exists():
        resumed = overtile("train", membranes, "-o", "m.overtile", "--resume", *options)
        assert resumed.code == 0, resumed.text
    whole, again = (api.load(f"{name}.overtile").manifest.training for name in ("whole", "m"))
    assert again["losses"] == whole["losses"]
    assert [v["score"] for v in again["validations"]] == [v["score"] for v in whole["validations"]]


def test_a_full_disk_at_the_end_is_named_and_leaves_what_can_be_resumed(overtile, membranes, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # bytes that a file may have
    try:
        run = overtile("train", membranes, "-o", "m.overtile", *QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run.code == 2
    assert "cannot write m.overtile" in run.text
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_broken_image_among_good_ones_is_named(overtile, tmp_path):
    write_dataset(tmp_path / "data", "membranes", 5, seed=1, size=64)
    (broken,) = (tmp_path / "data" / "images").glob("*_02.*")
    broken.write_bytes(broken.read_bytes()[:200])
    run = overtile("train", "data", "-o", "m.overtile", *QUICK)
    assert run.code == 2
    assert broken.name in run.text


def test_two_processes_train_what_one_does_and_write_one_model(overtile, membranes, tmp_path):
    # Plain gradient descent: the first steps of AdamW divide rounding errors by gradients that are nearly zero.
    sgd = ["--set", "optimizer=sgd", "--set", "learning_rate=0.1", "--set", "ema=0.5", "--precision", "float32"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "overtile"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = subprocess.run(
        [*command, "train", str(membranes), "-o", "two.overtile", *QUICK, *sgd],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert both.returncode == 0, both.stderr
    assert both.stdout.count("hold out 1") == both.stdout.count("two.overtile: 3 steps") == 1
    assert overtile("train", membranes, "-o", "one.overtile", *QUICK, *sgd).code == 0
    one, two = (api.load(f"{name}.overtile", precision="float32") for name in ("one", "two"))
    assert two.manifest.training["processes"] == 2
    np.testing.assert_allclose(two.manifest.training["losses"], one.manifest.training["losses"], rtol=1e-5)
    image = api.read(membranes).samples[0].image.array
    np.testing.assert_allclose(two.probabilities(image), one.probabilities(image), atol=5e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.overtile", "two.overtile"]
