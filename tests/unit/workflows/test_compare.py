"""A comparison: one protocol, runs that are kept, numbers that can be repeated."""

import json
import re
import shlex
import sys
from dataclasses import asdict, replace

import pytest
import typer

from overtile.bundle import load
from overtile.cli.compare import split_changes
from overtile.cli.main import make_app
from overtile.core import OptionError, OutputExistsError, TrainingError, UnknownNameError
from overtile.data import write_dataset
from overtile.models import build, summary
from overtile.report import render_comparison, write_comparison
from overtile.report.compare import reading
from overtile.training import checkpoint_path
from overtile.workflows.compare import Comparison, compare
from overtile.workflows.compare_run import Run, Task, in_own_process, peak_memory_bytes, perform
from overtile.workflows.protocol import Protocol
from overtile.workflows.train import train

TINY = {"unet": {"arguments": {"base_width": 2, "depth": 2}}, "residual_unet": {"arguments": {"base_width": 2}}}
PROTOCOL = Protocol(folds=2, steps=2, changes={"patch_px": 32}, own_changes=TINY)
PAIR = ["unet", "residual_unet"]
SCORES = {"unet-0": 0.5, "unet-1": 0.75, "residual_unet-0": 0.5625, "residual_unet-1": 0.625}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "membranes"
    write_dataset(folder, "membranes", 6, seed=3, size=48)
    return folder


def made_up(task, **changes):
    """A result that nothing was trained for."""
    given = {
        "architecture": task.architecture,
        "fold": task.fold,
        "changes": task.protocol.own_changes.get(task.architecture, {}),
        "metric": "dice",
        "score": SCORES[task.name],
        "scores": {"dice": SCORES[task.name], "v_rand": None},
        "images": ("a", "b", "c"),
        "steps": 2,
        "training_s": 10.0 + task.fold,
        "seconds_per_megapixel": 0.5 if task.architecture == "unet" else 0.25,
        "peak_memory_bytes": 2**30 * (1 + task.fold),
        "peak_gpu_bytes": None,
        "precision": "float32",
        "command": task.protocol.train_command(task.data, task.architecture, (task.fold, task.protocol.folds)),
        "provenance": {"date": "2026", "machine": {"cores": 2}},
    }
    return Run(**(given | changes))


class Launcher:
    """Stands in for the processes; writes down what it was asked to do."""

    def __init__(self, **changes):
        self.asked, self.changes = [], changes

    def __call__(self, task, listener):
        listener(0.5, "half")
        self.asked.append(task.name)
        task.result.write_text(json.dumps(asdict(made_up(task, **self.changes))))


def test_all_networks_run_on_the_same_folds_and_the_best_comes_first(data, tmp_path):
    launch, planned, told = Launcher(), [], []
    found = compare(
        data, tmp_path / "out", PROTOCOL, architectures=PAIR, launch=launch, on_plan=planned.extend,
        on_progress=lambda share, note: told.append((share, note)),
    )  # fmt: skip
    assert launch.asked == ["unet-0", "residual_unet-0", "unet-1", "residual_unet-1"]
    assert [task.name for task in planned] == launch.asked
    assert told == [((n + 0.5) / 4, f"{a}, fold {k}: half") for n, (a, k) in
                    enumerate([("unet", 0), ("residual_unet", 0), ("unet", 1), ("residual_unet", 1)])]  # fmt: skip
    unet, residual = found.contenders
    assert (unet.architecture, unet.score, unet.training_s) == ("unet", 0.625, 10.5)
    assert unet.spread == pytest.approx(0.25 / 2**0.5)  # of 0.5 and 0.75, divided by n - 1
    assert (residual.score, residual.seconds_per_megapixel) == (0.59375, 0.25)
    assert residual.peak_memory_bytes == 2 * 2**30
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert stored["contenders"][0]["score"] == 0.625
    assert stored["images"] == 6
    assert [run["fold"] for run in stored["contenders"][1]["runs"]] == [0, 1]


def test_costs_are_those_of_the_networks(data, tmp_path):
    found = compare(data, tmp_path / "out", PROTOCOL, architectures=["unet"], launch=Launcher())
    row = found.contenders[0]
    assert row.arguments["base_width"] == 2
    assert row.input_size == (256, 256)
    cost = summary(build("unet", 1, 2, **row.arguments), (256, 256))
    assert (row.parameters, row.multiply_adds, row.tile_exact) == (cost.parameters, cost.multiply_adds, True)


def test_finished_runs_are_kept_and_architectures_can_be_added(data, tmp_path):
    compare(data, tmp_path / "out", PROTOCOL, architectures=["unet"], launch=Launcher())
    (tmp_path / "out" / "runs" / "unet-1.json").unlink()
    launch = Launcher()
    found = compare(data, tmp_path / "out", PROTOCOL, architectures=PAIR, launch=launch)
    assert launch.asked == ["residual_unet-0", "unet-1", "residual_unet-1"]
    assert len(found.contenders) == 2


