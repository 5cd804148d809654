"""What the parts of benchmarks/gpu.py share: sizes, clocks, and the networks and images that are predicted."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtile.bundle import Manifest, save
from overtile.core import Image
from overtile.core.memory import peak_during
from overtile.data import membranes, write_image
from overtile.runners import peak_on
from overtile.training import Settings
from training_task import Task, task_of, with_overtile

ENOUGH_S = 8.0
"""What has run for so long is not repeated."""

Row = dict[str, Any]
Rows = dict[str, Callable[[], Row]]


@dataclass(frozen=True)
class Sizes:
    """How much is computed.

    Attributes:
        product: rows and columns of the matrices.
        widths: of the networks whose runner is timed.
        tiles: pixels per axis that the runner sees; tiles of 1024 and 2048 with their halo.
        trained: widths of the networks that predict whole images.
        image_px: per axis of the image that is predicted from end to end.
        compared_px: per axis of the image that is predicted in several ways.
        window: of the other tools, per axis.
        steps: of a training.
        repeats: of everything that is timed.
        changes: of the recipes.
    """

    product: int = 8192
    widths: tuple[int, ...] = (16, 32, 64)
    tiles: tuple[int, ...] = (1216, 2240)
    trained: tuple[int, ...] = (16, 64)
    image_px: int = 8192
    compared_px: int = 4096
    window: int = 512
    steps: int = 100
    repeats: int = 5
    changes: dict[str, Any] = field(default_factory=dict)


TINY = {"patch_px": 64, "batch": 1, "arguments": {"base_width": 2}}
QUICK = Sizes(256, (2, 4), (64, 96), (2,), 300, 160, 64, 4, 2, TINY)


@dataclass(frozen=True, eq=False)
class Bench:
    """The benchmark in progress.

    Attributes:
        device: to compute on.
        sizes: how much.
        folder: for models and images.
        ceiling: of matrix products, in floating-point operations per second, by precision.
        references: by the width of the network, the way that gave logits first, and these.
    """

    device: torch.device
    sizes: Sizes
    folder: Path
    ceiling: dict[str, float] = field(default_factory=dict)
    references: dict[int, tuple[str, np.ndarray]] = field(default_factory=dict)

    def share_of_peak(self, flops: float, seconds: float, precision: str) -> float | None:
        """Of the matrix products in a precision; None where these could not be timed."""
        return flops / seconds / self.ceiling[precision] if precision in self.ceiling else None

    def wall(self, action: Callable[[], object]) -> float:
        """Seconds from the call until the device has nothing left to do."""
        self._finish()
        start = time.perf_counter()
        action()
        self._finish()
        return time.perf_counter() - start

    def median(self, action: Callable[[], object]) -> float:
        """Seconds, the median of several runs."""
        times: list[float] = []
        while len(times) < self.sizes.repeats and sum(times) < ENOUGH_S:
            times.append(self.wall(action))
        return statistics.median(times)

    def peak_gib(self, action: Callable[[], object]) -> float:
        """Most memory of the device that tensors hold while an action runs; on a CPU that of the process."""
        peak = peak_on(str(self.device), action) if self.device.type == "cuda" else peak_during(action)
        return peak / 2**30

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Busy:
    """Seconds that the device takes for what happens between `begin` and `end`, over all such stretches."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._marks: list[Any] = []

    def mark(self, *_: object) -> None:
        """Where a stretch begins, and where it ends; a hook of a module."""
        if self._on_gpu:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def take(self) -> list[float]:
        """Seconds of each stretch since the last call."""
        pairs = list(zip(self._marks[::2], self._marks[1::2], strict=True))
        self._marks = []
        if self._on_gpu:
            torch.cuda.synchronize()
            return [begin.elapsed_time(end) / 1000 for begin, end in pairs]
        return [end - begin for begin, end in pairs]


@cache
def task(bench: Bench, recipe: str, width: int | None = None) -> Task:
    """A training of a recipe, of another width perhaps."""
    changes = bench.sizes.changes
    arguments = changes.get("arguments", {}) if width is None else {"base_width": width}
    return task_of(recipe, **{**changes, "arguments": arguments})


@cache
def model_file(bench: Bench, width: int) -> Path:
    """A padded U-Net, trained for some steps."""
    what = task(bench, "default", width)
    trained = with_overtile(what, Settings(seconds=None, steps=bench.sizes.steps, device=bench.device))
    manifest = Manifest(
        architecture=what.recipe.architecture, arguments=what.recipe.arguments, in_channels=1, num_classes=2,
        normalization=what.normalization, task="semantic", target="classes", class_values=(0, 255),
        class_names=("membrane", "inside"),
    )  # fmt: skip
    path = bench.folder / f"{width}.overtile"
    save(path, manifest, trained.network)
    return path


@cache
def mosaic(px: int) -> np.ndarray:
    """An image (channel, y, x) of made membranes, mirrored again and again."""
    image = membranes(0, size=min(px, 512))[0]
    return np.pad(image, (0, px - image.shape[0]), "symmetric")[None]


@cache
def image_file(bench: Bench) -> Path:
    """The image that is predicted from end to end, on disk."""
    path = bench.folder / "mosaic.tif"
    write_image(path, Image(mosaic(bench.sizes.image_px)))
    return path
