"""From a model and images to label images on disk."""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overtile.bundle import tiling_for
from overtile.core import DataError, Image, OutputExistsError, OvertileError, PredictionError, ShapeError
from overtile.core.atomic import atomic_file
from overtile.data import find_images, read_image
from overtile.data.channels import select_channels
from overtile.data.lazy import open_image
from overtile.instances import refuse_rois
from overtile.prediction import Behind, Record, ahead, job_of
from overtile.workflows.challenge import refuse_classes
from overtile.workflows.in_memory import Loaded, batches, segment_batch, write_small
from overtile.workflows.memory import Memory
from overtile.workflows.model import Model, Prediction
from overtile.workflows.pixel_size import mismatch
from overtile.workflows.predict_options import STREAMED, PredictOptions
from overtile.workflows.predict_slide import predict_slide
from overtile.workflows.provenance import provenance
from overtile.workflows.slide import Slide, with_channels
from overtile.workflows.target import UNFINISHED, Target

logger = logging.getLogger(__name__)

FileListener = Callable[[Path, float], None]
"""Called with the image that is worked on and the share of all work that is done."""

REPORT, RECORD = "prediction.json", "images.txt"


@dataclass(frozen=True)
class Written:
    """What a prediction wrote.

    Attributes:
        labels: the label images.
        failed: images that could not be predicted, with the reason.
        notes: what the user should know about an image, such as that its pixels are of another size.
        kept: label images that an interrupted attempt had finished already.
        images: what ran for each image, by its name; also in OUTPUT/prediction.json.
    """

    labels: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]
    notes: tuple[tuple[Path, str], ...] = ()
    kept: tuple[Path, ...] = ()
    images: Mapping[str, Any] = field(default_factory=dict)


def predict(
    model: Model,
    images: str | Path,
    output: str | Path,
    options: PredictOptions | None = None,
    *,
    overwrite: bool = False,
    on_progress: FileListener = lambda _path, _fraction: None,
) -> Written:
    """Segment images of any size and write OUTPUT/NAME.tif, with what `options` ask for besides.

    An image that cannot be read or has other channels does not stop the others. Repeated after an interruption, the
    same call keeps what is finished: whole images, and the tiles of a large one.

    Args:
        model: see overtile.load.
        images: an image, a folder of images, or a pattern such as "slides/*.tif".
        output: folder to write to; made if it does not exist.
        options: probabilities, objects, formats, memory, ...
        overwrite: replace files in the output folder.
        on_progress: told as the work goes on.

    Raises:
        DataError: no image is found, or two would be written to the same file.
        OptionError: the format is for objects, and the model gives classes.
        OutputExistsError: a file to be written exists, or the folder holds an unfinished prediction with other
            settings; nothing was done then.
    """
    options = options or PredictOptions()
    refuse_classes(options.format, model.manifest.task)
    folder, paths = Path(output), find_images(images)
    work = [
        (path, Target(folder, name, _format(path, options), overwrite))
        for path, name in zip(paths, output_names(paths), strict=True)
    ]
    _choose_runner(model, paths)
    settings = _settings(model, options)
    kept = job_of(folder / UNFINISHED / RECORD) is not None
    record = _record(folder / UNFINISHED / RECORD, settings, overwrite=overwrite) if kept else None
    todo = [item for item in work if record is None or _line(*item) not in record]
    for _, target in todo:
        target.refuse_overwrite(probabilities=options.probabilities, objects=options.objects)
    record = record or Record(folder / UNFINISHED / RECORD, settings)
    memory, ran = Memory.of(model, options), dict[str, Any]()
    failed, notes = list[tuple[Path, str]](), list[tuple[Path, str]]()
    done = len(work) - len(todo)

    def write(loaded: Loaded, image: Image, prediction: Prediction) -> None:
        write_small(loaded, image, prediction, model=model, options=options)
        record.add(_line(loaded.path, loaded.target))

    with Behind(write) as write_later:
        for batch in batches(ahead(lambda item: _read(*item, memory), todo)):
            first = batch[0]

            def tell(share: float, first: Loaded = first, done: int = done) -> None:
                on_progress(first.path, (done + share) / len(work))

            tell(0.0)
            notes += [(first.path, note) for note in (_note(first, model, options),) if note]
            try:
                if first.is_large:
                    ran[first.target.name] = _predict_large(first, memory, settings, tell)
                    record.add(_line(first.path, first.target))
                else:
                    ran |= _predict_small(batch, memory, write_later)
            except (DataError, ShapeError, PredictionError) as error:  # of the image; others stop the whole
                failed += [(loaded.path, str(error)) for loaded in batch]
            done += len(batch)
    _write_report(folder / REPORT, {**settings, "runner_report": model.runner_report}, ran)
    if not failed:
        shutil.rmtree(folder / UNFINISHED)
    new = {target.labels for _, target in todo}
    written = tuple(target.labels for path, target in work if _line(path, target) in record)
    return Written(written, tuple(failed), tuple(notes), tuple(path for path in written if path not in new), ran)


def output_names(paths: list[Path] | tuple[Path, ...]) -> list[str]:
    """One name per image, without its suffix.

    Raises:
        DataError: two images would share one.

    >>> output_names([Path("a/1.ome.tif"), Path("a/2.png"), Path("a/3.nii.gz")])
    ['1', '2', '3']
    """
    names = [path.name.removesuffix(path.suffix).removesuffix(".ome").removesuffix(".nii") for path in paths]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"several images are named {twice[0]!r} apart from their folder or format: their results would overwrite one "
            "another. Predict them one folder at a time"
        )
    return names


def _format(path: Path, options: PredictOptions) -> str:
    """Format of the label image, as asked for or as fits the image."""
    if options.format != "auto":
        return options.format
    if path.suffix == ".zarr":
        return "ome.zarr"
    return "nii.gz" if ".nii" in path.suffixes else "tif"


