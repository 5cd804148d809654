"""One image of any size, from its file to labels on disk, within a stated memory and from where it stopped."""

import shutil
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core import DataError
from overtile.core.memory import give_back_freed
from overtile.data.stores import finish_store, partial_path, stream_tiff
from overtile.instances import PostProcessing, fill_holes_tiled, id_dtype, scan_instances
from overtile.prediction import Plane, Record, Streamed
from overtile.workflows.cluster import write_tiles_on_cluster
from overtile.workflows.objects import write_objects
from overtile.workflows.slide import LABELS, MAPS, Slide, share_left, write_tiles

SlideListener = Callable[[float], None]
"""Called with the share of the tiles of one image that are done."""


def predict_slide(slide: Slide, job: Mapping[str, Any], listener: SlideListener = lambda _share: None) -> Streamed:
    """Predict one image; repeated after an interruption, finished tiles are kept and the result is the same.

    Args:
        slide: the image, and what is wanted of it.
        job: what decides about the result, and the tile size, as JSON values.
        listener: told as the work goes on.

    Raises:
        DataError: the format of the labels is for images in memory.
        OutputExistsError: what is unfinished belongs to another job.
        PredictionError: a tile could not be read or written; those before it are kept.
    """
    if slide.target.is_challenge:
        raise DataError("frames of the Cell Tracking Challenge are written from memory: allow more with --max-memory")
    record = Record(slide.target.tiles, job)
    labels, maps = slide.labels(), slide.maps()
    run = write_tiles if slide.options.workers is None else write_tiles_on_cluster
    streamed = Streamed(0, 0, 0.0, 0.0)
    for number in range(len(slide.planes)):

        def progress(done: int, count: int, number: int = number) -> None:
            kept = len(slide.steps) - count  # from an interrupted attempt
            listener((number + (kept + done) / len(slide.steps)) / len(slide.planes))

        streamed += run(slide, share_left(slide, number, record), record.add, progress)
    if labels is None:
        give_back_freed()  # what the tiles of the network held; the seams of a large image take their own
        labels = _find_objects(slide, maps)
    _finish(slide, labels, maps)
    return streamed


def _find_objects(slide: Slide, maps: Any) -> Any:
    """Give every object its id, as in the whole image; in a stack, ids go on from plane to plane."""
    post = PostProcessing.from_dict(slide.model.manifest.postprocessing)
    size, chunk = slide.size[-2:], slide.chunk
    planes = [Plane(maps, (slice(None), *lead)) for lead in slide.planes]
    found = [scan_instances(plane.__getitem__, post, shape=size, tile=chunk) for plane in planes]
    shutil.rmtree(partial_path(slide.target.work / LABELS), ignore_errors=True)  # of an attempt that broke off here
    before = list(accumulate((flood.count for flood in found), initial=0))
    labels = slide.store(LABELS, id_dtype(before[-1]))
    for lead, flood, offset in zip(slide.planes, found, before[:-1], strict=True):
        plane = Plane(labels, lead)
        flood.write(_Numbered(plane, offset))
        if post.fill_holes:
            fill_holes_tiled(plane, size, chunk)
    return labels


class _Numbered:
    """Takes the ids of one plane of a stack, which go on from those of the planes before."""

    def __init__(self, plane: Plane, before: int) -> None:
        self._plane, self._before = plane, before

    def __setitem__(self, window: tuple[slice, ...], ids: NDArray[Any]) -> None:
        self._plane[window] = np.where(ids > 0, ids + self._before, 0).astype(self._plane.dtype)


class _Foreground:
    """Probability that a pixel belongs to an object, worked out where it is read."""

    def __init__(self, slide: Slide, maps: Any) -> None:
        self._model, self._maps, self.shape = slide.model, maps, slide.size

    def __getitem__(self, window: tuple[slice, ...]) -> NDArray[np.float32]:
        return self._model.foreground(np.asarray(self._maps[(slice(None), *window)], np.float32))


def _finish(slide: Slide, labels: Any, maps: Any) -> None:
    """Write tables and outlines, then give the label image and the probabilities their names."""
    target, options = slide.target, slide.options
    if options.objects:
        foreground = None if maps is None else _Foreground(slide, maps)
        write_objects(
            target,
            labels,
            formats=options.objects,
            image=slide.image,
            foreground=foreground,
            classes=slide.model.object_classes,
        )
    results = [(LABELS, target.labels, labels, "")]
    if options.probabilities:
        results.append((MAPS, target.probabilities, maps, "C"))
    for name, path, array, lead in results:
        if target.format == "ome.zarr":
            finish_store(target.work / name, path, overwrite=target.overwrite)
        else:
            axes = lead + "ZYX"[-len(slide.size) :]
            stream_tiff(path, array, axes=axes, pixel_size_um=slide.image.pixel_size_um, overwrite=target.overwrite)
    shutil.rmtree(target.work)