def test_results_of_something_else_are_not_touched(data, tmp_path):
    compare(data, tmp_path / "out", PROTOCOL, architectures=["unet"], launch=Launcher())
    changed = replace(PROTOCOL, steps=3, seed=1)
    with pytest.raises(OutputExistsError, match=r"a comparison with other settings \(seed, steps\)"):
        compare(data, tmp_path / "out", changed, architectures=["unet"], launch=Launcher())
    wider = replace(PROTOCOL, own_changes={"unet": {"arguments": {"base_width": 4, "depth": 2}}})
    with pytest.raises(OutputExistsError, match=r"unet-0.json was made with the settings .*'base_width': 2"):
        compare(data, tmp_path / "out", wider, architectures=["unet"], launch=Launcher())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(OutputExistsError, match="mine exists already and holds no comparison"):
        compare(data, tmp_path / "mine", PROTOCOL, architectures=["unet"], launch=Launcher())


@pytest.mark.parametrize(
    ("architectures", "protocol", "error", "message"),
    [
        ([], PROTOCOL, OptionError, "expected architectures to compare, each one once, got none"),
        (["unet", "unet"], PROTOCOL, OptionError, "each one once, got unet, unet"),
        (["unett"], PROTOCOL, UnknownNameError, "unknown architecture 'unett': did you mean 'unet'"),
        (["unet"], replace(PROTOCOL, own_changes={"vnet": {}}), UnknownNameError, "unknown architecture 'vnet'"),
        (["unet"], replace(PROTOCOL, budget="1m"), OptionError, r"either a time budget \(1m\) or .* steps \(2\), not both"),
        (["unet"], replace(PROTOCOL, steps=None, budget="soon"), OptionError, "'soon' is no time budget"),
        (["unet"], replace(PROTOCOL, recipe="fast"), UnknownNameError, "unknown recipe 'fast'"),
        (
            ["mobile_unet"],
            replace(PROTOCOL, changes={"arguments": {"base_width": 8}}),
            UnknownNameError,
            "unknown argument of mobile_unet 'base_width'",
        ),
    ],
)  # fmt: skip
def test_mistakes_show_before_anything_is_trained(data, tmp_path, architectures, protocol, error, message):
    launch = Launcher()
    with pytest.raises(error, match=message):
        compare(data, tmp_path / "out", protocol, architectures=architectures, launch=launch)
    assert launch.asked == []
    assert not (tmp_path / "out").exists()


def test_a_run_trains_measures_and_leaves_no_model(data, tmp_path):
    run = perform(Task(str(data), tmp_path, "unet", 1, PROTOCOL))
    assert (run.steps, run.metric, len(run.images)) == (2, "dice", 3)
    assert run.scores["dice"] == run.score
    assert run.seconds_per_megapixel > 0
    assert run.peak_memory_bytes > 50 * 2**20
    assert list(tmp_path.iterdir()) == []
    kept = perform(Task(str(data), tmp_path, "unet", 1, PROTOCOL, keep_model=True))
    assert kept.score == run.score  # the same steps and seed
    assert load(tmp_path / "unet-1.overtile").manifest.training["fold"] == [1, 2]


def test_an_interrupted_run_goes_on_where_it_was(data, tmp_path):
    class PowerCutError(Exception):
        pass

    def cut(_progress):
        raise PowerCutError

    task = Task(str(data), tmp_path, "unet", 0, replace(PROTOCOL, steps=3))
    with pytest.raises(PowerCutError):
        train(
            task.protocol.read(str(data)), tmp_path / "unet-0.overtile", recipe=task.protocol.recipe_of("unet"),
            steps=3, fold=(0, 2), checkpoint_every_s=0.0, on_progress=cut,
        )  # fmt: skip
    assert checkpoint_path(tmp_path / "unet-0.overtile").is_file()
    told = []
    run = perform(task, lambda _share, note: told.append(note))
    assert [note.partition(",")[0] for note in told] == ["step 2", "step 3", "measuring"]
    assert run.steps == 3


def test_a_failing_process_is_reported_with_its_own_words(tmp_path):
    task = Task(str(tmp_path / "absent"), tmp_path, "unet", 0, PROTOCOL)
    with pytest.raises(TrainingError, match=r"unet-0 failed: .*absent"):
        in_own_process(task, lambda _share, _note: None)
    assert (tmp_path / "unet-0.log").is_file()