def _choose_runner(model: Model, paths: Sequence[Path]) -> None:
    """Let the model choose its runner for the whole job, and check it on the largest image that can be read."""
    for path in sorted(paths, key=lambda path: (path.is_dir(), path.stat().st_size), reverse=True):
        try:
            with open_image(path) as image:
                model.prepare(with_channels(image, model, path).array, len(paths))
            return
        except (DataError, ShapeError) as error:  # told with the other images that fail
            logger.info("the runner is not checked on %s: %s", path, error)


def _note(loaded: Loaded, model: Model, options: PredictOptions) -> str | None:
    """That the pixels of an image are of another size than those of the training, where that is not made up for."""
    if options.match_pixel_size or loaded.image is None:
        return None
    found = mismatch(loaded.image.pixel_size_um, model.manifest.pixel_size_um)
    return found and f"{found}. Try --match-pixel-size"


def _settings(model: Model, options: PredictOptions) -> dict[str, Any]:
    """What decides about the results, as JSON values; neither the tile size nor the memory do."""
    names = ("tta", "skip_flat", "probabilities", "format", "match_pixel_size")
    chosen = {name: getattr(options, name) for name in names}
    ran_by = {name: model.runner_report[name] for name in ("runner", "precision")}
    return {"model": model.digest, **ran_by, **chosen, "objects": list(options.objects)}


def _record(path: Path, settings: dict[str, Any], *, overwrite: bool) -> Record:
    """What an interrupted attempt has finished; with `overwrite`, one with other settings is thrown away.

    Raises:
        OutputExistsError: there is one with other settings.
    """
    try:
        return Record(path, settings)
    except OutputExistsError:
        if not overwrite:
            raise
        shutil.rmtree(path.parent)
        return Record(path, settings)


def _line(path: Path, target: Target) -> str:
    """An image and its state in the record: one that has changed since is predicted again."""
    state = path.stat()
    return f"{target.name}\t{state.st_size}\t{state.st_mtime_ns}"


def _read(path: Path, target: Target, memory: Memory) -> Loaded:
    """Read an image, unless it is so large that it stays on disk."""
    try:
        with open_image(path) as image:
            if "rois" in memory.options.objects:
                refuse_rois(max(image.array.shape[-2:]), str(path))
            if image.lazy and not memory.holds(image.array):
                _refuse_large(path, target, memory.options)
                return Loaded(path, target)
        image_in_memory = select_channels(read_image(path), memory.model.manifest.channels, str(path))
        return Loaded(path, target, image_in_memory)
    except OvertileError as error:
        return Loaded(path, target, problem=str(error))


def _refuse_large(path: Path, target: Target, options: PredictOptions) -> None:
    """Raise for what cannot be done with an image that stays on disk.

    Raises:
        DataError: it cannot be rescaled, or written part by part.
    """
    size = f"{path} does not fit in memory"
    if options.match_pixel_size:
        raise DataError(f"{size} and cannot be rescaled: give more with --max-memory, or rescale the file first")
    if target.format not in STREAMED:
        raise DataError(f"{size} and cannot be written as {target.format}: choose --format {' or '.join(STREAMED)}")


def _predict_small(
    batch: list[Loaded], memory: Memory, write: Callable[[Loaded, Image, Prediction], None]
) -> dict[str, Any]:
    """Segment images of one size that are in memory, and tell what ran.

    Raises:
        DataError: the image could not be read.
        ShapeError: it has other channels than the model.
    """
    images = [loaded.image for loaded in batch if loaded.image is not None]
    if not images:
        raise DataError(batch[0].problem)
    tile_px = memory.tile_px(images[0].array)
    found = segment_batch(memory.model, images, memory.options, tile_px)
    for loaded, image, prediction in zip(batch, images, found, strict=True):
        write(loaded, image, prediction)
    about = {"size": list(images[0].size), "in_memory": True, "tile_px": tile_px, "exact": memory.model.tile_exact}
    return {loaded.target.name: about for loaded in batch}


def _predict_large(
    loaded: Loaded, memory: Memory, settings: Mapping[str, Any], listener: Callable[[float], None]
) -> dict[str, Any]:
    """Segment an image that stays on disk, and tell what ran."""
    with open_image(loaded.path, cache_bytes=memory.cache_bytes) as opened:
        image = with_channels(opened, memory.model, loaded.path)
        before = job_of(loaded.target.tiles)
        tile_px = before["tile_px"] if before else memory.tile_px(image.array)
        slide = Slide(memory.model, loaded.path, image, memory.options, loaded.target, tile_px)
        job = {**settings, "image": _line(loaded.path, loaded.target), "tile_px": tile_px}
        streamed = predict_slide(slide, job, listener)
        return {
            "size": list(slide.size),
            "in_memory": False,
            "tile_px": tile_px,
            "halo_px": list(tiling_for(memory.model.geometry, tile_px).halo),
            "exact": memory.model.tile_exact,
            "tiles": streamed.tiles,
            "skipped_tiles": streamed.skipped,
            "seconds": streamed.seconds,
            "idle_share": streamed.idle_share,
            "max_memory": memory.budget,
        }


def _write_report(path: Path, settings: dict[str, Any], ran: Mapping[str, Any]) -> None:
    """Say beside the results how they were made; what is said there about other images stays."""
    before = json.loads(path.read_text(encoding="utf-8"))["images"] if path.is_file() else {}
    new = {name: {**found, **settings} for name, found in ran.items()}
    with atomic_file(path, overwrite=True) as file:
        content = {"provenance": provenance(), "images": {**before, **new}}
        file.write(json.dumps(content, indent=1).encode())
