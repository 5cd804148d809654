"""Batch normalisation over all processes, so that several train as one would on the whole batch.

PyTorch has this for GPUs only (SyncBatchNorm).
"""

import copy
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SumOverProcesses(torch.autograd.Function):
    """y = sum of x over the processes; every process's y depends on every x, so that gradients are summed too."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class SyncedBatchNorm(_BatchNorm):
    """nn.BatchNorm whose mean and variance in training are those of the patches of all processes together."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  (the name is PyTorch's)
        """Any number of axes will do."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        if not self.training:
            return super().forward(input)
        x = input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = x.numel() // x.shape[1] * distributed.get_world_size()
        mean = _total(x.mean(axes, keepdim=True)) / distributed.get_world_size()
        centred = x - mean
        variance = _total(centred.square().sum(axes, keepdim=True)) / count
        self._follow(mean.detach().flatten(), variance.detach().flatten() * count / max(count - 1, 1))
        shape = [1, -1] + [1] * (x.ndim - 2)
        scaled = centred * torch.rsqrt(variance + self.eps) * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Bring the running statistics up to date."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)


def synced(model: nn.Module) -> nn.Module:
    """A copy of a network whose batch normalisations are synced; names and values of its state stay the same."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                norm = SyncedBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
                norm.load_state_dict(child.state_dict())
                setattr(module, name, norm)
    return model


def _total(x: Tensor) -> Tensor:
    total: Tensor = SumOverProcesses.apply(x)  # type: ignore[no-untyped-call]  # torch's own
    return total
