"""The runner is the fastest that is installed and agrees; what does not agree is never used in silence."""

import json
import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from overtile.core import Normalization, OptionError, PredictionError, UnknownNameError
from overtile.models import build, geometry
from overtile.runners import RUNNERS, TorchRunner, is_installed, quiet
from overtile.workflows import runner_choice
from overtile.workflows.agreement import TOLERANCES, Agreement, check_runner, plain, refuse_disagreement
from overtile.workflows.runner_choice import LONG_JOB, RunnerChoice, Wish, choose, middle_of, noise_image

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build("unet", 1, 2, base_width=4, depth=1, padding="same").eval()


class Wrong(TorchRunner):
    """Gives logits of the wrong sign."""

    def batch(self, images):
        return -super().batch(images)


class Broken(TorchRunner):
    """Cannot be made."""

    def __init__(self, *_: Any, **_options: Any) -> None:
        raise RuntimeError("no kernel for this chip")


def images_of(network: nn.Module) -> dict[str, Any]:
    return {"test case": noise_image(network, geometry(network))}


def test_a_runner_that_disagrees_is_passed_over_with_a_warning(network, monkeypatch, caplog):
    monkeypatch.setitem(RUNNERS, "openvino", Wrong)
    monkeypatch.setitem(RUNNERS, "onnx", Broken)
    candidates = [("openvino", "float32"), ("onnx", "float32"), ("torch", "float32")]
    chosen = choose(network, images_of(network), candidates, CPU)
    assert chosen.report["runner"] == chosen.runner.name == "torch"
    first, second = chosen.report["refused"]
    assert "the runner 'openvino' in float32 is not used: on the test case it differs from PyTorch" in first
    assert "the runner 'onnx' in float32 is not used: no kernel for this chip" in second
    assert [record.message for record in caplog.records] == [first, second]
    json.dumps(chosen.report)


def test_a_runner_that_was_asked_for_and_disagrees_is_an_error(network, monkeypatch):
    monkeypatch.setitem(RUNNERS, "torch", Wrong)
    choice = RunnerChoice(network, geometry(network), Wish(CPU, "torch", "float32"))
    message = (
        r"on the test case it differs .* \(allowed: 1e-03 and 1.0%\)\. Choose --precision float32 or --runner torch"
    )
    with pytest.raises(PredictionError, match=message):
        choice.decide()


def test_wishes_that_cannot_be_met_are_told_at_once(monkeypatch):
    with pytest.raises(UnknownNameError, match="unknown runner 'openvin': did you mean 'openvino'"):
        Wish(CPU, "openvin")
    monkeypatch.setitem(quiet.PACKAGES, "onnx", "no_such_package")
    with pytest.raises(OptionError, match=r'pip install "overtile\[onnx\]"'):
        Wish(CPU, "onnx")


def test_auto_takes_openvino_for_long_jobs_on_a_processor(monkeypatch):
    monkeypatch.setattr(runner_choice, "fastest_precision", lambda *_: "bfloat16")
    monkeypatch.setattr(runner_choice, "is_installed", lambda _: True)
    assert Wish(CPU).candidates(long_job=False) == [("torch", "bfloat16"), ("torch", "float32")]
    assert Wish(CPU).candidates(long_job=True) == [
        ("openvino", "bfloat16"), ("torch", "bfloat16"), ("openvino", "float32"), ("torch", "float32"),
    ]  # fmt: skip
    assert Wish(CPU, precision="float32").candidates(long_job=True) == [("openvino", "float32"), ("torch", "float32")]
    assert Wish(torch.device("cuda")).candidates(long_job=True) == [("torch", "bfloat16"), ("torch", "float32")]
    assert Wish(CPU, "openvino").candidates(long_job=False) == [("openvino", "bfloat16")]
    monkeypatch.setattr(runner_choice, "is_installed", lambda _: False)
    assert Wish(CPU).candidates(long_job=True) == [("torch", "bfloat16"), ("torch", "float32")]


