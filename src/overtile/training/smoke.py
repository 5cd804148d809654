"""A short test before a long training: can the network learn one batch by heart?"""

import copy

import torch
from torch import nn

from overtile.core import TrainingError, generator
from overtile.models import channels_last
from overtile.training.batches import Batches
from overtile.training.objective import total_loss
from overtile.training.recipe import Recipe
from overtile.training.samples import TrainingImage

STEPS = 12
LEAST_GAIN = 0.02
"""The loss must fall by this share; a network that learns falls by far more within these steps."""


def smoke_test(
    model: nn.Module,
    images: list[TrainingImage],
    recipe: Recipe,
    *,
    device: torch.device,
    precision: str,
    seed: int = 0,
) -> tuple[float, float]:
    """Train a copy of the network on one small batch for a few steps, and see whether the loss falls.

    Returns:
        the loss before and after.

    Raises:
        TrainingError: it did not fall, so that a long training would be lost time.
    """
    small = recipe.changed(patch_px=min(recipe.patch_px, 128), batch=min(recipe.batch, 2), augmentation="none")
    network = channels_last(copy.deepcopy(model).to(device)).train()
    batch = Batches(images, network, small, device).draw(generator(seed, "smoke test"))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    with torch.random.fork_rng():
        for _ in range(STEPS):
            torch.manual_seed(seed)  # the same dropout in each step, so that only learning changes the loss
            with torch.autocast(device.type, getattr(torch, precision), enabled=precision != "float32"):
                loss = total_loss(network(batch.image), batch, small)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(float(loss.detach()))
    first, best = losses[0], min(losses[1:])
    if not best < first * (1 - LEAST_GAIN):
        raise TrainingError(
            f"the network cannot learn a single batch by heart: the loss went from {first:.4g} to {best:.4g} in {STEPS} "
            "steps. Look with `overtile check` whether labels belong to their images and hold more than background; "
            "--no-smoke-test trains all the same"
        )
    return first, best
