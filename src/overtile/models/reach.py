"""How far each operation of torch reaches: the rule that turns the spans of its input into those of its result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from overtile.core.errors import ShapeError
from overtile.models.spans import Span, convolution, interpolation, offset, transposed_convolution

Spans = tuple[Span, ...]
"""One span per spatial axis; the spatial axes are a tensor's last."""
Size = tuple[int, ...]


class RaggedError(ShapeError):
    """A pooling drops samples, so that the maps of this input size are not aligned."""


@dataclass(frozen=True)
class Operation:
    """One call of an operation.

    Attributes:
        arguments: by their names in torch's schema.
        spans: of the map it reads.
        before: size of that map.
        after: size of the result.
        reasons: to be extended where the result depends on the size of the map or on all of it.
    """

    arguments: dict[str, Any]
    spans: Spans
    before: Size
    after: Size
    reasons: list[str]

    def per_axis(self, name: str) -> list[int]:
        """An argument that is given once, or once per spatial axis."""
        value: int | Sequence[int] = self.arguments[name]
        values = [value] if isinstance(value, int) else list(value)
        return values * len(self.spans) if len(values) == 1 else values


Rule = Callable[[Operation], Spans]


def _convolution(call: Operation) -> Spans:
    rule = transposed_convolution if call.arguments["transposed"] else convolution
    kernel = call.arguments["weight"].shape[2:]
    lists = [call.per_axis(name) for name in ("stride", "padding", "dilation")]
    return tuple(
        rule(span, kernel=int(k), stride=s, padding=p, dilation=d)
        for span, k, s, p, d in zip(call.spans, kernel, *lists, strict=True)
    )


def _pooling(call: Operation) -> Spans:
    kernel, padding = call.per_axis("kernel_size"), call.per_axis("padding")
    stride = call.per_axis("stride") if call.arguments["stride"] else kernel
    dilation = call.per_axis("dilation") if "dilation" in call.arguments else [1] * len(kernel)
    for n, k, s, p in zip(call.before, kernel, stride, padding, strict=True):
        if k == s and p == 0 and n % s:
            raise RaggedError(f"a map of {n} samples is pooled by {s}")
    return tuple(
        convolution(span, kernel=k, stride=s, padding=p, dilation=d)
        for span, k, s, p, d in zip(call.spans, kernel, stride, padding, dilation, strict=True)
    )


def _interpolation(mode: str) -> Rule:
    def rule(call: Operation) -> Spans:
        factors = [Fraction(n, m) for n, m in zip(call.after, call.before, strict=True)]
        align_corners = bool(call.arguments.get("align_corners", False))
        if align_corners:
            call.reasons.append("interpolation with align_corners=True depends on the size of the map")
        if any(f.denominator > 1 and f.numerator > 1 for f in factors):
            call.reasons.append(f"interpolation from {call.before} to {call.after} depends on the size of the map")
        return tuple(
            interpolation(span, f, mode, align_corners=align_corners)
            for span, f in zip(call.spans, factors, strict=True)
        )

    return rule


def _pad(call: Operation) -> Spans:
    pad = call.arguments["pad"] if "pad" in call.arguments else call.arguments["padding"]
    near = list(pad)[::2][::-1]  # torch names the last axis first
    near = [0] * (len(call.spans) - len(near)) + near[-len(call.spans) :]
    return tuple(offset(span, -p) for span, p in zip(call.spans, near, strict=True))


def _slice(call: Operation) -> Spans:
    ndim = call.arguments["self"].ndim
    axis = call.arguments["dim"] % ndim - (ndim - len(call.spans))
    if axis < 0:
        return call.spans
    start = call.arguments["start"] or 0
    start = max(start + call.before[axis], 0) if start < 0 else start
    moved = offset(call.spans[axis], start, call.arguments["step"])
    return (*call.spans[:axis], moved, *call.spans[axis + 1 :])


def _shuffle(call: Operation) -> Spans:
    factor = Fraction(call.arguments["upscale_factor"])
    return tuple(interpolation(span, factor, "nearest", align_corners=False) for span in call.spans)


RULES: dict[str, Rule] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _pooling,
    "max_pool3d_with_indices": _pooling,
    "avg_pool2d": _pooling,
    "avg_pool3d": _pooling,
    "upsample_nearest2d": _interpolation("nearest"),
    "upsample_nearest3d": _interpolation("nearest"),
    "_upsample_nearest_exact2d": _interpolation("nearest-exact"),
    "_upsample_nearest_exact3d": _interpolation("nearest-exact"),
    "upsample_bilinear2d": _interpolation("linear"),
    "upsample_trilinear3d": _interpolation("linear"),
    "upsample_bicubic2d": _interpolation("cubic"),
    "constant_pad_nd": _pad,
    "reflection_pad2d": _pad,
    "reflection_pad3d": _pad,
    "replication_pad2d": _pad,
    "replication_pad3d": _pad,
    "slice": _slice,
    "pixel_shuffle": _shuffle,
}
"""Operations that move or widen what a sample depends on."""

GLOBAL = {"_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d"}
"""Operations whose every sample sees the whole map; what follows from them alone is not traced."""

STATISTICS = {
    "native_batch_norm",
    "_native_batch_norm_legit",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "native_group_norm",
}
"""Normalisations that may take their mean and variance from the map."""

SAMPLE_BY_SAMPLE = STATISTICS | {
    "_native_batch_norm_legit_no_training",
    "native_dropout",
    "log_sigmoid_forward",
    "_prelu_kernel",
    "hardswish",
    "hardswish_",
    "channel_shuffle",
    "clone",
    "contiguous",
    "detach",
    "alias",
    "lift_fresh",
    "_to_copy",
    "fill_",
    "zeros_like",
    "full_like",
    "ones_like",
    "empty_like",
}
"""Operations that are element-wise in space although torch does not tag them so."""

LEADING_AXES = {"view", "_unsafe_view", "expand", "unsqueeze", "squeeze", "select", "split", "unbind", "repeat"}
"""Operations on the leading axes, where the size in space stays."""
