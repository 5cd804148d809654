"""How far a runner is from plain PyTorch, and how far it may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.core import PredictionError
from overtile.runners import Precision

Image = NDArray[np.float32]
"""Normalised, (channel, *S)."""

Logits = NDArray[np.float32]
"""(class, *S')."""

FEW_PIXELS = 4
"""So many labels may always change: a test case of 256 pixels cannot resolve a share of 1 %."""


@dataclass(frozen=True)
class Tolerance:
    """How far a runner may be from plain PyTorch in float32.

    Attributes:
        largest_difference: of a logit, as a share of the range that zero and all logits of the image span.
        share_of_labels_changed: of the pixels.
    """

    largest_difference: float
    share_of_labels_changed: float = 0.01


TOLERANCES: dict[Precision, Tolerance] = {
    "float32": Tolerance(1e-3),
    "bfloat16": Tolerance(0.1),
    "float16": Tolerance(0.1),
    "int8": Tolerance(0.5, 0.1),
}
"""By the precision of the runner. Sums in another order differ by 1e-7 to 1e-5 of the range in float32. In bfloat16, of
12 trained networks of all six architectures the worst differed by 0.055 and in 0.37 % of the labels on a real image (half
of them by 0.007 and 0.03 % at most). Integers passed a check of their own, by
their score on annotated images. A graph that was converted wrongly differs by the range itself."""


@dataclass(frozen=True)
class Agreement:
    """How a runner differs from plain PyTorch in float32 on one image; the attributes are those of `Tolerance`."""

    largest_difference: float
    share_of_labels_changed: float
    pixels: int

    def is_within(self, tolerance: Tolerance) -> bool:
        """Whether the runner may be used.

        >>> Agreement(0.0, 3 / 256, 256).is_within(Tolerance(1e-3)), Agreement(0.0, 0.02, 10_000).is_within(Tolerance(1e-3))
        (True, False)
        """
        allowed = max(tolerance.share_of_labels_changed, FEW_PIXELS / self.pixels)
        return self.largest_difference <= tolerance.largest_difference and self.share_of_labels_changed <= allowed

    def __str__(self) -> str:
        return (
            f"logits by {self.largest_difference:.1e} of their range, {self.share_of_labels_changed:.2%} of the labels"
        )


def plain(network: nn.Module) -> Callable[[Image], Logits]:
    """The network as it is, in float32: what every runner is compared with."""

    def run(image: Image) -> Logits:
        where = next(network.parameters()).device
        network.eval()  # a network that was trained a moment ago gives all its heads
        with torch.inference_mode():
            logits: Logits = network(torch.from_numpy(image)[None].to(where))[0].cpu().numpy()
        return logits

    return run


def check_runner(runner: Callable[[Image], Logits], reference: Callable[[Image], Logits], image: Image) -> Agreement:
    """Compare a runner with another on one image."""
    return agreement(runner(image), reference(image))


def agreement(got: Logits, expected: Logits) -> Agreement:
    """Compare logits.

    Args:
        got: (class, *S').
        expected: the same, of the runner to trust.

    Returns:
        the disagreement; NaN where a logit is no number.

    >>> expected = np.float32([[[0, 2]], [[1, 1]]])
    >>> agreement(expected + 0.5, expected)
    Agreement(largest_difference=0.25, share_of_labels_changed=0.0, pixels=2)
    """
    span = float(max(expected.max(), 0) - min(expected.min(), 0)) or 1.0
    changed = labels_of(expected) != labels_of(got)
    return Agreement(float(np.abs(got - expected).max()) / span, float(changed.mean()), changed.size)


def labels_of(logits: Logits) -> NDArray[Any]:
    """The class of each pixel."""
    return np.asarray(logits.argmax(axis=0))


def refuse_disagreement(agreements: Mapping[str, Agreement], tolerance: Tolerance) -> None:
    """Stop where a runner is too far from plain PyTorch.

    Raises:
        PredictionError: it is.
    """
    for what, agreement in agreements.items():
        if not agreement.is_within(tolerance):
            raise PredictionError(
                f"on the {what} it differs from PyTorch in float32: {agreement} (allowed: "
                f"{tolerance.largest_difference:.0e} and {tolerance.share_of_labels_changed:.1%})"
            )