def test_a_task_survives_the_way_to_its_process(tmp_path):
    task = Task("cells", tmp_path, "unet", 1, replace(PROTOCOL, ignore_label=255, labels="gt"), keep_model=True)
    assert Task.from_json(task.to_json()) == task
    assert task.result == tmp_path / "unet-1.json"


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Put a shell script in the place of Python."""

    def make(script):
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))
        return Task("cells", tmp_path, "unet", 0, PROTOCOL)

    return make


def test_an_interruption_ends_the_process(program):
    task = program('echo \'{"fraction": 0.5, "note": "half"}\'\nexec sleep 1000')

    def interrupt(share, note):
        assert (share, note) == (0.5, "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_own_process(task, interrupt)  # returns only when the process has ended


def test_a_killed_process_is_told_from_a_failed_one(program, tmp_path):
    with pytest.raises(TrainingError, match=r"unet-0 failed: the system stopped it \(signal 9\)"):
        in_own_process(program("kill -9 $$"), print)
    with pytest.raises(TrainingError, match=r"unet-0 failed: ValueError: no. See .*unet-0.log"):
        in_own_process(program("echo Traceback >&2; echo ValueError: no >&2; exit 1"), print)
    in_own_process(program("echo a warning >&2"), print)
    assert (tmp_path / "unet-0.log").read_text() == "a warning\n"


def test_memory_is_not_made_up_where_the_system_does_not_tell(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("VmPeak:\t 4096 kB\nVmHWM:\t    2048 kB\n")
    assert peak_memory_bytes(status) == 2 * 2**20
    assert peak_memory_bytes(tmp_path / "absent") > 50 * 2**20  # as on macOS
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert peak_memory_bytes(tmp_path / "absent") is None


def parsed(verb, words):
    return typer.main.get_command(make_app()).commands[verb].make_context(verb, words).params


def test_the_printed_commands_say_the_same_again(data, tmp_path):
    protocol = replace(
        PROTOCOL, seed=7, task="semantic", ignore_label=9, labels="a b", changes={"patch_px": 32, "loss": {"focal": 1.0}}
    )  # fmt: skip
    words = shlex.split(protocol.compare_command("my cells", "out", PAIR))
    assert words[:2] == ["overtile", "compare"]
    read = parsed("compare", words[2:])
    assert split_changes(read["change"]) == (protocol.changes, protocol.own_changes)
    assert (read["architectures"], str(read["data"])) == ("unet,residual_unet", "my cells")
    for name in ("folds", "budget", "steps", "recipe", "seed", "device", "task", "ignore_label", "labels"):
        assert read[name] == getattr(protocol, name), name
    words = shlex.split(protocol.train_command("my cells", "unet", (1, 2)))
    read = parsed("train", words[2:])
    assert (read["architecture"], read["fold"], read["steps"], read["labels"]) == ("unet", "1/2", 2, "a b")
    assert read["change"] == ["patch_px=32", "loss.focal=1.0", "arguments.base_width=2", "arguments.depth=2"]


@pytest.fixture
def found(data, tmp_path):
    return compare(data, tmp_path / "out", PROTOCOL, architectures=PAIR, launch=Launcher())


def test_the_page_shows_worth_and_cost_and_how_to_repeat_it(found, tmp_path):
    write_comparison(found, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "unet: Dice <strong>0.625</strong> ± 0.177, mean of 2 folds of 6 images" in page
    assert "unet has the highest mean, but in some folds these were at least as good: residual_unet (1 of 2)" in page
    assert "residual_unet predicts 2.0 times faster, at a mean score 0.031 lower" in page
    assert page.count("<svg") == 2
    for text in (
        "0.562",
        "2.000",
        "base width 2, depth 2",
        "--set unet:arguments.base_width=2",
        "--fold 0/2",
        "V-Rand",
    ):
        assert text in page, text
    assert not re.search(r"https?:|//[a-z]|@import|url\(\s*['\"]?(?!#)|<script|<link", page)
    with pytest.raises(OutputExistsError, match=r"page.html exists already"):
        write_comparison(found, tmp_path / "page.html")


def test_a_clear_winner_is_named_and_undefined_scores_are_dashes(found):
    first, second = found.contenders
    worse = replace(second, runs=tuple(replace(run, score=0.1) for run in second.runs))
    assert next(reading([first, worse])) == "unet was the best in each of the 2 folds."
    unknown = replace(second, runs=tuple(replace(run, score=None, peak_memory_bytes=None) for run in second.runs))
    assert (unknown.score, unknown.spread, unknown.peak_memory_bytes) == (None, None, None)
    page = render_comparison(replace(found, contenders=(first, unknown)))
    assert '<th scope="row">residual_unet</th><td class="number"><b>-</b></td>' in page
    assert list(reading([unknown])) == []
    nothing: Comparison = replace(found, contenders=(unknown,))
    assert "<svg" not in render_comparison(nothing)


def test_notes_say_what_spoils_a_comparison(data, tmp_path):
    guided = {"unet3plus": {"arguments": {"base_width": 2, "depth": 2, "guidance": "cgm"}}}
    protocol = replace(PROTOCOL, own_changes=guided)

    class TwoMachines(Launcher):
        def __call__(self, task, listener):
            SCORES[task.name] = 0.5
            self.changes = {"provenance": {"machine": {"cores": 2 + task.fold}}}
            super().__call__(task, listener)

    notes = compare(data, tmp_path / "out", protocol, architectures=["unet3plus"], launch=TwoMachines()).notes
    assert any("different machines" in note for note in notes)
    assert "Tiles only approximate the whole image with unet3plus." in notes
