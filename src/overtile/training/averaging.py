"""The exponential moving average of the weights (EMA)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the network that follows it slowly: after each step, a <- d a + (1 - d) w.

    With n steps averaged d is `decay`, but at most (1 + n) / (10 + n), so that the first weights are soon forgotten.
    The running mean and variance of batch normalisation are averaged alike.

    Args:
        model: on the device where it is trained.
        decay: 0 to 1; 0.999 averages over about the last thousand steps.

    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = moving_average(network, 0.999)
    >>> for weight in (0.0, 11.0):
    ...     _ = nn.init.constant_(network.weight, weight)
    ...     average.update_parameters(network)
    >>> average.module.weight.item()  # 2/11 of 0 and 9/11 of 11
    9.0
    """

    def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor | int) -> None:
        step = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, step)
            else:
                average.copy_(weight)  # the number of batches that batch normalisation has seen

    with torch.no_grad():
        return AveragedModel(model, multi_avg_fn=follow, use_buffers=True)
