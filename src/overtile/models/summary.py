"""What a network costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from overtile.models.geometry import empty_image, geometry, input_of, without_values


@dataclass(frozen=True)
class Summary:
    """What a network costs, as it is in evaluation.

    Attributes:
        parameters: number of learned values.
        input_size: size of the image that was counted for, in pixels per axis.
        multiply_adds: of its convolutions, for that image.
    """

    parameters: int
    input_size: tuple[int, ...]
    multiply_adds: int


def summary(model: nn.Module, input_size: Sequence[int] | None = None) -> Summary:
    """Count parameters and multiply-adds; nothing is computed.

    Args:
        model: maps (batch, in_channels, *S) to a map.
        input_size: S; None: the smallest whose output has at least 256 pixels per axis.

    >>> summary(nn.Conv2d(1, 2, 3, padding=1), (10, 10))
    Summary(parameters=20, input_size=(10, 10), multiply_adds=1800)
    """
    channels, ndim = input_of(model)
    size = tuple(input_size) if input_size is not None else geometry(model).input_size((256,) * ndim)
    counter = FlopCounterMode(display=False)
    with without_values(model), counter:
        model(empty_image(model, channels, size))
    return Summary(sum(p.numel() for p in model.parameters()), size, counter.get_total_flops() // 2)
