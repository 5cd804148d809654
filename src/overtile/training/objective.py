"""The quantity that training makes small."""

from functools import partial

from torch import Tensor

from overtile.losses import by_name, deep_supervision, guidance, weighted_sum
from overtile.models.heads import Guided, Output, heads_of
from overtile.training.batches import Batch
from overtile.training.recipe import Recipe


def total_loss(output: Output, batch: Batch, recipe: Recipe) -> Tensor:
    """Weighted sum of the recipe's losses, averaged over the heads of a network with deep supervision.

    A network with a classification head adds that head's loss.

    Raises:
        UnknownNameError: the recipe names a loss that does not exist.
    """
    loss = weighted_sum(*((factor, by_name(name)) for name, factor in recipe.loss.items()))
    supervised = partial(deep_supervision, target=batch.labels, weight=batch.weight, loss=loss)
    heads = heads_of(output)
    if isinstance(heads, Guided):
        return supervised(heads.logits) + guidance(heads.guidance, batch.labels, batch.weight)
    return supervised(heads)
