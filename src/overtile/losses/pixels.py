"""What every loss starts from: logits in full precision, safe targets, and the weights of the pixels.

A target says the class of each pixel, or, where a pixel is partly one and partly another, its share in each class.
A pixel of weight 0 is ignored: whatever its target holds, it neither changes the loss nor receives a gradient.
"""

from dataclasses import dataclass
from typing import Any, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from overtile.core.errors import ShapeError, UnknownNameError

Target = Integer[Tensor, " batch *space"] | Float[Tensor, "batch classes *space"]
"""Class indices, or the shares of each pixel in the classes, which sum up to 1."""


@runtime_checkable
class Loss(Protocol):
    """Logits (B, C, *S), target (B, *S) or (B, C, *S), and weight (B, *S) or None, to a scalar."""

    def __call__(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Pixels:
    """A batch ready for a loss.

    Attributes:
        logits: (B, C, *S), float32, or float64 where float64 came.
        target: (B, *S), int64, 0 at ignored pixels; or shares (B, C, *S), of the dtype of the logits, likewise.
        weight: (B, *S), the dtype of the logits, 1 where no weight came.
    """

    logits: Tensor
    target: Tensor
    weight: Tensor

    @property
    def probabilities(self) -> Tensor:
        """(B, C, *S): softmax over the classes, or the sigmoid of a single logit."""
        return self.logits.sigmoid() if self.logits.shape[1] == 1 else self.logits.softmax(dim=1)

    @property
    def one_hot(self) -> Tensor:
        """(B, C, *S): 1 for the target's class, or the shares; with a single logit, 1 for class 1."""
        if self.target.is_floating_point():
            return self.target
        classes = self.logits.shape[1]
        wanted = torch.arange(classes, device=self.target.device) if classes > 1 else self.target.new_ones(1)
        return (self.target[:, None] == wanted.view(-1, *[1] * (self.target.ndim - 1))).to(self.logits.dtype)


def pixels(
    logits: Float[Tensor, "batch classes *space"],
    target: Integer[Tensor, "..."] | Float[Tensor, "..."],
    weight: Float[Tensor, "..."] | None,
) -> Pixels:
    """Bring a batch to full precision and make ignored targets harmless.

    Args:
        logits: one map per class; a single map stands for the foreground of a binary problem.
        target: class indices (B, *S), any integer dtype, or shares (B, C, *S), floating; arbitrary at ignored pixels.
        weight: weights (B, *S), 0 or more; None for 1 everywhere.

    Raises:
        ShapeError: when target or weight do not fit the logits.

    >>> pixels(torch.zeros(1, 2, 3), torch.tensor([[1, 0, 255]]), torch.tensor([[1.0, 1.0, 0.0]])).target
    tensor([[1, 0, 0]])
    """
    expected, soft = (logits.shape[0], *logits.shape[2:]), target.is_floating_point()
    for name, tensor, shape in (
        ("target", target, tuple(logits.shape) if soft else expected),
        ("weight", weight, expected),
    ):
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ShapeError(
                f"logits of shape {tuple(logits.shape)} need a {name} of shape {shape}, got {tuple(tensor.shape)}: "
                f"crop or resize the {name} to the output of the network"
            )
    logits = full_precision(logits)
    target = target.to(logits.dtype) if soft else target.long()
    if weight is None:
        return Pixels(logits, target, logits.new_ones(expected))
    counts = (weight > 0)[:, None] if soft else weight > 0
    return Pixels(logits, torch.where(counts, target, 0), weight.to(logits.dtype))


def full_precision(tensor: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """float32, or float64 where float64 came.

    >>> full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def check_name(kind: str, name: str, choices: Any) -> None:
    """Refuse a name that is not among the strings of a `Literal`.

    Raises:
        UnknownNameError: with the names that are known.
    """
    if name not in get_args(choices):
        raise UnknownNameError(kind, name, get_args(choices))


def mean_over(values: Float[Tensor, "*any"], counts: Float[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Mean of values weighted by `counts`; 0, with gradient 0, where nothing counts.

    >>> mean_over(torch.tensor([1.0, 3.0, 9.0]), torch.tensor([1.0, 1.0, 0.0]))
    tensor(2.)
    """
    total = counts.sum()
    return (values * counts).sum() / torch.where(total > 0, total, 1)
