"""A training whose second process kills itself, for test_scale_out.py."""

import os
import signal
import sys

import numpy as np
import torch

from overtile.core import OvertileError
from overtile.models import build
from overtile.training import Recipe, Settings, TrainingImage, fit, is_main_process, loop

ARGUMENTS = {"base_width": 4, "depth": 1, "padding": "same", "norm": "batch"}


def die_at_step_three(step):
    """A step that kills its process."""

    def ill_fated(run, fraction):
        if run.state.step == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(run, fraction)

    return ill_fated


if __name__ == "__main__":
    torch.set_num_threads(1)
    if not is_main_process():
        loop._Run.step = die_at_step_three(loop._Run.step)
    image = TrainingImage("a", np.zeros((1, 32, 32), "f4"), np.eye(32, dtype="u1"), np.ones((32, 32), "f4"))
    recipe = Recipe(arguments=ARGUMENTS, patch_px=32, batch=2)
    try:
        fit(build("unet", 1, 2, **ARGUMENTS), [image], [], recipe, Settings(seconds=None, steps=10**6, timeout_s=30.0))
    except OvertileError as error:
        sys.exit(f"error: {error}")
