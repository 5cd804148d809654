"""How long, where and from what seed to train, and what a running training tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Settings:
    """How long, where and from what seed to train.

    Attributes:
        seconds: time budget; the schedule ends on it. None when `steps` is given.
        steps: number of optimisation steps. None when `seconds` is given.
        seed: of everything random.
        device: to train on; with several processes, "cuda" is one GPU for each.
        precision: of the network's computations; its weights stay float32.
        checkpoint: where the unfinished state is kept; None for nowhere.
        checkpoint_every_s: time between two checkpoints.
        resume: go on from the checkpoint.
        fingerprint: names the data and the command, so that only the same run resumes.
        bad_batch: where the batch is written whose loss is no number; None for nowhere.
        loggers: of Lightning Fabric, told the losses and scores.
        timeout_s: how long one of several processes waits for the others.
    """

    seconds: float | None
    steps: int | None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"
    checkpoint: Path | None = None
    checkpoint_every_s: float = 30.0
    resume: bool = False
    fingerprint: str = ""
    bad_batch: Path | None = None
    loggers: tuple[Any, ...] = ()
    timeout_s: float = 1800.0


@dataclass(frozen=True)
class Progress:
    """What a running training tells its caller after each step.

    Attributes:
        step: steps done.
        fraction: share of the training done, 0 to 1.
        elapsed_s: time spent.
        loss: of the step.
        validation: the latest validation, or None.
    """

    step: int
    fraction: float
    elapsed_s: float
    loss: float
    validation: dict[str, Any] | None


Listener = Callable[[Progress], None]
"""Called after each step, in the main process only."""
