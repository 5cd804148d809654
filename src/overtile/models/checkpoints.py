"""Weights from elsewhere: state dictionaries of other U-Net code, and ImageNet checkpoints for the encoders.

Other code names its modules in its own way. What does not depend on names is taken instead: a convolution with the
normalisation that follows it is a unit, known by the shapes of its tensors, and units of equal shapes come in the order
in which they are computed, as in every U-Net that registers its encoder first and its decoder coarse to fine.
"""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from overtile.core.errors import ModelFileError
from overtile.models.encoders import Encoder

State = Mapping[str, Tensor]
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the state dictionary."""

UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    SafetensorError, pickle.UnpicklingError, struct.error,
)  # fmt: skip
"""What readers raise on damaged files and on others' pickles."""


@dataclass(frozen=True)
class Unit:
    """A convolution and the normalisation after it.

    Attributes:
        names: of its tensors in the state dictionary.
        shapes: kind ("weight", "bias", "running_mean", "running_var") and shape of each.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    def __str__(self) -> str:
        return f"{self.names[0].rpartition('.')[0]} {' '.join(str(list(s)) for _, s in self.shapes)}"


def units(state: State) -> list[Unit]:
    """Group a state dictionary into units, in its order.

    >>> [str(u) for u in units(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict())]
    ['0 [2, 1, 3, 3] [2] [2] [2] [2] [2]']
    """
    modules: dict[str, list[str]] = {}
    for name in state:
        prefix, _, kind = name.rpartition(".")
        if kind in ("weight", "bias", "running_mean", "running_var"):
            modules.setdefault(prefix, []).append(name)
    groups: list[list[str]] = []
    for names in modules.values():
        is_norm = all(state[name].ndim == 1 for name in names)
        if is_norm and groups:
            groups[-1].extend(names)
        else:
            groups.append(list(names))
    return [Unit(tuple(names), tuple((n.rpartition(".")[2], tuple(state[n].shape)) for n in names)) for names in groups]


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint; no code in it is run.

    Args:
        path: written by torch.save, or a .safetensors file, such as timm's weights come in.

    Raises:
        ModelFileError: there is no such file, it is no checkpoint, or holds more than tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"there is no checkpoint {path}: expected a file of torch.save, or .safetensors")
    try:
        content: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except UNREADABLE as error:
        raise ModelFileError(
            f"{path} cannot be read as a PyTorch checkpoint of tensors: save it with torch.save(model.state_dict(), "
            f"path). Whole pickled models are not loaded, since they can run any code. ({type(error).__name__})"
        ) from error
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    state = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not state:
        raise ModelFileError(f"{path} holds no state dictionary: save it with torch.save(model.state_dict(), path)")
    return state


def load_foreign_state(model: nn.Module, state: State) -> dict[str, str]:
    """Copy the weights of another implementation of the same network.

    Args:
        model: one of the presets. All of its tensors must be found, and all of the other's must be used.
        state: state dictionary of the write-ups' code, milesial/Pytorch-UNet or the papers' official code.

    Returns:
        for each tensor of `model` that was set, its name in `state`.

    Raises:
        ModelFileError: the two are different networks; the units that only one of them has are named.

    >>> theirs = nn.Sequential(nn.Conv2d(1, 2, 3))
    >>> load_foreign_state(nn.ModuleDict({"conv": nn.Conv2d(1, 2, 3)}), theirs.state_dict())
    {'conv.weight': '0.weight', 'conv.bias': '0.bias'}
    """
    pairs, missing, left = _paired(model, state)
    if missing or left:
        raise ModelFileError(
            "the checkpoint is of another network than this preset. Not in the checkpoint: "
            f"{'; '.join(map(str, missing[:5])) or 'nothing'} ({len(missing)} in all). Not in the network: "
            f"{'; '.join(map(str, left[:5])) or 'nothing'} ({len(left)} in all). Choose the preset, its width, the "
            "channels and the classes that it was trained with"
        )
    return _copy(model, state, pairs)


def is_same_network(model: nn.Module, state: State) -> bool:
    """Whether `load_foreign_state` would succeed; the model's tensors need no values.

    >>> is_same_network(nn.Conv2d(1, 2, 3), nn.Conv2d(1, 4, 3).state_dict())
    False
    """
    _, missing, left = _paired(model, state)
    return not missing and not left


def _paired(model: nn.Module, state: State) -> tuple[list[tuple[Unit, Unit]], list[Unit], list[Unit]]:
    """Units of both, in pairs; those of the model alone; those of the state alone."""
    left = units(state)
    pairs, missing = [], []
    for ours in units(model.state_dict()):
        theirs = next((unit for unit in left if unit.shapes == ours.shapes), None)
        if theirs is None:
            missing.append(ours)
        else:
            left.remove(theirs)
            pairs.append((ours, theirs))
    return pairs, missing, left


def load_imagenet(model: nn.Module, path: str | Path) -> dict[str, str]:
    """Load ImageNet weights into the encoder of a Mobile U-Net or an Eff-UNet from a local timm or torchvision file.

    What the checkpoint has beyond the encoder (its classifier) is left out. Where the image has not 3 channels, the
    first convolution is adapted: one channel gets the sum of the three filters, others repeat them, scaled by 3 / n.

    Args:
        model: the network.
        path: a state dictionary saved by torch.save. Mind `same_padding` and `norm_eps` of the network: torchvision
            and timm's efficientnet_* use "symmetric" (eps 1e-5 up to B4), timm's tf_efficientnet_* "tensorflow" (1e-3).

    Returns:
        for each tensor of the encoder that was set, its name in the file.

    Raises:
        ModelFileError: the file is no such checkpoint; the first unit that differs is named.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise ModelFileError(f"expected a network with an encoder, got {type(model).__name__}")
    state = read_checkpoint(path)
    ours, theirs = units(encoder.state_dict()), units(state)
    if theirs:
        first = theirs[0].names[0]
        state[first] = adapted(state[first], encoder.state_dict()[ours[0].names[0]].shape[1])
        theirs = units(state)
    for index, (expected, found) in enumerate(zip(ours, theirs, strict=False)):
        if expected.shapes != found.shapes:
            raise ModelFileError(
                f"{path} is no checkpoint of this encoder: at place {index} expected {expected}, got {found}. Choose "
                "the variant that it was trained for"
            )
    if len(theirs) < len(ours):
        raise ModelFileError(f"{path} ends after {len(theirs)} of the {len(ours)} convolutions of this encoder")
    return _copy(encoder, state, list(zip(ours, theirs, strict=False)))


def adapted(weight: Tensor, channels: int) -> Tensor:
    """Filters for images of `channels` channels from filters (out, in, *kernel) for others.

    >>> adapted(torch.tensor([[[[1.0]], [[2.0]], [[3.0]]]]), 1).flatten().tolist()
    [6.0]
    """
    before = weight.shape[1]
    if weight.ndim < 4 or channels == before:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    return weight[:, torch.arange(channels) % before] * (before / channels)


def _copy(model: nn.Module, state: State, pairs: list[tuple[Unit, Unit]]) -> dict[str, str]:
    names = {our: their for ours, theirs in pairs for our, their in zip(ours.names, theirs.names, strict=True)}
    model.load_state_dict({our: state[their] for our, their in names.items()}, strict=False)
    return names