def test_what_a_long_job_is_depends_on_the_network(network, monkeypatch, caplog):
    # Per pixel: 3x3 convolutions 1->4, 4->4 in full, 4->8, 8->8 and the transposed 8->4 on a quarter, then 8->4, 4->4, 4->2.
    per_pixel = 9 * (4 + 16) + 9 * (32 + 64) / 4 + 4 * 32 / 4 + 9 * (32 + 16) + 8
    monkeypatch.setattr(runner_choice, "is_installed", lambda _: False)
    choice = RunnerChoice(network, geometry(network), Wish(CPU))
    with caplog.at_level(logging.INFO):
        assert not choice._is_long(int(0.99 * LONG_JOB / per_pixel))
        assert not caplog.records
        assert choice._is_long(int(1.01 * LONG_JOB / per_pixel))
    assert 'OpenVINO would be faster on this CPU and is not installed: pip install "overtile[openvino]"' in caplog.text
    assert not RunnerChoice(network, geometry(network), Wish(CPU, "torch"))._is_long(10**15)


def test_the_choice_is_made_once_and_looks_at_an_image_where_that_is_cheap(network):
    normalization = Normalization((5.0,), (2.0,))
    small, large = np.full((1, 100, 100), 5, np.uint8), np.full((1, 1000, 1000), 5, np.float32)
    large[0, 500, 500] = np.nan  # told later, with the image's name
    choice = RunnerChoice(network, geometry(network), Wish(CPU, precision="float32"))
    assert set(choice.decide_for(small, 1, normalization).report["agreement"]) == {"test case"}
    assert choice.decide_for(large, 1, normalization) is choice.chosen
    choice = RunnerChoice(network, geometry(network), Wish(CPU, precision="float32"))
    report = choice.decide_for(large, 1, normalization).report
    assert set(report["agreement"]) == {"test case", "middle of an image"}
    assert report["agreement"]["middle of an image"]["pixels"] == 96 * 96


def test_openvino_is_chosen_checked_and_described(network, monkeypatch, caplog):
    if not is_installed("openvino"):
        pytest.skip("openvino is not installed")
    monkeypatch.setattr(runner_choice, "LONG_JOB", 1e6)
    choice = RunnerChoice(network, geometry(network), Wish(CPU, precision="float32"))
    with caplog.at_level(logging.INFO):
        chosen = choice.decide(pixels=10**6)
    assert chosen.report["runner"] == "openvino"
    assert chosen.report["agreement"]["test case"]["largest_difference"] < 1e-5
    assert "runner: openvino" in caplog.text
    assert "in float32 on cpu" in caplog.text


def test_the_middle_of_a_stack_is_one_of_its_planes():
    stack = np.zeros((2, 5, 30, 20))
    stack[:, 2] = 1
    assert (middle_of(stack, (8, 8), mirrored=False) == np.ones((2, 8, 8))).all()
    assert middle_of(stack, (40, 8), mirrored=False).shape == (2, 30, 8)
    assert middle_of(stack, (40, 8), mirrored=True).shape == (2, 40, 8)


def test_no_number_is_no_agreement(network):
    image = noise_image(network, geometry(network))
    found = check_runner(lambda image: plain(network)(image) * np.float32(np.nan), plain(network), image)
    with pytest.raises(PredictionError, match="on the tile it differs from PyTorch in float32: logits by nan"):
        refuse_disagreement({"tile": found}, TOLERANCES["float32"])


def test_labels_may_change_in_a_small_share_or_few():
    assert Agreement(0.0, 0.01, 10_000).is_within(TOLERANCES["float32"])
    assert not Agreement(0.0, 0.011, 10_000).is_within(TOLERANCES["float32"])
    assert Agreement(0.0, 4 / 64, 64).is_within(TOLERANCES["float32"])
    assert not Agreement(0.002, 0.0, 64).is_within(TOLERANCES["float32"])
    assert Agreement(0.05, 0.0, 64).is_within(TOLERANCES["bfloat16"])
