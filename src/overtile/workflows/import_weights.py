"""From the weights of other U-Net code to a model file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from overtile import __version__
from overtile.bundle import Manifest, save
from overtile.core import ModelFileError, Normalization, OptionError
from overtile.core.atomic import refuse_overwrite
from overtile.models import build, is_same_network, load_foreign_state, preset_arguments, read_checkpoint
from overtile.models.network import SegmentationNet
from overtile.workflows.model import Model
from overtile.workflows.provenance import provenance

EIGHT_BIT = 255.0
"""Most code divides 8-bit images by this, as the release of 2015 and milesial/Pytorch-UNet do."""


@dataclass(frozen=True)
class Meaning:
    """What a checkpoint does not say about its network.

    Attributes:
        channels: of the images; None: as many as the first convolution of the checkpoint takes.
        classes: channels of the logits; None: the number with which the network fits the checkpoint. 1 stands for a network with a
            sigmoid, which becomes one of two classes with the same probabilities.
        values: that label images hold for each class, rising; None: 0, 1, 2, ...
        names: of the classes; None: background and foreground, or class 0, class 1, ...
        offset: per channel, or one for all: the network is given (image - offset) / scale.
        scale: per channel, or one for all.
    """

    channels: int | None = None
    classes: int | None = None
    values: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None
    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (EIGHT_BIT,)


def import_weights(
    checkpoint: str | Path,
    preset: str,
    output: str | Path,
    *,
    meaning: Meaning | None = None,
    width: int | None = None,
    overwrite: bool = False,
) -> Model:
    """Write a model file with the weights of a state dictionary that other code saved.

    Args:
        checkpoint: written by torch.save(model.state_dict(), ...). No code in it is run.
        preset: a key of overtile.models.PRESETS: the network that the weights belong to.
        output: the model file to write.
        meaning: what the checkpoint does not say; the default is 8-bit images divided by 255.
        width: channels at full resolution, where they are not those of the preset.
        overwrite: replace the model file if it exists.

    Raises:
        ModelFileError: the checkpoint cannot be read, or is of another network.
        OptionError: the meaning contradicts itself.
        UnknownNameError: there is no such preset.
        OutputExistsError: the model file exists.
    """
    path, output = Path(checkpoint), Path(output)
    refuse_overwrite(output, overwrite=overwrite)
    architecture, arguments = preset_arguments(preset, width)
    meaning = Meaning() if meaning is None else meaning
    state = read_checkpoint(path)
    channels = _channels(state) if meaning.channels is None else meaning.channels

    def make(classes: int) -> SegmentationNet:
        return build(architecture, channels, classes, **arguments)

    outputs = _outputs(state, make) if meaning.classes is None else meaning.classes
    values, names = class_meaning(meaning, max(outputs, 2))
    normalization = Normalization(
        per_channel("offset", meaning.offset, channels), per_channel("scale", meaning.scale, channels)
    )
    if min(normalization.scale) <= 0:
        raise OptionError(f"expected a scale above 0, got {normalization.scale}: images are divided by it")
    network = make(outputs)
    load_foreign_state(network, state)
    if outputs == 1:
        network = with_background(network, make(2))
    manifest = Manifest(
        architecture=architecture,
        arguments=arguments,
        in_channels=channels,
        num_classes=len(values),
        normalization=normalization,
        task="semantic",
        target="classes",
        class_values=values,
        class_names=names,
        training={**provenance(), "imported": {"preset": preset, "checkpoint": path.name, "sha256": digest_of(path)}},
        overtile_version=__version__,
    )
    save(output, manifest, network, overwrite=overwrite)
    return Model(manifest, network.eval(), name=output.name)


def digest_of(path: Path) -> str:
    """A short name for the content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _channels(state: Mapping[str, Tensor]) -> int:
    """What the first convolution takes; filters are (out, in, *kernel)."""
    return int(_filters(state)[0].shape[1])


def _outputs(state: Mapping[str, Tensor], make: Callable[[int], SegmentationNet]) -> int:
    """What one of the convolutions gives: of the last one with which the network fits, else of the last.

    A guidance branch, or up-convolutions that are registered late, may follow the head.
    """
    counts = [int(filters.shape[0]) for filters in reversed(_filters(state))]
    for count in dict.fromkeys(counts):
        with torch.device("meta"):
            network = make(count)
        if is_same_network(network, state):
            return count
    return counts[0]


def _filters(state: Mapping[str, Tensor]) -> list[Tensor]:
    found = [tensor for tensor in state.values() if tensor.ndim >= 4]
    if not found:
        raise ModelFileError(
            f"the checkpoint holds no convolution among its {len(state)} tensors: expected the state dictionary of a U-Net"
        )
    return found


def class_meaning(meaning: Meaning, classes: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Values and names of the classes.

    Raises:
        OptionError: there are not as many as classes, or the values do not rise.

    >>> class_meaning(Meaning(values=(0, 255)), 2)
    ((0, 255), ('background', 'foreground'))
    """
    values = tuple(range(classes)) if meaning.values is None else meaning.values
    usual = ("background", "foreground") if classes == 2 else tuple(f"class {value}" for value in values)
    names = usual if meaning.names is None else meaning.names
    for kind, given in (("values", values), ("names", names)):
        if len(given) != classes:
            raise OptionError(f"expected one of the class {kind} for each of {classes} classes, got {given}")
    if values[0] < 0 or list(values) != sorted(set(values)):
        raise OptionError(
            f"expected class values that rise from 0 or more, got {values}: the network's first class first"
        )
    return values, names


def per_channel(kind: str, given: Sequence[float], channels: int) -> tuple[float, ...]:
    """One number for each channel; a single one stands for all.

    Raises:
        OptionError: there is another number of them.

    >>> per_channel("scale", [255.0], 3)
    (255.0, 255.0, 255.0)
    """
    if len(given) not in (1, channels):
        raise OptionError(f"expected one {kind}, or one for each of {channels} channels, got {len(given)}")
    return tuple(given) * (1 if len(given) == channels else channels)


def with_background(one: nn.Module, two: SegmentationNet) -> SegmentationNet:
    """A network of two classes whose softmax is the sigmoid of a network of one.

    softmax(0, z)_1 = 1 / (1 + exp(-z)), so that the background's logit is made 0: its filters and biases are.

    Args:
        one: the network with one output.
        two: the same network with two outputs; its weights are replaced.
    """
    single = one.state_dict()
    two.load_state_dict(
        {
            name: single[name]
            if single[name].shape == tensor.shape
            else torch.cat([torch.zeros_like(single[name]), single[name]])
            for name, tensor in two.state_dict().items()
        }
    )
    return two
