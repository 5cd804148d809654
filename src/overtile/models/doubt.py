"""How unsure a network is about each pixel: how far its opinions differ, or how undecided a single one is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from overtile.models.ensemble import Ensemble
from overtile.models.heads import Head, heads_of
from overtile.models.network import SegmentationNet


class Doubt(nn.Module):
    """Doubt (batch, 1, *S) about each pixel, 0 to 1.

    With several opinions p_1, ..., p_M, of the members of an ensemble or the heads of deep supervision, it is their
    disagreement: the mutual information H(mean p_m) - mean H(p_m) (Houlsby et al. 2011). What all of them find hard, such
    as a blurred edge, does not count; what they were not taught does. With one opinion it is its entropy H(p). Both
    are divided by log of the number of classes.

    Args:
        network: returns logits; an ensemble, or a network of this project.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch 1 *out"]:
        opinions = torch.stack([_probabilities(logits) for logits in self.opinions(image)])
        doubt = _entropy(opinions.mean(0))
        if len(opinions) > 1:
            doubt = (doubt - torch.stack([_entropy(opinion) for opinion in opinions]).mean(0)).clamp(min=0)
        return doubt / math.log(opinions.shape[2])

    def opinions(self, image: Tensor) -> list[Tensor]:
        """Logits of every member, or every head."""
        if isinstance(self.network, Ensemble):
            return [member(image) for member in self.network.members]
        if not isinstance(self.network, SegmentationNet):
            return [self.network(image)]
        # Only the outermost flag: it asks for all heads, and the layers stay in evaluation mode.
        self.network.training = True
        try:
            output = heads_of(self.network(image))
        finally:
            self.network.training = False
        heads = getattr(output, "logits", output)
        return list(heads)


def kind_of_doubt(network: nn.Module) -> str:
    """What `Doubt` measures of a network, in words.

    >>> kind_of_doubt(nn.Conv2d(1, 2, 1))
    'entropy of the probabilities'
    """
    if isinstance(network, Ensemble):
        return f"disagreement of {len(network.members)} networks"
    one_head = not isinstance(network, SegmentationNet) or isinstance(network.head, Head)
    return "entropy of the probabilities" if one_head else "disagreement of the heads"


def _probabilities(logits: Tensor) -> Tensor:
    """(batch, class, *S) in full precision; a single logit becomes two classes."""
    logits = logits.float()
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits.softmax(1)


def _entropy(probabilities: Tensor) -> Tensor:
    """- sum_k p_k log p_k, (batch, 1, *S)."""
    entropy: Tensor = torch.special.entr(probabilities).sum(1, keepdim=True)
    return entropy
