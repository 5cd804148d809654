"""From a model and images to label images on disk."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import TILE_PX, tiling_for
from overtile.core import DataError, Image, OvertileError
from overtile.core.atomic import refuse_overwrite
from overtile.data import find_images, read_image, write_image, write_labels
from overtile.data.axes import slices
from overtile.prediction import averaged
from overtile.workflows.model import Model

logger = logging.getLogger(__name__)

FileListener = Callable[[Path, float], None]
"""Called with the image that is worked on and the share of all work that is done."""


@dataclass(frozen=True)
class Written:
    """What a prediction wrote, and which images failed, with the reason."""

    labels: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def predict(
    model: Model,
    images: str | Path,
    output: str | Path,
    *,
    probabilities: bool = False,
    tta: str = "none",
    tile_px: int = TILE_PX,
    overwrite: bool = False,
    on_progress: FileListener = lambda _path, _fraction: None,
) -> Written:
    """Segment images and write OUTPUT/NAME.tif, and with `probabilities` also OUTPUT/probabilities/NAME.tif.

    An image that cannot be read or has other channels does not stop the others.

    Args:
        model: see overtile.load.
        images: an image, a folder of images, or a pattern such as "slides/*.tif".
        output: folder to write to; made if it does not exist.
        probabilities: write class probabilities as float16, (class, y, x).
        tta: test-time augmentation, a key of overtile.prediction.TRANSFORMS.
        tile_px: largest number of output pixels per tile and axis.
        overwrite: replace files in the output folder.
        on_progress: told as the work goes on.

    Raises:
        DataError: no image is found, or two would be written to the same file.
        UnknownNameError: no such test-time augmentation.
        OutputExistsError: a file to be written exists; nothing was done then.
    """
    averaged(model.logits, tta)  # an unknown name or an impossible tile is an error of the call, not of an image
    tiling_for(model.geometry, tile_px)
    paths, folder = find_images(images), Path(output)
    names = output_names(paths)
    for name in names:
        refuse_overwrite(folder / f"{name}.tif", overwrite=overwrite)
        if probabilities:
            refuse_overwrite(folder / "probabilities" / f"{name}.tif", overwrite=overwrite)
    written, failed = [], []
    for done, (path, name) in enumerate(zip(paths, names, strict=True)):
        on_progress(path, done / len(paths))

        def tile_done(tile: int, tiles: int, path: Path = path, done: int = done) -> None:
            on_progress(path, (done + tile / tiles) / len(paths))

        try:
            image = read_image(path)
            labels, maps = _segment(model, image, tta, tile_px, tile_done)
        except OvertileError as error:
            failed.append((path, str(error)))
            continue
        target = folder / f"{name}.tif"
        write_labels(target, labels, pixel_size_um=image.pixel_size_um, overwrite=overwrite)
        written.append(target)
        if probabilities:
            probability = Image(maps.astype(np.float16), image.pixel_size_um, model.manifest.class_names)
            write_image(folder / "probabilities" / f"{name}.tif", probability, overwrite=overwrite)
    return Written(tuple(written), tuple(failed))


def output_names(paths: list[Path] | tuple[Path, ...]) -> list[str]:
    """One name per image, without its suffix.

    Raises:
        DataError: two images would share one.

    >>> output_names([Path("a/1.ome.tif"), Path("a/2.png")])
    ['1', '2']
    """
    names = [path.name.removesuffix(path.suffix).removesuffix(".ome") for path in paths]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"several images are named {twice[0]!r} apart from their folder or format: their results would overwrite one "
            "another. Predict them one folder at a time"
        )
    return names


def _segment(
    model: Model, image: Image, tta: str, tile_px: int, listener: Callable[[int, int], None]
) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
    """Labels ([z], y, x) and probabilities (class, [z], y, x); the planes of a stack one by one."""
    planes = [image] if image.array.ndim == 3 else slices(image)
    results = [model.segment(plane.array, tta=tta, tile_px=tile_px, listener=listener) for plane in planes]
    if image.array.ndim == 3:
        return results[0].labels, results[0].probabilities
    return np.stack([r.labels for r in results]), np.stack([r.probabilities for r in results], axis=1)
