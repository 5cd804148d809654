"""The three decoders of the family: U-Net, U-Net++ and U-Net 3+.

Every decoder takes a pyramid (finest first) and returns a list of maps that heads are put on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from overtile.models.layers import Block, Layers
from overtile.models.sizes import crop_to


class Merge(nn.Module):
    """block(skip_1 ++ ... ++ skip_n ++ up(below)): the one step that every U-Net decoder repeats.

    With valid convolutions the skips are larger and are cropped, centred, to the upsampled map.
    """

    def __init__(self, up: nn.Module, block: nn.Module, *, up_first: bool, crop: bool) -> None:
        super().__init__()
        self.up = up
        self.block = block
        self.up_first = up_first
        self.crop = crop

    def forward(self, below: Tensor, skips: Sequence[Tensor]) -> Tensor:
        up = self.up(below)
        if self.crop:
            skips = [crop_to(skip, up.shape[2:]) for skip in skips]
        merged: Tensor = self.block(torch.cat([up, *skips] if self.up_first else [*skips, up], dim=1))
        return merged


def make_merge(layers: Layers, block: Block, up: tuple[int, int], skips: int, out: int) -> Merge:
    """A merge of `skips` channels with up[0] channels upsampled to up[1] channels, giving `out` channels."""
    joined = skips + layers.upsampled_channels(*up)
    return Merge(
        layers.up(*up),
        block(joined, out),
        up_first=layers.skip_order == "up_first",
        crop=layers.padding == "valid",
    )


class UNetDecoder(nn.Module):
    """d[i] = merge(d[i + 1], e[i]), coarse to fine (Ronneberger et al. 2015, Fig. 1).

    Returns d[0], d[1], ..., d[depth] = e[depth].
    """

    def __init__(self, merges: Sequence[Merge]) -> None:
        super().__init__()
        self.merges = nn.ModuleList(merges)

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        decoded = [pyramid[-1]]
        for merge, skip in zip(self.merges, reversed(pyramid[:-1]), strict=True):
            decoded.insert(0, merge(decoded[0], [skip]))
        return decoded


def unet_decoder(
    skips: Sequence[int],
    layers: Layers,
    block: Callable[[int, int, int], nn.Module],
    *,
    widths: Sequence[int],
    up_widths: Sequence[int],
) -> UNetDecoder:
    """Put a U-Net decoder together.

    Args:
        skips: channels of the pyramid, finest first.
        layers: choices of the network.
        block: makes a block from (level, in channels, out channels).
        widths: channels of d[0], ..., d[depth - 1].
        up_widths: channels of the upsampled map at each of these levels.
    """
    below = [*widths[1:], skips[-1]]
    merges = [
        make_merge(layers, partial(block, level), (below[level], up_widths[level]), skips[level], widths[level])
        for level in reversed(range(len(widths)))
    ]
    return UNetDecoder(merges)


class NestedDecoder(nn.Module):
    """x[i][j] = merge(x[i + 1][j - 1], x[i][0], ..., x[i][j - 1])  (Zhou et al. 2018, Eq. 1).

    Returns x[0][1], ..., x[0][depth]: the maps that deep supervision trains.
    """

    def __init__(self, widths: Sequence[int], layers: Layers, block: Block) -> None:
        super().__init__()
        levels = list(pairwise(widths))
        self.columns = nn.ModuleList(
            nn.ModuleList(
                make_merge(layers, block, (below, here), j * here, here)
                for here, below in levels[: len(levels) + 1 - j]
            )
            for j in range(1, len(widths))
        )

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        x = [[feature] for feature in pyramid]
        for column in self.columns:
            for i, merge in enumerate(cast(nn.ModuleList, column)):  # x[i + 1] lacks its node of this column still
                x[i].append(merge(x[i + 1][-1], x[i]))
        return x[0][1:]


class FullScaleNode(nn.Module):
    """d[i] = fuse(project(resize(f[0])) ++ ... ++ project(resize(f[depth])))  (Huang et al. 2020, Eq. 1)."""

    def __init__(self, projections: Sequence[nn.Module], fuse: nn.Module) -> None:
        super().__init__()
        self.projections = nn.ModuleList(projections)
        self.fuse = fuse

    def forward(self, maps: list[Tensor]) -> Tensor:
        projected = [project(f) for project, f in zip(self.projections, maps, strict=True)]
        fused: Tensor = self.fuse(torch.cat(projected, dim=1))
        return fused


class FullScaleDecoder(nn.Module):
    """Every decoder node sees all scales (Huang et al. 2020, Fig. 1c).

    f[k] is the encoder's map e[k] for k <= i and the decoder's map d[k] for k > i; d[depth] = e[depth]. Finer maps are
    max-pooled to level i and coarser ones interpolated, both before their 3x3 convolution to `channels` channels.
    Returns d[0], ..., d[depth].

    Attributes:
        widths: channels of the maps it returns.
    """

    def __init__(self, widths: Sequence[int], layers: Layers, *, channels: int) -> None:
        super().__init__()
        depth, fused = len(widths) - 1, channels * len(widths)
        self.widths = (*[fused] * depth, widths[-1])

        def project(k: int, i: int) -> nn.Module:
            width = widths[k] if k <= i else self.widths[k]
            return nn.Sequential(resize(layers, k, i), layers.conv_norm_act(width, channels))

        self.nodes = nn.ModuleList(
            FullScaleNode([project(k, i) for k in range(depth + 1)], layers.conv_norm_act(fused, fused))
            for i in reversed(range(depth))
        )

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        maps = list(pyramid)  # maps[k] is the encoder's until level k is decoded
        for i, node in zip(reversed(range(len(self.nodes))), self.nodes, strict=True):
            maps[i] = node(maps)
        return maps


def resize(layers: Layers, source: int, target: int) -> nn.Module:
    """What brings a map of level `source` to the size of level `target`."""
    if source == target:
        return nn.Identity()
    return layers.pool(2 ** (target - source)) if source < target else layers.interpolate(2 ** (source - target))
