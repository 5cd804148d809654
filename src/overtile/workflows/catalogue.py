"""What the architectures and the published networks cost, and how much of an image they see."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from overtile.core import UnknownNameError
from overtile.models import ARCHITECTURES, PRESETS, build, geometry, preset, summary
from overtile.models.network import SegmentationNet
from overtile.runners import fold_batch_norm

NetworkListener = Callable[[str, float], None]
"""Called with the network that is looked at and the share of all work that is done."""


@dataclass(frozen=True)
class Entry:
    """One network.

    Attributes:
        name: a key of overtile.models.ARCHITECTURES or PRESETS.
        kind: "architecture", with the defaults of its builder, or "preset".
        architecture: that the network is.
        parameters: number of learned values.
        multiply_adds: of its convolutions, for one image of `input_size`.
        input_size: in pixels, (y, x).
        stride: in pixels, per axis.
        receptive_field: pixels per axis that one output pixel depends on.
        halo: pixels on each side that one output pixel needs.
        tile_exact: whether tiles give what the whole image gives.
        reason: why they do not; None where they do.
        source: where the network was published.
    """

    name: str
    kind: str
    architecture: str
    parameters: int
    multiply_adds: int
    input_size: tuple[int, ...]
    stride: int
    receptive_field: int
    halo: int
    tile_exact: bool
    reason: str | None
    source: str


def catalogue(
    names: Sequence[str] = (),
    *,
    in_channels: int = 1,
    num_classes: int = 2,
    output_px: int = 256,
    on_progress: NetworkListener = lambda _name, _fraction: None,
) -> tuple[Entry, ...]:
    """Describe networks; none of their weights is computed.

    Args:
        names: architectures and presets, in the order wanted; none means all of them.
        in_channels: of the images.
        num_classes: channels of the logits.
        output_px: multiply-adds are counted for the smallest image whose output has as many pixels per axis.
        on_progress: told as the work goes on.

    Raises:
        UnknownNameError: there is no such network.

    >>> catalogue(["unet-2015"], output_px=388)[0].input_size
    (572, 572)
    """
    known = [*ARCHITECTURES, *(name for name in PRESETS if name not in ARCHITECTURES)]
    for name in names:
        if name not in known:
            raise UnknownNameError("network", name, known)
    wanted = [kind for name in (names or known) for kind in _kinds(name)]
    entries = []
    for done, (name, kind) in enumerate(wanted):
        on_progress(name, done / len(wanted))
        with torch.device("meta"):
            make = build if kind == "architecture" else preset
            network = make(name, in_channels, num_classes)
        entries.append(_entry(name, kind, network, output_px))
    return tuple(entries)


def _kinds(name: str) -> Iterator[tuple[str, str]]:
    """A name can be that of an architecture and that of a preset."""
    if name in ARCHITECTURES:
        yield name, "architecture"
    if name in PRESETS:
        yield name, "preset"


def _entry(name: str, kind: str, network: SegmentationNet, output_px: int) -> Entry:
    parameters = sum(p.numel() for p in network.parameters())
    folded = fold_batch_norm(network.eval())  # sees as much and multiplies as often, and is traced in half the time
    shape = geometry(folded)
    cost = summary(folded, shape.input_size((output_px,) * len(shape.stride)))
    is_preset = kind == "preset"
    return Entry(
        name=name,
        kind=kind,
        architecture=PRESETS[name].architecture if is_preset else name,
        parameters=parameters,
        multiply_adds=cost.multiply_adds,
        input_size=cost.input_size,
        stride=max(shape.stride),
        receptive_field=max(shape.receptive_field),
        halo=max(shape.halo),
        tile_exact=shape.tile_exact,
        reason=shape.reason,
        source=PRESETS[name].source if is_preset else str(ARCHITECTURES[name].__doc__).partition("\n")[0],
    )
