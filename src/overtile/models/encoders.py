"""The encoder, and the stages that make it one of the family's.

A pyramid is a list of feature maps, finest first; pyramid[0] has the size of the image. Every encoder returns one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from overtile.models.blocks import Shortcut, residual_unit
from overtile.models.layers import Block, Layers


class Encoder(nn.Module):
    """pyramid[i] = stage[i](pyramid[i - 1]), where pyramid[-1] is the image.

    Attributes:
        widths: channels of each map of the pyramid.
    """

    def __init__(self, stages: Iterable[nn.Module], widths: Sequence[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.widths = tuple(widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return pyramid


def pooling_encoder(
    in_channels: int, widths: Sequence[int], layers: Layers, block: Block, *, dropout: float = 0.0
) -> Encoder:
    """pyramid[i] = block(pool(pyramid[i - 1])): the contracting path of Ronneberger et al. (2015), Fig. 1.

    Args:
        in_channels: of the image.
        widths: channels per level, finest first.
        layers: choices of the network.
        block: makes a level's block.
        dropout: "at the end of the contracting path": after the blocks of the last two levels, before pooling and
            before the skip, as in the authors' release.
    """
    stages = []
    for level, (before, here) in enumerate(pairwise((in_channels, *widths))):
        parts = [block(before, here)]
        if level:
            parts.insert(0, layers.pool())
        if dropout and level >= len(widths) - 2:
            parts.append(nn.Dropout(dropout))
        stages.append(nn.Sequential(*parts))
    return Encoder(stages, widths)


def residual_encoder(in_channels: int, widths: Sequence[int], layers: Layers, *, shortcut: Shortcut) -> Encoder:
    """pyramid[i] = unit(pyramid[i - 1]), from i = 1 on with stride 2 instead of pooling (Zhang et al. 2018)."""
    stages = [
        residual_unit(layers, before, here, stride=2 if level else 1, first=level == 0, shortcut=shortcut)
        for level, (before, here) in enumerate(pairwise((in_channels, *widths)))
    ]
    return Encoder(stages, widths)
