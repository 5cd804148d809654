"""What a model may hold in memory while it predicts: which images are read whole, and how large tiles are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any

from overtile.bundle import TILE_PX, tiling_for
from overtile.core.memory import give_back_freed, peak_during, resident_bytes
from overtile.prediction import AHEAD, CACHE_SHARE, TILE_SIZES_PX, Needs, Tiling, choose_tile_px, probe
from overtile.runners import free_on, peak_on
from overtile.workflows.model import Model
from overtile.workflows.predict_options import PredictOptions

LARGEST_CACHE = 2**28
"""Bytes of the image that its reader keeps at most: some rows of tiles of a whole slide."""


@dataclass(frozen=True)
class Memory:
    """The memory of a prediction.

    Attributes:
        model: that predicts.
        options: that say how much it may hold.
        base: bytes that this process held before.
        budget: bytes that it may hold.
    """

    model: Model
    options: PredictOptions
    base: int
    budget: int

    @classmethod
    def of(cls, model: Model, options: PredictOptions) -> "Memory":
        """The memory as it is now."""
        give_back_freed()
        return cls(model, options, resident_bytes(), options.budget())

    @property
    def cache_bytes(self) -> int:
        """What the reader of an image may keep."""
        return min(int(CACHE_SHARE * self.budget), LARGEST_CACHE)

    def holds(self, array: Any) -> bool:
        """Whether an image (channel, [z], y, x) is predicted in memory, with those read ahead and still to be written."""
        manifest = self.model.manifest
        channels, *size = array.shape
        objects = 100 if manifest.task == "instances" else 10
        per_px = channels * (array.dtype.itemsize + 4) + 8 * manifest.num_classes + objects
        return bool(self.base + (1 + 2 * AHEAD) * per_px * prod(size) <= self.budget / 2)

    def tile_px(self, array: Any) -> int:
        """Output pixels per tile and axis, for an image (channel, [z], y, x)."""
        if self.options.tile_px is not None:
            return self.options.tile_px
        sizes = [px for px in TILE_SIZES_PX if px <= TILE_PX or self._pays(px, array)]
        if self.options.max_memory is None and self.holds(array) and sizes[-1] == TILE_PX:
            return TILE_PX
        needs = Needs(
            base=self.base,
            per_read_px=self._per_read_px,
            channels=int(array.shape[0]),
            maps=self.model.manifest.num_classes,
            sample_bytes=array.dtype.itemsize,
            plane=array.shape[-2:] if self.model.manifest.task == "instances" else (),
        )
        fitting = choose_tile_px(needs, self._tiling, self.budget, sizes)
        free = free_on(self.model.device)
        return fitting if free is None else min(fitting, choose_tile_px(self._on_device, self._tiling, free, sizes))

    def _pays(self, px: int, array: Any) -> bool:
        """Whether tiles larger than usual are faster: several of them, since the first has to ask for its memory.

        In float32 PyTorch takes half as long again per pixel of a larger tile, more than the halo costs.
        """
        return self.model.precision != "float32" and min(array.shape[-2:]) >= 2 * px

    def _tiling(self, px: int) -> Tiling:
        return tiling_for(self.model.geometry, px)

    @cached_property
    def _per_read_px(self) -> float:
        return self._probed(peak_during)

    @cached_property
    def _on_device(self) -> Needs:
        """What the network takes on its GPU."""
        per_read_px = self._probed(partial(peak_on, self.model.device))
        return Needs(base=0, per_read_px=per_read_px, channels=0, maps=0, sample_bytes=0)

    def _probed(self, peak_of: Callable[[Callable[[], object]], int]) -> float:
        return probe(self.model.maps, self.model.manifest.in_channels, self.model.geometry.input_size, peak_of)
