"""Run a network without computing anything, and note for every map which input pixels it depends on."""

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from overtile.core.errors import ShapeError
from overtile.models.reach import GLOBAL, LEADING_AXES, RULES, SAMPLE_BY_SAMPLE, STATISTICS, Operation, Size, Spans
from overtile.models.spans import IMAGE, union


class UnknownOperationError(ShapeError):
    """A network has an operation whose reach is not known."""


class Tracer(TorchDispatchMode):
    """Carries spans through every operation on maps that depend on the image.

    Attributes:
        reasons: why the result depends on more than each pixel's surroundings; empty where it does not.
        strides: per axis, input pixels after which the network treats its input alike.
        spans: of every map that is still in use.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ndim = image.ndim - 2
        self.reasons: list[str] = []
        self.strides = [1] * self.ndim
        self.spans: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._extents: list[list[tuple[int, Fraction]]] = [[] for _ in range(self.ndim)]
        self.record(image, (IMAGE,) * self.ndim)

    @property
    def spare(self) -> tuple[int, ...]:
        """Per axis, by how many strides the input could be smaller before some map vanishes."""
        return tuple(
            min(int((n - 1) * step / stride) for n, step in extents)
            for stride, extents in zip(self.strides, self._extents, strict=True)
        )

    def size(self, tensor: Tensor) -> Size:
        """The size in space of a map."""
        return tuple(int(n) for n in tensor.shape[-self.ndim :])

    def record(self, tensor: Tensor, spans: Spans) -> None:
        """Note the spans of a map."""
        self.spans[tensor] = spans
        for axis, (span, n) in enumerate(zip(spans, self.size(tensor), strict=True)):
            self.strides[axis] = math.lcm(self.strides[axis], span.stride)
            self._extents[axis].append((n, span.step))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        arguments = _by_name(func, args, kwargs or {})
        sources = [(self.spans[t], self.size(t)) for t in _tensors(arguments) if t in self.spans]
        result = func(*args, **(kwargs or {}))
        results = _tensors(result)
        if sources and results:
            if func._schema.is_mutable and len(sources) > 1 and results[0]._is_view():
                raise UnknownOperationError(f"{func} writes into a part of a map: join whole maps instead")
            spans = self.follow(func, arguments, sources, self.size(results[0]))
            for tensor in results:
                if spans is not None and self.size(tensor) == self.size(results[0]):
                    self.record(tensor, spans)
        return result

    def follow(
        self, func: Any, arguments: dict[str, Any], sources: list[tuple[Spans, Size]], after: Size
    ) -> Spans | None:
        """Spans of an operation's result; None where it has lost the image's axes."""
        name = str(func.overloadpacket).removeprefix("aten.")
        spans, before = sources[0]
        if name in STATISTICS and arguments.get("training", True):
            self.reasons.append(f"a normalisation ({name}) takes its statistics from the whole map")
        if name in RULES:
            return RULES[name](Operation(arguments, spans, before, after, self.reasons))
        if name in GLOBAL or ("dim" in arguments and name not in LEADING_AXES and self._touches_space(arguments)):
            self.reasons.append(f"global pooling ({name}) takes the whole map into account")
            return None
        if name in LEADING_AXES:
            if after == before:
                return spans
        elif "dim" in arguments or name in SAMPLE_BY_SAMPLE or torch.Tag.pointwise in func.tags:
            return self._joined(name, sources, after)
        raise UnknownOperationError(
            f"cannot tell which pixels {func} reads, so that the network's halo is unknown: write it with "
            "convolutions, pooling, interpolation, slices, padding and element-wise operations"
        )

    def _touches_space(self, arguments: dict[str, Any]) -> bool:
        """Whether an operation along the axes `dim` goes along an axis of space."""
        dim, ndim = arguments["dim"], _tensors(arguments)[0].ndim
        dims = [dim] if isinstance(dim, int) else (dim or range(ndim))
        return any(d % ndim >= ndim - self.ndim for d in dims)

    def _joined(self, name: str, sources: list[tuple[Spans, Size]], after: Size) -> Spans:
        axes = list(zip(*(spans for spans, _ in sources), strict=True))
        sizes = {size for _, size in sources} | {after}
        if len(sizes) > 1 or any(len({span.step for span in axis}) > 1 for axis in axes):
            raise UnknownOperationError(
                f"{name} joins maps of the sizes {sorted(sizes)}, or of different resolutions: maps of one size and "
                "one resolution were expected"
            )
        return tuple(union(axis) for axis in axes)


def _by_name(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """An operation's arguments by their names in its schema, with the defaults."""
    schema = func._schema.arguments
    defaults = {a.name: a.default_value for a in schema if a.has_default_value()}
    return defaults | {a.name: value for a, value in zip(schema, args, strict=False)} | kwargs


def _tensors(nested: Any) -> list[Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(nested) if isinstance(leaf, Tensor)]
