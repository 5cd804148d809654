"""Pruning of U-Net++: cut the network down to what one of its heads needs."""

import copy
from typing import cast

from torch import nn

from overtile.core.errors import ShapeError
from overtile.models.decoders import NestedDecoder
from overtile.models.encoders import Encoder
from overtile.models.heads import Head, NestedHeads
from overtile.models.network import SegmentationNet


def prune(model: nn.Module, depth: int) -> SegmentationNet:
    """Keep the nodes x[i][j] with i + j <= depth, and head number `depth` (Zhou et al. 2018, Sec. 3.2: L1, L2, ...).

    Args:
        model: a U-Net++ with deep supervision.
        depth: 1 .. the depth of the network.

    Returns:
        a smaller network with copies of the weights, whose logits are those of that head, bit for bit. It is what
        unet_plus_plus(..., pruned_to=depth) builds, with the same names in its state_dict.

    Raises:
        ShapeError: the network is no U-Net++ with deep supervision, or has no such head.
    """
    if not (isinstance(model, SegmentationNet) and isinstance(model.head, NestedHeads)):
        raise ShapeError("expected a U-Net++ with a head per level to prune: build it with deep_supervision=True")
    heads = len(model.head.convs)
    if not 1 <= depth <= heads:
        raise ShapeError(f"expected a depth between 1 and {heads}, got {depth}: there is one head for each")
    small = copy.deepcopy(model)
    encoder, decoder = cast(Encoder, small.encoder), cast(NestedDecoder, small.decoder)
    encoder.stages = encoder.stages[: depth + 1]
    encoder.widths = encoder.widths[: depth + 1]
    decoder.columns = nn.ModuleList(
        cast(nn.ModuleList, column)[: depth - j] for j, column in enumerate(decoder.columns[:depth])
    )
    small.head = Head(cast(NestedHeads, small.head).convs[depth - 1], level=-1)
    return small.train(model.training)
