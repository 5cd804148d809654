"""How much memory a training step needs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from overtile.models import Guided, build, channels_last, heads_of
from overtile.models.sizes import AnySize
from overtile.training.recipe import Recipe

PROBES_PX = (64, 128)
"""Sizes that are tried; what a patch needs grows with its area, which two points tell."""

OVERHEAD = 1.3
"""What a step needs beyond the maps that are kept for the gradient: gradients of maps, the batch, work space."""


@dataclass(frozen=True)
class StepMemory:
    """Memory of a training step, in bytes.

    Attributes:
        fixed: of weights, their gradients and the state of the optimiser.
        per_patch: of the maps of one patch.
    """

    fixed: int
    per_patch: int

    def of(self, patches: int) -> int:
        """For a batch, or a piece of one."""
        return self.fixed + patches * self.per_patch


def step_memory(recipe: Recipe, channels: int, classes: int, *, precision: str) -> StepMemory:
    """Measure on small patches what autograd keeps, and extrapolate to the patches of a recipe.

    Args:
        recipe: with network and size of the patches.
        channels: of the image.
        classes: of the logits.
        precision: of the computations: float32, bfloat16 or float16.
    """
    with torch.random.fork_rng(devices=[]):
        network = channels_last(build(recipe.architecture, channels, classes, **recipe.arguments)).train()
        inputs = [_input_px(network, px) for px in PROBES_PX]
        probes = [_probe(network, torch.zeros(1, channels, px, px), precision) for px in inputs]
    per_px = max(probes[1][0] - probes[0][0], 0) / (inputs[1] ** 2 - inputs[0] ** 2)
    input_px = recipe.patch_px + inputs[0] - probes[0][1]  # larger where valid convolutions take a margin
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    return StepMemory(fixed=4 * weights, per_patch=int(OVERHEAD * per_px * input_px**2))


def _input_px(network: Any, wanted_px: int) -> int:
    """A size that the network takes, about as much above the smallest as wanted."""
    sizes = network.sizes
    return wanted_px if isinstance(sizes, AnySize) else int(sizes.nearest(sizes.smallest + wanted_px)[-1])


def _probe(network: Any, image: Tensor, precision: str) -> tuple[int, int]:
    """Bytes of all maps that the backward pass would need, and the size of the output."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    # float16 is as large as bfloat16, which every CPU computes.
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"),
    ):
        output = heads_of(network(image))
    finest = (output.logits if isinstance(output, Guided) else output)[0]
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()), int(finest.shape[-1])
