"""The tiles of one image on many workers: each writes its own blocks of the stores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from overtile.core import OptionError
from overtile.data.lazy import open_image
from overtile.prediction import Streamed, TileListener
from overtile.prediction.cluster import spread
from overtile.runners import Precision
from overtile.workflows.model import load
from overtile.workflows.predict_options import PredictOptions
from overtile.workflows.slide import Share, Slide, with_channels, write_tiles
from overtile.workflows.target import Target

TILES_AT_ONCE = 4
"""Tiles of one task: enough that reading and writing overlap with the network, few enough that little is lost."""


@dataclass(frozen=True)
class SlideFiles:
    """What a worker needs to open a slide; workers on other machines must see the same files."""

    model: str
    device: str
    precision: Precision
    runner: str
    image: str
    options: PredictOptions
    target: Target
    tile_px: int


def write_tiles_on_cluster(
    slide: Slide, share: Share, on_written: Callable[[str], None], progress: TileListener | None = None
) -> Streamed:
    """Do what `write_tiles` does, on the workers that the options name.

    Raises:
        OptionError: the network's tiles overlap, so that workers cannot write them independently, or it has no file.
    """
    model = slide.model
    if not model.tile_exact:
        raise OptionError(
            "workers write tiles independently, but the tiles of this network have to be blended: predict without workers"
        )
    if model.path is None:
        raise OptionError("workers open the model's file: save it, and load it with overtile.load")
    if slide.options.workers is None or not share.steps:
        return Streamed(0, 0, 0.0, 0.0)
    files = SlideFiles(
        str(model.path.resolve()), model.device, model.precision, model.runner, str(slide.path.resolve()),
        replace(slide.options, workers=None), replace(slide.target, folder=slide.target.folder.resolve()), slide.tile_px,
    )  # fmt: skip
    starts = range(0, len(share.steps), TILES_AT_ONCE)
    tasks = [(files, replace(share, steps=share.steps[start : start + TILES_AT_ONCE])) for start in starts]
    total, done = Streamed(0, 0, 0.0, 0.0), 0
    for written, streamed in spread(_work, tasks, slide.options.workers):
        for name in written:
            on_written(name)
        total, done = total + streamed, done + len(written)
        if progress is not None:
            progress(done, len(share.steps))
    return total


def _work(task: tuple[SlideFiles, Share]) -> tuple[list[str], Streamed]:
    """On a worker: predict some tiles, and say which parts were written."""
    files, share = task
    written: list[str] = []
    return written, write_tiles(_open(files), share, written.append)


@lru_cache(maxsize=1)
def _open(files: SlideFiles) -> Slide:
    """The model and the image, once for each worker."""
    model = load(files.model, device=files.device, precision=files.precision, runner=files.runner)
    image = with_channels(open_image(files.image), model, Path(files.image))
    return Slide(model, Path(files.image), image, files.options, files.target, files.tile_px)
