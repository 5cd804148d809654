"""Heads: from decoded maps to logits, one or, with deep supervision, several.

A head is called with `every`: True returns every head's logits, so that all are trained; False returns what is
predicted.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from overtile.models.layers import GLOBAL_MAX_POOL, Layers

Logits = Float[Tensor, "batch classes ..."]

CLOSED = -1e4
"""Logit whose probability is 0 in every float type."""


class Guided(NamedTuple):
    """What a network with a classification-guided module returns in training.

    Attributes:
        logits: of each head, finest first; not gated, since a gate would stop the gradient.
        guidance: logits (batch, 2) of "nothing to segment in this image" and "something"; its loss is the binary
            cross-entropy of each with the image-level label.
    """

    logits: tuple[Logits, ...]
    guidance: Float[Tensor, "batch 2"]


Output = Logits | tuple[Logits, ...] | Guided
"""Logits; several of them in training with deep supervision; with guidance where the network has it."""


def heads_of(output: Output) -> Guided | tuple[Tensor, ...]:
    """Whatever a network returned, as a tuple of logits or as `Guided`.

    >>> len(heads_of(torch.zeros(1, 2, 4, 4)))
    1
    """
    return (output,) if isinstance(output, Tensor) else output


class Head(nn.Module):
    """One convolution on one of the decoded maps: the finest, or of U-Net++ the last."""

    def __init__(self, conv: nn.Module, *, level: int = 0) -> None:
        super().__init__()
        self.conv = conv
        self.level = level

    def forward(self, maps: list[Tensor], *, every: bool) -> Tensor:  # noqa: ARG002  (one head is every head)
        logits: Tensor = self.conv(maps[self.level])
        return logits


class NestedHeads(nn.Module):
    """A 1x1 convolution on each of x[0][1], ..., x[0][depth] (Zhou et al. 2018).

    `mode` says what is predicted. "accurate": the mean of the heads' probabilities, returned as logits, so that softmax
    (or the sigmoid of a single class) gives that mean. "fast": the logits of the last head.
    """

    def __init__(self, width: int, num_classes: int, layers: Layers, *, heads: int, mode: str) -> None:
        super().__init__()
        self.convs = nn.ModuleList(layers.conv(width, num_classes, 1, bias=True) for _ in range(heads))
        self.mode = mode

    def forward(self, maps: list[Tensor], *, every: bool) -> Tensor | tuple[Tensor, ...]:
        if not every and self.mode == "fast":
            logits: Tensor = self.convs[-1](maps[-1])
            return logits
        heads = tuple(conv(m) for conv, m in zip(self.convs, maps, strict=True))
        return heads if every else mean_probability_logits(heads)


def mean_probability_logits(heads: Sequence[Logits]) -> Logits:
    """Logits of the mean of the heads' probabilities, without leaving the logarithmic scale.

    K classes: log(1/n sum_h softmax(z_h)). One class: log(p / (1 - p)) with p = 1/n sum_h sigmoid(z_h).

    >>> z = torch.tensor([[-1.0]]), torch.tensor([[2.0]])
    >>> p = (z[0].sigmoid() + z[1].sigmoid()) / 2
    >>> torch.allclose(mean_probability_logits(z).sigmoid(), p)
    True
    """
    z = torch.stack(tuple(heads))
    if z.shape[2] == 1:
        return F.logsigmoid(z).logsumexp(0) - F.logsigmoid(-z).logsumexp(0)
    return z.log_softmax(2).logsumexp(0) - math.log(len(heads))


class FullScaleHeads(nn.Module):
    """A 3x3 convolution on every decoded map, enlarged to the image (Huang et al. 2020); the finest is predicted.

    With `guidance` (the paper's classification-guided module), the deepest map says whether the image holds anything to
    segment: dropout, 1x1 convolution to two channels, global maximum. Where it says no, every probability of a
    foreground class is multiplied by 0, which is done on the logits (the official code multiplies logits by 0, which
    gives probability 0.5). In training nothing is gated.
    """

    def __init__(
        self, widths: Sequence[int], num_classes: int, layers: Layers, *, guidance: Literal["none", "cgm"]
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(
                layers.conv(width, num_classes, 3, bias=True), *([layers.interpolate(2**level)] if level else [])
            )
            for level, width in enumerate(widths)
        )
        self.guide: nn.Module | None = None
        if guidance == "cgm":
            self.guide = nn.Sequential(
                nn.Dropout(0.5), layers.conv(widths[-1], 2, 1, bias=True), GLOBAL_MAX_POOL[layers.ndim](1), nn.Flatten()
            )

    def forward(self, maps: list[Tensor], *, every: bool) -> Output:
        used = len(self.convs) if every else 1
        heads = tuple(conv(m) for conv, m in zip(self.convs[:used], maps, strict=False))
        if self.guide is None:
            return heads if every else heads[0]
        guidance = self.guide(maps[-1])
        return Guided(heads, guidance) if every else gate(heads[0], guidance)


def gate(logits: Logits, guidance: Float[Tensor, "batch 2"]) -> Logits:
    """Empty the images whose guidance says that there is nothing to segment.

    Probabilities of foreground classes (all but class 0; the only one where there is one) are multiplied by
    argmax(guidance), 0 or 1; the background receives the rest.

    >>> gate(torch.tensor([[[[3.0]]], [[[3.0]]]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])).flatten().tolist()
    [-10000.0, 3.0]
    """
    empty = torch.full_like(logits, CLOSED)
    if logits.shape[1] > 1:
        empty = torch.cat([torch.zeros_like(logits[:, :1]), empty[:, 1:]], dim=1)
    is_open = guidance.argmax(1).bool().reshape(-1, *[1] * (logits.ndim - 1))
    return torch.where(is_open, logits, empty)
