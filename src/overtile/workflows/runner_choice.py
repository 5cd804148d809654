"""Which runner computes a model: the fastest that is installed and agrees with plain PyTorch."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.core import Normalization, OptionError, PredictionError, UnknownNameError, read_mirrored
from overtile.models import Geometry, summary
from overtile.prediction import Plane
from overtile.runners import (
    PACKAGES,
    RUNNERS,
    Precision,
    Runner,
    fastest_precision,
    is_file,
    is_installed,
    library_of,
    make_runner,
    require,
)
from overtile.workflows.agreement import TOLERANCES, Agreement, Image, check_runner, plain, refuse_disagreement

logger = logging.getLogger(__name__)

AUTO = "auto"

LONG_JOB = 5e11
"""Multiply-adds from which OpenVINO pays: it takes about 0.4 s to start, and saves 4 to 10 % of PyTorch's time on a
processor with AVX512-BF16. About 11 million pixels of the default network."""

HEAVIEST = 4e6
"""No network of the family takes more multiply-adds per pixel with 64 channels at full resolution."""

SAMPLE_PX = 96
"""Output pixels per axis of the real tile on which a runner is checked."""

SAMPLE_SHARE = 64
"""The real tile is looked at in jobs of at least so many times its pixels, where that costs a few percent."""


@dataclass(frozen=True)
class Wish:
    """What the caller asks for.

    Attributes:
        device: to compute on.
        runner: a key of overtile.runners.RUNNERS, a file that `overtile export --int8` wrote, or "auto".
        precision: to multiply in; None for the fastest that the device has units for.

    Raises:
        UnknownNameError: no such runner.
        OptionError: its package is not installed, or the precision needs another runner.
    """

    device: torch.device
    runner: str = AUTO
    precision: Precision | None = None

    def __post_init__(self) -> None:
        if self.runner not in (AUTO, *RUNNERS) and not is_file(self.runner):
            raise UnknownNameError("runner", self.runner, [AUTO, *RUNNERS, "FILE.xml"])
        if self.precision is not None and is_file(self.runner) != (self.precision == "int8"):
            raise OptionError(
                f"int8 needs --runner FILE.xml, written by `overtile export --int8`, and such a file needs int8: got "
                f"{self.runner!r} and {self.precision!r}"
            )
        if self.runner != AUTO:
            require(library_of(self.runner))

    def candidates(self, *, long_job: bool) -> list[tuple[str, Precision]]:
        """Runners and precisions to try, the fastest first; ONNX Runtime only by name, since it is nowhere the fastest.

        >>> Wish(torch.device("cpu"), "onnx").candidates(long_job=True)
        [('onnx', 'float32')]
        """
        if is_file(self.runner):
            return [(self.runner, "int8")]
        if self.runner != AUTO:
            return [(self.runner, self.precision or fastest_precision(self.runner, self.device))]
        with_openvino = long_job and self.device.type == "cpu" and is_installed("openvino")
        names = ["openvino", "torch"] if with_openvino else ["torch"]
        fastest = fastest_precision("torch", self.device)
        precisions = [self.precision] if self.precision else list(dict.fromkeys((fastest, "float32")))
        return [(name, precision) for precision in precisions for name in names]


@dataclass(frozen=True)
class Chosen:
    """A runner, and why it is used.

    Attributes:
        runner: ready to be called.
        report: JSON values: runner, precision, device, version, threads, agreement with plain PyTorch on each image, and
            which runners were refused.
    """

    runner: Runner
    report: dict[str, Any]


class RunnerChoice:
    """The runner of a network: chosen when it is first needed, and kept.

    Args:
        network: in evaluation mode.
        shape: its geometry.
        wish: what the caller asks for.
    """

    def __init__(self, network: nn.Module, shape: Geometry, wish: Wish) -> None:
        self._network = network
        self._shape = shape
        self._wish = wish
        self._chosen: Chosen | None = None

    @property
    def chosen(self) -> Chosen:
        """The choice; for a job of unknown length, if none was announced."""
        return self._chosen or self.decide()

    def decide(self, pixels: int = 0, sample: Callable[[], Image] | None = None) -> Chosen:
        """Choose for a job, unless that has happened before.

        Args:
            pixels: that are to be predicted.
            sample: gives a normalised piece of an image, (channel, *S), of a size that the network takes.

        Raises:
            PredictionError: no runner agrees with plain PyTorch.
        """
        if self._chosen is None:
            images = {"test case": noise_image(self._network, self._shape)}
            if sample is not None and pixels >= SAMPLE_SHARE * prod(self.sample_size):
                images["middle of an image"] = sample()
            candidates = self._wish.candidates(long_job=self._is_long(pixels))
            self._chosen = choose(self._network, images, candidates, self._wish.device)
            logger.info("%s", described(self._chosen.report))
        return self._chosen

    def decide_for(self, image: Any, images: int, normalization: Normalization) -> Chosen:
        """Choose for a job of images.

        Args:
            image: one of them as it is stored, (channel, [z], y, x), in memory or on disk.
            images: how many there are.
            normalization: of the model.
        """

        def sample() -> Image:
            part = middle_of(image, self.sample_size, mirrored=any(self._shape.margin))
            part = np.nan_to_num(part, posinf=0, neginf=0)  # an image with such samples is refused later, by its name
            return normalization.fitted_to(part)(part)

        return self.decide(images * prod(image.shape[1:]), sample)

    @property
    def sample_size(self) -> tuple[int, ...]:
        """Pixels per axis of the piece that is looked at."""
        return self._shape.input_size((SAMPLE_PX,) * len(self._shape.stride))

    def _is_long(self, pixels: int) -> bool:
        """Whether a job is long enough for the fastest runner to pay."""
        if self._wish.runner != AUTO or self._wish.device.type != "cpu" or pixels * HEAVIEST < LONG_JOB:
            return False
        cost = summary(self._network, self.sample_size).multiply_adds / SAMPLE_PX ** len(self._shape.stride)
        if cost * pixels < LONG_JOB:
            return False
        if not is_installed("openvino"):
            logger.info('OpenVINO would be faster on this CPU and is not installed: pip install "overtile[openvino]"')
        return True


def choose(
    network: nn.Module,
    images: Mapping[str, Image],
    candidates: Sequence[tuple[str, Precision]],
    device: torch.device,
) -> Chosen:
    """The first runner that agrees with plain PyTorch; each one that does not is named in a warning.

    Args:
        network: in evaluation mode.
        images: normalised, (channel, *S), by what they are.
        candidates: runners and precisions, the best first.
        device: to compute on.

    Raises:
        PredictionError: none agrees.
        OptionError: one cannot do what is asked for.
    """
    reference = plain(network)
    refused: list[str] = []
    for name, precision in candidates:
        try:
            runner = make_runner(name, network, device=device, precision=precision)
            agreements = {what: check_runner(runner, reference, image) for what, image in images.items()}
            refuse_disagreement(agreements, TOLERANCES[precision])
        except RuntimeError as error:  # also what the runtimes raise, which name no class of their own
            reason = f"the runner {name!r} in {precision} is not used: {error}"
            refused.append(reason)
            if len(candidates) > len(refused):
                logger.warning("%s", reason)
            continue
        return Chosen(runner, report(runner, agreements, refused))
    raise PredictionError("; ".join(refused) + ". Choose --precision float32 or --runner torch")


def middle_of(image: Any, size: Sequence[int], *, mirrored: bool) -> NDArray[Any]:
    """A part (channel, *size) from the middle of an image or a stack.

    Args:
        image: (channel, [z], y, x), in memory or on disk.
        size: of the part.
        mirrored: continue an image that is smaller; else the part is as small as the image.

    >>> middle_of(np.arange(6).reshape(1, 1, 6), (1, 2), mirrored=True)
    array([[[2, 3]]])
    """
    plane = Plane(image, (slice(None), *(n // 2 for n in image.shape[1:-2])))
    sides = [n if mirrored else min(n, there) for n, there in zip(size, plane.shape[1:], strict=True)]
    starts = [(there - n) // 2 for n, there in zip(sides, plane.shape[1:], strict=True)]
    return read_mirrored(plane, [slice(start, start + n) for start, n in zip(starts, sides, strict=True)])


def noise_image(network: nn.Module, shape: Geometry) -> Image:
    """The input of the test case in the model file: noise of the smallest size that exercises every level."""
    conv = next(m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d))
    size = shape.input_size([2 * n for n in shape.stride])
    noise = torch.randn((1, conv.in_channels, *size), generator=torch.Generator().manual_seed(0))
    image: Image = noise[0].numpy()
    return image


def report(runner: Runner, agreements: Mapping[str, Agreement], refused: Sequence[str]) -> dict[str, Any]:
    """What is told about a runner, and stored beside what it computed."""
    return {
        "runner": runner.name,
        "precision": runner.precision,
        "device": str(runner.device),
        "version": version(PACKAGES[library_of(runner.name)]),
        "threads": torch.get_num_threads() if runner.device.type == "cpu" else None,
        "agreement": {what: asdict(agreement) for what, agreement in agreements.items()},
        "refused": list(refused),
    }


def described(report: Mapping[str, Any]) -> str:
    """A runner in one line.

    >>> described({"runner": "torch", "version": "2.13", "precision": "float32", "device": "cpu", "threads": 2, "agreement": {}})
    'runner: torch 2.13 in float32 on cpu, 2 thread(s)'
    """
    threads = f", {report['threads']} thread(s)" if report["threads"] else ""
    head = f"runner: {report['runner']} {report['version']} in {report['precision']} on {report['device']}{threads}"
    differs = [f"{what}: {Agreement(**found)}" for what, found in report["agreement"].items()]
    return head + (f"; differs from PyTorch in float32 on the {'; on the '.join(differs)}" if differs else "")
