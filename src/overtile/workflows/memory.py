"""What a model may hold in memory while it predicts: which images are read whole, and how large tiles are."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from overtile.bundle import TILE_PX, tiling_for
from overtile.core.memory import give_back_freed, resident_bytes
from overtile.prediction import AHEAD, CACHE_SHARE, Needs, choose_tile_px, probe
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
        if self.options.max_memory is None and self.holds(array):
            return TILE_PX
        needs = Needs(
            base=self.base,
            per_read_px=self._per_read_px,
            channels=int(array.shape[0]),
            maps=self.model.manifest.num_classes,
            sample_bytes=array.dtype.itemsize,
        )
        return choose_tile_px(needs, lambda px: tiling_for(self.model.geometry, px), self.budget)

    @cached_property
    def _per_read_px(self) -> float:
        return probe(self.model.maps, self.model.manifest.in_channels, self.model.geometry.input_size)
