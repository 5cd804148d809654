"""Evaluations small enough to be checked by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from overtile.bundle import Manifest
from overtile.core import Normalization
from overtile.workflows.evaluation import Evaluation, Example

TRUTH = np.array([[0, 0, 1, 1]] * 4)
PREDICTION = np.array([[0, 1, 1, 0]] * 4)


def entry(value: float, low: float = math.nan, high: float = math.nan) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def metrics(dice: float) -> dict[str, Any]:
    return {
        "pixel_error": entry(0.052, 0.04, 0.06),
        "dice": {
            **entry(dice),
            "per_class": {"background": entry(0.9), "foreground": entry(dice, dice - 0.02, dice + 0.02)},
        },
        "my_score": entry(0.12345),
    }


@pytest.fixture
def example() -> Callable[..., Example]:
    def make(name: str = "a", score: float = 0.5, **changes: Any) -> Example:
        given = {
            "role": "new",
            "image": np.arange(16, dtype=np.uint8).reshape(1, 4, 4),
            "truth": TRUTH,
            "prediction": PREDICTION,
            "valid": np.ones((4, 4), bool),
        }
        return Example(name=name, score=score, **(given | changes))

    return make


@pytest.fixture
def evaluation(example: Callable[..., Example]) -> Callable[..., Evaluation]:
    def make(*examples: Example, **changes: Any) -> Evaluation:
        shown = examples or (example("a", 0.9), example("b", 0.8), example("c", 0.7))
        given = {
            "total": metrics(0.876),
            "images": {e.name: metrics(e.score) for e in shown},
            "ranked_by": "dice",
            "task": "semantic",
            "class_names": ("background", "foreground"),
            "examples": tuple(shown),
        }
        return Evaluation(**(given | changes))

    return make


@pytest.fixture
def manifest() -> Manifest:
    validations = [
        {"step": 50, "elapsed_s": 1.0, "score": 0.4, "loss": 0.7, "dice": [0.9, 0.4]},
        {"step": 100, "elapsed_s": 2.0, "score": 0.8125, "loss": 0.3, "dice": [0.9, math.nan]},
    ]
    return Manifest(
        architecture="unet",
        arguments={"depth": 4},
        in_channels=1,
        num_classes=2,
        normalization=Normalization((120.5,), (40.25,)),
        task="semantic",
        target="classes",
        class_values=(0, 255),
        class_names=("background", "foreground"),
        pixel_size_um=(0.5, 0.25),
        training={
            "command": "overtile train cells -o cells.overtile",
            "date": "2026-01-02T03:04:05+00:00",
            "versions": {"torch": "2.13.0"},
            "machine": {"processor": "a chip", "cores": 2, "gpu": None},
            "recipe": {"learning_rate": 0.001, "class_balance": True, "loss": {"cross_entropy": 1.0}},
            "losses": [1.0 / (1 + step) for step in range(100)],
            "validations": validations,
            "notes": ["one image is held out"],
            "steps": 100,
            "elapsed_s": 600.0,
            "images": {"training": {"x": "1", "y": "2"}, "validation": {"z": "3"}},
        },
    )
