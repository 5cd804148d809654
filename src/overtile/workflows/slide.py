"""One image that stays on disk: its tiles, and the stores that take what the network says about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import tiling_for
from overtile.core import read_mirrored
from overtile.data.channels import ChosenChannels, channel_indices
from overtile.data.lazy import LazyImage
from overtile.data.stores import create_store, open_store, partial_path
from overtile.prediction import (
    GaussianBlend,
    Plane,
    Record,
    Streamed,
    Tile,
    TileListener,
    WriteMaps,
    averaged,
    block_px,
    is_flat,
    overlapping_tiles,
    stream,
    tiles,
)
from overtile.workflows.model import Model
from overtile.workflows.predict_options import PredictOptions
from overtile.workflows.target import Target

LABELS, MAPS = "labels.ome.zarr", "maps.ome.zarr"


@dataclass(frozen=True)
class Slide:
    """The prediction of one image that stays on disk.

    Attributes:
        model: see overtile.load.
        path: of the image.
        image: opened for reading by region, with the channels that the model was trained on.
        options: of the prediction.
        target: where results go.
        tile_px: output pixels per tile and axis.
    """

    model: Model
    path: Path
    image: LazyImage
    options: PredictOptions
    target: Target
    tile_px: int

    @property
    def size(self) -> tuple[int, ...]:
        """([z], y, x)."""
        return tuple(int(n) for n in self.image.array.shape[1:])

    @property
    def planes(self) -> list[tuple[int, ...]]:
        """Where each plane lies on the axes before (y, x); nowhere in a single image."""
        return [()] if len(self.size) == 2 else [(z,) for z in range(self.size[0])]

    @property
    def is_instances(self) -> bool:
        """Whether objects have to be found in the maps."""
        return self.model.manifest.task == "instances"

    @cached_property
    def steps(self) -> list[Tile]:
        """The tiles of every plane; they overlap where the network cannot be exact."""
        tiling, size = tiling_for(self.model.geometry, self.tile_px), self.size[-2:]
        return list(tiles(size, tiling)) if self.model.tile_exact else overlapping_tiles(size, tiling)

    @cached_property
    def chunk(self) -> tuple[int, ...]:
        """Size of the blocks of the stores: an exact tile or half of one, so that no two tiles share a block."""
        first = next(tiles(self.size[-2:], tiling_for(self.model.geometry, self.tile_px)))
        return tuple(block_px(part.stop) for part in first.write)

    def labels(self) -> Any | None:
        """Store of the labels, ([z], y, x), that tiles are written to; None where objects are found later."""
        return None if self.is_instances else self.store(LABELS, self.model.label_dtype)

    def maps(self) -> Any | None:
        """Store of the maps, (class, [z], y, x), as float16; None where nobody needs them."""
        wanted = self.is_instances or self.options.probabilities
        return self.store(MAPS, np.float16, self.model.manifest.num_classes) if wanted else None

    def store(self, name: str, dtype: Any, maps: int = 0) -> Any:
        """The unfinished store of that name, or a new one."""
        path = self.target.work / name
        if partial_path(path).exists():
            return open_store(path)
        lead = (maps,) if maps else ()
        return create_store(
            path,
            (*lead, *self.size),
            dtype,
            chunks=(*lead, *(1 for _ in self.size[:-2]), *self.chunk),
            axes=("C" if maps else "") + "ZYX"[-len(self.size) :],
            pixel_size_um=self.image.pixel_size_um,
            channel_names=self.model.manifest.map_names if maps else None,
        )


def with_channels(image: LazyImage, model: Model, path: Path) -> LazyImage:
    """The image with the channels that the model was trained on."""
    indices = channel_indices(model.manifest.channels, image.array.shape[0], image.channel_names, str(path))
    names = image.channel_names and tuple(image.channel_names[index] for index in indices)
    return replace(image, array=ChosenChannels(image.array, indices), channel_names=names)


@dataclass(frozen=True)
class Share:
    """A part of the work on a slide.

    Attributes:
        plane: number of the plane.
        steps: tiles of it, in row-major order.
        done_rows: rows before these are written already; only where tiles overlap.
    """

    plane: int
    steps: Sequence[Tile]
    done_rows: int = 0


def part_name(plane: int, tile: Tile) -> str:
    """Name of what is written, for the record: plane, rows and columns.

    >>> part_name(0, Tile((), (), (slice(0, 64), slice(64, 128))))
    '0:0-64:64-128'
    """
    return ":".join([str(plane), *(f"{part.start}-{part.stop}" for part in tile.write)])


def share_left(slide: Slide, plane: int, record: Record) -> Share:
    """What is left to do on a plane."""
    if slide.model.tile_exact:
        return Share(plane, [tile for tile in slide.steps if part_name(plane, tile) not in record])
    bands = [name.split(":")[1] for name in record.finished if name.startswith(f"{plane}:")]
    done_rows = max((int(band.partition("-")[2]) for band in bands), default=0)
    return Share(plane, [tile for tile in slide.steps if tile.write[0].stop > done_rows], done_rows)


def write_tiles(
    slide: Slide, share: Share, on_written: Callable[[str], None], progress: TileListener | None = None
) -> Streamed:
    """Run the network over tiles of one plane, and write what it says to the stores.

    Args:
        slide: the image.
        share: the tiles.
        on_written: told the name of every part after it is written.
        progress: called after each tile with the number of tiles done and of all tiles.
    """
    model, lead, flat = slide.model, slide.planes[share.plane], slide.options.skip_flat
    labels, maps = slide.labels(), slide.maps()
    plane = Plane(slide.image.array, (slice(None), *lead))
    prepare = model.manifest.normalization.fitted_to(plane)

    def read(tile: Tile) -> NDArray[np.float32] | None:
        part = read_mirrored(plane, tile.read)
        return None if flat is not None and is_flat(part, flat) else prepare(part)

    def store(tile: Tile, kept: NDArray[np.float32]) -> None:
        if maps is not None:
            Plane(maps, (slice(None), *lead))[tile.write] = kept.astype(np.float16)
        if labels is not None:
            Plane(labels, lead)[tile.write] = model.labels(kept)
        on_written(part_name(share.plane, tile))

    def write(tile: Tile, kept: NDArray[np.float32] | None) -> None:
        size = tuple(part.stop - part.start for part in tile.write)
        sink(tile, model.background_maps(size) if kept is None else kept)

    sink: WriteMaps = store
    if share.steps and not model.tile_exact:
        sink = GaussianBlend(slide.size[-2:], share.steps, store, done_rows=share.done_rows).write
    return stream(share.steps, read, averaged(model.maps, slide.options.tta), write, progress=progress)
