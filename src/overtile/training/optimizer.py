"""The optimiser and its learning rate."""

import math

import torch
from torch import nn

from overtile.training.recipe import Recipe

WARM_UP = 0.05
"""Share of the training over which the learning rate of the cosine schedule rises."""


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; biases and normalisation weights are not decayed.

    Fused: one pass over the weights instead of ten, which shows in wide networks.
    """
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def learning_rate(fraction: float, recipe: Recipe) -> float:
    """Learning rate after a share of the training.

    >>> round(learning_rate(0.05, Recipe(learning_rate=0.1)), 3), round(learning_rate(1.0, Recipe()), 3)
    (0.1, 0.0)
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if fraction < WARM_UP:
        # Never zero, so that the very first step already moves the weights.
        return recipe.learning_rate * max(fraction / WARM_UP, 0.01)
    decay = (fraction - WARM_UP) / (1 - WARM_UP)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(decay, 1.0)))
