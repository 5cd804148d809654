"""What can go wrong in a training although it runs on: named, with what to try."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.atomic import atomic_file
from overtile.training.batches import Batch
from overtile.training.checkpoint import TrainingState

SPIKE = 10.0
"""A loss this many times the median of the last ones is no ordinary variation between batches."""

LOOK_BACK = 100
LEAST_HISTORY = 20


def is_spike(losses: Sequence[float]) -> bool:
    """Whether the last loss is far above the ones before.

    >>> is_spike([1.0] * 30 + [9.0]), is_spike([1.0] * 30 + [11.0]), is_spike([1.0, 11.0])
    (False, True, False)
    """
    before = losses[-1 - LOOK_BACK : -1]
    return len(before) >= LEAST_HISTORY and losses[-1] > SPIKE * statistics.median(before)


def background_only(validation: Mapping[str, Any]) -> bool:
    """Whether nothing but the first class was predicted, although the labels hold others.

    >>> background_only({"predicted": [1.0, 0.0], "dice": [0.9, 0.0]})
    True
    >>> background_only({"predicted": [1.0, 0.0], "dice": [1.0, float("nan")]})  # there is nothing to find
    False
    """
    return not any(validation["predicted"][1:]) and any(dice == 0 for dice in validation["dice"][1:])


def alarms(state: TrainingState) -> tuple[str, ...]:
    """What the user of a trained network must know, in sentences that say what to try."""
    found = []
    if state.validations and background_only(_kept(state)):
        found.append(
            "on the held-out images the network predicts background only. Try a longer --budget, --set foreground=1, "
            "--set loss.soft_dice=1; and look with `overtile check` whether the labels lie on their images"
        )
    if state.spikes:
        first, count = state.spikes[0], len(state.spikes)
        found.append(
            f"the loss rose more than {SPIKE:.0f}-fold at {count} step(s), first at step {first}. If the result is poor, try "
            "--set gradient_clip=1 or half the learning rate, and look for wrong labels with `overtile check`"
        )
    return tuple(found)


def _kept(state: TrainingState) -> Mapping[str, Any]:
    """The validation of the weights that are kept: the last of the best."""
    return max(reversed(state.validations), key=lambda v: v["score"])


def save_batch(path: Path, batch: Batch) -> None:
    """Write a batch as npz, to be looked at: image (batch, channel, y, x), labels and weight (batch, y', x')."""
    with atomic_file(path, overwrite=True) as file:
        np.savez_compressed(
            file, **{name: getattr(batch, name).cpu().numpy() for name in ("image", "labels", "weight")}
        )


def finite(batch: Batch) -> bool:
    """Whether every number of a batch is one."""
    return bool(batch.image.isfinite().all() and batch.weight.isfinite().all())
