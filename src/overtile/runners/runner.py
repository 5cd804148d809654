"""What every runner is."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from overtile.core import OptionError
from overtile.runners.device import Precision


@runtime_checkable
class Runner(Protocol):
    """A network that is ready to be computed.

    To be called from one thread at a time.

    Attributes:
        name: a key of overtile.runners.RUNNERS.
        precision: that it multiplies in.
        device: that it computes on.
    """

    name: str
    precision: Precision
    device: torch.device

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (class, *S') of a normalised image (channel, *S)."""

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (image, class, *S') of normalised images (image, channel, *S)."""


def refuse_unless(name: str, *, device: torch.device, precision: Precision, can: tuple[Precision, ...]) -> None:
    """Stop where a runner of processors is asked for what it cannot do.

    Args:
        name: of the runner.
        device: asked for.
        precision: asked for.
        can: precisions that the runner has.

    Raises:
        OptionError: the device is no processor, or the runner does not have the precision.
    """
    if device.type != "cpu":
        raise OptionError(f"the runner {name!r} computes on the CPU, not on {str(device)!r}: choose --runner torch")
    if precision not in can:
        raise OptionError(f"the runner {name!r} computes in {' or '.join(can)}, not in {precision}")
