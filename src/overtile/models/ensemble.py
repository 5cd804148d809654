"""Several networks as one, whose probabilities are the mean of theirs."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from overtile.models.heads import mean_probability_logits


class Ensemble(nn.Module):
    """The mean of the probabilities of several networks, returned as logits; it costs as much as all of them.

    Tile-exact where all its members are. For prediction only: the members are trained one by one.

    Args:
        members: networks of one geometry that return logits of the same classes.

    >>> import torch
    >>> members = [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)]
    >>> for member, logit in zip(members, (-9.0, 9.0), strict=True):
    ...     _ = nn.init.constant_(member.bias, logit)
    >>> round(Ensemble(members)(torch.zeros(1, 1, 1, 1)).sigmoid().item(), 3)
    0.5
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, image: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch classes *out"]:
        return mean_probability_logits([member(image) for member in self.members])


def members_of(model: nn.Module) -> list[nn.Module]:
    """The networks that a model consists of: itself, or the members of an ensemble."""
    return list(model.members) if isinstance(model, Ensemble) else [model]
