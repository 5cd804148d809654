"""What a network needs around each pixel, and which sizes it takes: computed from its operations, never typed in."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from overtile.core.errors import ShapeError
from overtile.models.reach import RaggedError
from overtile.models.spans import Indices, Span
from overtile.models.tracing import Tracer, UnknownOperationError

PROBE = 512
"""First input size that is tried, per axis; a multiple of every stride in use."""
PROBES = 128
"""Number of consecutive sizes that are tried."""


@dataclass(frozen=True)
class Geometry:
    """How a network maps input pixels to output pixels, per spatial axis ([z], y, x), in pixels.

    Attributes:
        stride: the network treats its input alike after this many pixels; tiles begin at multiples of it.
        receptive_field: largest number of input pixels that one output pixel depends on.
        halo: context on each side of any single output pixel that makes it exact, not rounded to the stride.
        tile_halo: the same for a tile that begins and ends at multiples of the stride, where fewer pixels do; not
            rounded to the stride. (Networks of valid convolutions need none: read from `margin` pixels before the
            tile on, and `input_size` in all.)
        margin: pixels that valid convolutions take from each side; output pixel i lies on input pixel i + margin.
        smallest: smallest valid input size.
        size_step: valid input sizes are smallest + k * size_step.
        tile_exact: whether tiles, with their halo, give what the whole image gives.
        reason: why not; None where they do.
    """

    stride: tuple[int, ...]
    receptive_field: tuple[int, ...]
    halo: tuple[int, ...]
    tile_halo: tuple[int, ...]
    margin: tuple[int, ...]
    smallest: tuple[int, ...]
    size_step: tuple[int, ...]
    tile_exact: bool
    reason: str | None

    def output_size(self, input_size: Sequence[int]) -> tuple[int, ...]:
        """Size of the output for a valid input size.

        Raises:
            ShapeError: the network does not take this size; the nearest valid ones are named.
        """
        for n, smallest, step in zip(input_size, self.smallest, self.size_step, strict=True):
            if n < smallest or (n - smallest) % step:
                nearest = " or ".join(str(size) for size in self.nearest_sizes(input_size))
                raise ShapeError(f"expected sizes of {smallest} + {step} k, got {tuple(input_size)}: use {nearest}")
        return tuple(n - 2 * m for n, m in zip(input_size, self.margin, strict=True))

    def input_size(self, output_size: Sequence[int]) -> tuple[int, ...]:
        """Smallest valid input size whose output has at least `output_size` pixels per axis."""
        return tuple(
            smallest + step * max(-((smallest - wanted - 2 * margin) // step), 0)
            for wanted, margin, smallest, step in zip(
                output_size, self.margin, self.smallest, self.size_step, strict=True
            )
        )

    def nearest_sizes(self, size: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The valid input size not above `size` per axis (or the smallest there is), and the one not below it."""
        axes = list(zip(size, self.smallest, self.size_step, strict=True))
        below = tuple(low + step * max((n - low) // step, 0) for n, low, step in axes)
        above = tuple(low + step * max(-((low - n) // step), 0) for n, low, step in axes)
        return (below,) if below == above else (below, above)


def geometry(model: nn.Module, in_channels: int | None = None) -> Geometry:
    """Find out the geometry of a fully convolutional network, as it is in evaluation.

    The network is run on a tensor that has a shape but no values, while every operation notes which input pixels its
    result depends on.

    Args:
        model: maps (batch, in_channels, *S) to (batch, channels, *S') with one output pixel per input pixel.
        in_channels: of the image; None reads `model.in_channels` or the first convolution.

    Raises:
        ShapeError: the network has an operation whose reach is unknown, does not return a map, or takes no size.

    >>> geometry(nn.Conv2d(1, 1, 5, padding=2)).halo
    (2, 2)
    >>> geometry(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))).margin
    (2, 2)
    """
    channels, ndim = input_of(model, in_channels)
    with without_values(model):
        size, tracer, output = _trace_some_size(model, channels, ndim)
        takes_any_size = _takes_one_pixel(model, channels, ndim)
    spans: tuple[Span, ...] = tracer.spans[output]
    if any(span.step != 1 for span in spans):
        raise ShapeError(
            f"expected one output pixel per input pixel, got one per {[str(s.step) for s in spans]}: enlarge the output"
        )
    margin = tuple((size - int(n)) // 2 for n in output.shape[2:])
    pairs = list(zip(spans, margin, strict=True))
    stride = tuple(tracer.strides)
    return Geometry(
        stride=stride,
        receptive_field=tuple(int((s.hi - s.lo).max()) + 1 for s in spans),
        halo=tuple(max(m, *_reach(s, m, np.arange(s.period))) for s, m in pairs),
        tile_halo=tuple(
            max(m, _reach(s, m, np.array([0]))[0], _reach(s, m, np.array([n - 1]))[1])
            for (s, m), n in zip(pairs, stride, strict=True)
        ),
        margin=margin,
        smallest=tuple(1 if takes_any_size else size - s * k for s, k in zip(stride, tracer.spare, strict=True)),
        size_step=(1,) * ndim if takes_any_size else stride,
        tile_exact=not tracer.reasons,
        reason="; ".join(dict.fromkeys(tracer.reasons)) or None,
    )


def _reach(span: Span, margin: int, index: Indices) -> tuple[int, int]:
    """How many pixels before and behind their own place these output pixels look, at most."""
    lo, hi = span.at(index, index)
    return int((index + margin - lo).max()), int((hi - index - margin).max())


def _trace_some_size(model: nn.Module, channels: int, ndim: int) -> tuple[int, Tracer, Tensor]:
    """Trace the first size, from PROBE on, that goes through the network with all its maps aligned."""
    failure: Exception | None = None
    for size in range(PROBE, PROBE + PROBES):
        image = empty_image(model, channels, [size] * ndim)
        tracer = Tracer(image)
        try:
            with tracer:
                output = model(image)
        except UnknownOperationError:
            raise
        except (RaggedError, RuntimeError, ValueError) as error:
            failure = error
            continue
        if not isinstance(output, Tensor):
            raise ShapeError(f"expected a network that returns one map, got {type(output).__name__}: wrap it")
        if output not in tracer.spans:
            raise ShapeError(
                f"expected a network that returns a map, got {tuple(output.shape)} without the image's axes"
            )
        return size, tracer, output
    raise ShapeError(
        f"no input of {PROBE} to {PROBE + PROBES - 1} pixels and {channels} channel(s) goes through the network; "
        f"the last attempt said: {failure}"
    )


def _takes_one_pixel(model: nn.Module, channels: int, ndim: int) -> bool:
    """Whether the smallest image there is goes through, so that every size does."""
    try:
        output = model(empty_image(model, channels, [1] * ndim))
    except (RuntimeError, ValueError):
        return False
    return tuple(output.shape[2:]) == (1,) * ndim


def empty_image(model: nn.Module, channels: int, size: Sequence[int]) -> Tensor:
    """An image of the network's type, on its device."""
    parameter = next(model.parameters())
    return torch.empty(1, channels, *size, device=parameter.device, dtype=parameter.dtype)


def input_of(model: nn.Module, in_channels: int | None = None) -> tuple[int, int]:
    """Number of channels and of spatial axes of a network's input."""
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)), None)
    if first is None:
        raise ShapeError(f"expected a convolutional network, got {type(model).__name__} without Conv2d or Conv3d")
    channels = in_channels or getattr(model, "in_channels", None) or first.in_channels
    return int(channels), len(first.kernel_size)


@contextmanager
def without_values(model: nn.Module) -> Iterator[None]:
    """Let a network run, in evaluation, on shapes alone; afterwards each of its modules is in the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    complaints = logging.getLogger("torch._subclasses.fake_tensor")  # of sizes that do not fit, which are tried here
    level = complaints.level
    model.eval()
    complaints.setLevel(logging.CRITICAL)
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        complaints.setLevel(level)
        for module, training in modes.items():
            module.training = training
