"""Images that fit in memory, to labels on disk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from overtile.core import Image
from overtile.data import write_image, write_labels
from overtile.data.axes import slices
from overtile.workflows.challenge import frame_of, write_ctc
from overtile.workflows.model import Model, Prediction
from overtile.workflows.objects import write_objects
from overtile.workflows.pixel_size import matched, restored_labels, restored_maps
from overtile.workflows.predict_options import PredictOptions
from overtile.workflows.target import Target

BATCH_PX = 512 * 512
"""Images of one size go through the network together, up to so many pixels."""


@dataclass(frozen=True)
class Loaded:
    """What became of the attempt to read an image.

    Attributes:
        path: of the image.
        target: where its results go.
        image: all of it; None where it stays on disk, or could not be read.
        problem: why it could not be read.
    """

    path: Path
    target: Target
    image: Image | None = None
    problem: str = ""

    @property
    def is_large(self) -> bool:
        """Whether it has to be read by region."""
        return self.image is None and not self.problem


def batches(images: Iterable[Loaded]) -> Iterator[list[Loaded]]:
    """Put images of one size that follow each other together; larger ones and stacks stay alone."""
    batch: list[Loaded] = []
    for image in images:
        if batch and not _fits(batch, image):
            yield batch
            batch = []
        batch.append(image)
    if batch:
        yield batch


def _fits(batch: Sequence[Loaded], new: Loaded) -> bool:
    first = batch[0].image
    if first is None or new.image is None or first.array.shape != new.image.array.shape or first.array.ndim != 3:
        return False
    return (len(batch) + 1) * int(np.prod(first.size)) <= BATCH_PX


def segment_batch(model: Model, images: Sequence[Image], options: PredictOptions, tile_px: int) -> list[Prediction]:
    """Segment images of one size.

    Raises:
        ShapeError: they have other channels than the model.
        DataError: their pixel size has to be matched and is not known.
    """
    if options.match_pixel_size:
        return [_segment_matched(model, image, options, tile_px) for image in images]
    if images[0].array.ndim == 4:
        return [_segment_stack(model, image, options, tile_px) for image in images]
    if len(images) == 1:
        return [model.segment(images[0].array, tta=options.tta, tile_px=tile_px)]
    return model.segment_batch([image.array for image in images], tta=options.tta)


def _segment_matched(model: Model, image: Image, options: PredictOptions, tile_px: int) -> Prediction:
    """Segment at the pixel size of the training, and bring the result back to that of the image."""
    scaled = matched(image, model.manifest.pixel_size_um)
    found = segment_batch(model, [scaled], replace(options, match_pixel_size=False), tile_px)[0]
    return Prediction(restored_labels(found.labels, image.size), restored_maps(found.probabilities, image.size))


def _segment_stack(model: Model, image: Image, options: PredictOptions, tile_px: int) -> Prediction:
    """The planes of a stack one by one; object ids go on from plane to plane."""
    results = [model.segment(plane.array, tta=options.tta, tile_px=tile_px) for plane in slices(image)]
    labels = [result.labels for result in results]
    if model.manifest.task == "instances":
        counts = np.cumsum([0, *(int(part.max(initial=0)) for part in labels)])
        labels = [np.where(part > 0, part + before, 0) for part, before in zip(labels, counts[:-1], strict=True)]
    return Prediction(np.stack(labels), np.stack([result.probabilities for result in results], axis=1))


def write_small(loaded: Loaded, image: Image, prediction: Prediction, *, model: Model, options: PredictOptions) -> None:
    """Write the results of one image.

    Raises:
        OutputExistsError: a file is there and may not be replaced.
        OvertileError: it cannot be written.
    """
    path, target = loaded.path, loaded.target
    if target.is_challenge:
        write_ctc(target.folder, frame_of(target.name), prediction.labels, overwrite=target.overwrite)
    else:
        write_labels(
            target.labels, prediction.labels, pixel_size_um=image.pixel_size_um, like=path, overwrite=target.overwrite
        )
    if options.probabilities:
        maps = Image(prediction.probabilities.astype(np.float16), image.pixel_size_um, model.manifest.map_names)
        write_image(target.probabilities, maps, like=path, overwrite=target.overwrite)
    if options.objects:
        write_objects(
            target,
            prediction.labels,
            formats=options.objects,
            image=image,
            foreground=model.foreground(prediction.probabilities),
            classes=model.object_classes,
        )
