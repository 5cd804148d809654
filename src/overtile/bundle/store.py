"""Write and read the model file: a zip of manifest.json, weights.safetensors and a test case. No pickle.

An ensemble has the weights of its further members in weights-1.safetensors, weights-2.safetensors, ...
"""

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from overtile.bundle.manifest import Manifest
from overtile.core import ModelFileError
from overtile.core.atomic import atomic_file
from overtile.models import Ensemble, build, geometry, members_of

MANIFEST, WEIGHTS, TEST_CASE = "manifest.json", "weights.safetensors", "test_case.safetensors"
TOLERANCE = 1e-3
"""Largest difference from the stored output that a load accepts, as a share of that output's range."""


@dataclass(frozen=True)
class Bundle:
    """A loaded model file.

    Attributes:
        manifest: what the file says.
        model: the network, or the ensemble, in evaluation mode, float32, on the CPU.
        test_input: (1, channels, y, x), normalised.
        test_output: the logits that the network gave when it was saved.
    """

    manifest: Manifest
    model: nn.Module
    test_input: Tensor
    test_output: Tensor


def save(path: Path, manifest: Manifest, model: nn.Module, *, overwrite: bool = False) -> None:
    """Write a model file; it bears its name only when it is complete.

    Args:
        path: of the file to write.
        manifest: its content apart from the weights; the number of members is set here.
        model: the network, or an ensemble; its floating-point weights are stored as float32.
        overwrite: replace a file of that name.

    Raises:
        OutputExistsError: the file exists and `overwrite` is False.
    """
    model = model.eval().cpu().float()
    members = members_of(model)
    manifest = replace(manifest, members=len(members))
    test_input = _test_input(members[0], manifest.in_channels)
    with torch.inference_mode():
        test_output = model(test_input)
    parts = {
        name: safetensors.torch.save({key: tensor.contiguous() for key, tensor in member.state_dict().items()})
        for name, member in zip(_weight_files(len(members)), members, strict=True)
    }
    parts[TEST_CASE] = safetensors.torch.save({"input": test_input, "output": test_output.contiguous()})
    digests = {name: _digest(data) for name, data in parts.items()}
    with atomic_file(path, overwrite=overwrite) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MANIFEST, json.dumps({**manifest.to_json(), "sha256": digests}, indent=1))
        for name, data in parts.items():
            archive.writestr(name, data)


def load(path: Path) -> Bundle:
    """Read a model file and verify it by its test case.

    Raises:
        ModelFileError: the file is missing, truncated, altered, or not a model file.
    """
    parts = _read_parts(path)
    try:
        content: dict[str, Any] = json.loads(parts[MANIFEST])
    except ValueError as error:
        raise ModelFileError(f"{path} has a manifest that is no JSON ({error})") from error
    manifest = Manifest.from_json(content)
    files = _weight_files(manifest.members)
    for name in (*files, TEST_CASE):
        if _digest(parts.get(name, b"")) != content.get("sha256", {}).get(name):
            raise ModelFileError(f"{path} was altered: {name} does not have the checksum that its manifest states")
    try:
        members = [_network(manifest, parts[name]) for name in files]
        test_case = safetensors.torch.load(parts[TEST_CASE])
    except (RuntimeError, SafetensorError) as error:
        raise ModelFileError(f"{path} holds weights that do not fit its architecture: {error}") from error
    model = members[0] if len(members) == 1 else Ensemble(members)
    bundle = Bundle(manifest, model.eval(), test_case["input"], test_case["output"])
    _verify(path, bundle)
    return bundle


def _weight_files(members: int) -> list[str]:
    """Names of the files of weights.

    >>> _weight_files(2)
    ['weights.safetensors', 'weights-1.safetensors']
    """
    stem, _, suffix = WEIGHTS.partition(".")
    return [WEIGHTS, *(f"{stem}-{i}.{suffix}" for i in range(1, members))]


def _network(manifest: Manifest, weights: bytes) -> nn.Module:
    model = build(manifest.architecture, manifest.in_channels, manifest.num_classes, **manifest.arguments)
    model.load_state_dict(safetensors.torch.load(weights))
    return model


def _read_parts(path: Path) -> dict[str, bytes]:
    """The content of the zip; the manifest is among it."""
    if not path.is_file():
        raise ModelFileError(f"there is no model file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in {MANIFEST, *archive.namelist()}}
    except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
        raise ModelFileError(
            f"{path} is no overtile model, or is truncated ({error}): expected a file written by `overtile train`; "
            "copy it again, or train again"
        ) from error


def _verify(path: Path, bundle: Bundle) -> None:
    with torch.inference_mode():
        output = bundle.model(bundle.test_input)
    span = float(bundle.test_output.max() - bundle.test_output.min()) or 1.0
    difference = float((output - bundle.test_output).abs().max()) / span
    if not difference <= TOLERANCE:
        raise ModelFileError(
            f"{path} does not give its own test output (difference {difference:.2g} of the range, at most {TOLERANCE} "
            "expected): the file was made by an incompatible version"
        )


def _test_input(model: nn.Module, channels: int) -> Tensor:
    """Noise of the smallest size that exercises every level of the network."""
    shape = geometry(model, channels)
    size = shape.input_size([2 * n for n in shape.stride])
    return torch.randn((1, channels, *size), generator=torch.Generator().manual_seed(0))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
