"""The state of an unfinished training run, written so that it can go on exactly where it stopped."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtile.core import TrainingError
from overtile.core.atomic import atomic_file


@dataclass
class TrainingState:
    """Everything that changes while training. Random numbers need no state: each step draws its own from the seed.

    Attributes:
        step: optimisation steps done.
        elapsed_s: time spent training so far, over all resumptions.
        drawing_s: of these, drawing and augmenting patches, while the network waits.
        model: state of the network.
        optimizer: state of the optimiser.
        average: state of the moving average of the weights; empty without one.
        precision: state of the scaling of gradients in float16; empty in other precisions.
        best_model: state of the network that validated best; None before the first validation.
        best_score: its validation score.
        best_validation: which validation that was, counted from 1.
        losses: training loss of every step.
        spikes: steps whose loss was far above the ones before.
        validations: one entry per validation: step, elapsed_s, score, loss, dice.
        interrupted: whether the user ended the training early.
        stopped_early: whether it ended because the validations did not get better.
        fingerprint: what the run was started with; a resumed run must have the same.
    """

    step: int = 0
    elapsed_s: float = 0.0
    drawing_s: float = 0.0
    model: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    precision: dict[str, Any] = field(default_factory=dict)
    best_model: dict[str, Tensor] | None = None
    best_score: float = float("-inf")
    best_validation: int = 0
    losses: list[float] = field(default_factory=list)
    spikes: list[int] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False
    stopped_early: bool = False
    fingerprint: str = ""


def checkpoint_path(model_file: Path) -> Path:
    """Where the unfinished state of a model file is kept."""
    return model_file.with_name(f"{model_file.name}.checkpoint")


def save_checkpoint(path: Path, state: TrainingState) -> None:
    """Write the state; an earlier one is replaced only when the new one is complete."""
    with atomic_file(path, overwrite=True) as file:
        try:
            torch.save({entry.name: getattr(state, entry.name) for entry in fields(state)}, file)
        except RuntimeError as error:  # PyTorch reports its own confusion instead of the full disk
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def load_checkpoint(path: Path, fingerprint: str) -> TrainingState:
    """Read a state to go on from.

    Raises:
        TrainingError: there is none, it cannot be read, or it belongs to a run with other data or settings.
    """
    if not path.is_file():
        raise TrainingError(f"there is nothing to resume: {path} does not exist. Leave out --resume to start anew")
    try:
        state = TrainingState(**torch.load(path, weights_only=True))
    except (RuntimeError, TypeError, EOFError, ValueError, OSError) as error:
        raise TrainingError(f"the checkpoint {path} cannot be read ({error}): delete it and train anew") from error
    if state.fingerprint != fingerprint:
        raise TrainingError(
            f"the checkpoint {path} belongs to a run with other images or settings: repeat that command exactly, "
            "or delete the checkpoint to start anew"
        )
    state.interrupted = False
    return state
