"""Sizes of maps: padding to the stride, cropping, and the sizes that valid convolutions accept."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from overtile.core.errors import ShapeError

Map = Float[Tensor, "batch channels *space"]


@dataclass(frozen=True)
class AnySize:
    """A network of padded convolutions: an image is continued with zeros, at its far ends, to a multiple of the stride.

    Attributes:
        multiple: total stride of the network.
        smallest: size to which a smaller image is continued at least.
    """

    multiple: int
    smallest: int = 1

    def fit(self, x: Map) -> Tensor:
        """Pad the spatial axes to a multiple of the stride."""
        missing = [-n % self.multiple if n >= self.smallest else self.smallest - n for n in x.shape[2:]]
        if not any(missing):
            return x
        return F.pad(x, [p for extra in reversed(missing) for p in (0, extra)])


@dataclass(frozen=True)
class ValidSizes:
    """A network of valid convolutions accepts the sizes smallest + k * step, k = 0, 1, ...

    Attributes:
        smallest: input size that gives the smallest output.
        step: total stride of the network.

    >>> ValidSizes(188, 16).nearest(200)
    (188, 204)
    """

    smallest: int
    step: int

    def nearest(self, size: int) -> tuple[int, ...]:
        """The largest valid size not above `size` (where there is one) and the smallest not below it."""
        below = (size - self.smallest) // self.step
        steps = {max(below, 0), max(-(-(size - self.smallest) // self.step), 0)}
        return tuple(self.smallest + self.step * k for k in sorted(steps))

    def fit(self, x: Map) -> Tensor:
        """Return the image as it is.

        Raises:
            ShapeError: an axis has a size that the network does not accept.
        """
        for n in x.shape[2:]:
            if n < self.smallest or (n - self.smallest) % self.step:
                nearest = " or ".join(map(str, self.nearest(int(n))))
                raise ShapeError(
                    f"a network of valid convolutions expected sizes of {self.smallest} + {self.step} k per axis, got "
                    f"{tuple(x.shape[2:])}: pad (mirror) or crop {int(n)} to {nearest}, or build it with padding='same'"
                )
        return x


def valid_sizes(depth: int, *, block_loss: int = 4, up_loss: int = 0) -> ValidSizes:
    """Input sizes that a U-Net of valid convolutions accepts, from the bottom up.

    Args:
        depth: number of times that maps are halved.
        block_loss: pixels that a block takes from each axis.
        up_loss: pixels that upsampling takes from each axis.

    >>> valid_sizes(4)
    ValidSizes(smallest=188, step=16)
    """
    bottom = 1
    while not _decodes(bottom, depth, block_loss, up_loss):
        bottom += 1
    size = bottom + block_loss
    for _ in range(depth):
        size = 2 * size + block_loss
    return ValidSizes(size, 2**depth)


def _decodes(size: int, depth: int, block_loss: int, up_loss: int) -> bool:
    for _ in range(depth):
        size = 2 * size - up_loss - block_loss
        if size < 1:
            return False
    return True


def crop_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """Crop the centre of the spatial axes.

    >>> import torch
    >>> crop_to(torch.arange(6.0).reshape(1, 1, 1, 6), (1, 2))
    tensor([[[[2., 3.]]]])
    """
    for axis, wanted in enumerate(size, start=x.ndim - len(size)):
        excess = x.shape[axis] - wanted
        if excess:
            x = x.narrow(axis, excess // 2, wanted)
    return x
