"""How good a model is, or predictions that came from anywhere, on annotated images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import Manifest
from overtile.core import DataError, generator
from overtile.data import (
    AnnotatedImages,
    Labelling,
    Sample,
    find_images,
    infer_task,
    read_image,
    read_labels,
    to_classes,
)
from overtile.data import load as load_images
from overtile.metrics import ImageScore, aggregate, score_detections, score_image
from overtile.workflows.evaluation import Evaluation, Example
from overtile.workflows.model import Model
from overtile.workflows.pairing import pair_files
from overtile.workflows.pixel_size import mismatch
from overtile.workflows.predict import output_names
from overtile.workflows.provenance import provenance
from overtile.workflows.record import image_digest
from overtile.workflows.train import fold_of

RANKED_BY = {"instances": "ap_50", "semantic": "dice", "binary": "dice"}
"""The metric that says which image is best and which is worst."""

ImageListener = Callable[[str, float], None]
"""Called with the image that is worked on and the share of all work that is done."""


@dataclass(frozen=True)
class Case:
    """One image to score: its truth as class indices or object ids, and what was predicted for it.

    Attributes:
        sample: image and truth.
        role: see Example.role.
        labels: predicted class indices or object ids, (y, x).
        scored: what the metrics see: labels, or the probability of the foreground, (y, x).
    """

    sample: Sample
    role: str
    labels: NDArray[Any]
    scored: NDArray[Any]


def evaluate(
    model: Model,
    data: str | Path | AnnotatedImages,
    *,
    labels: str | None = None,
    allow_unlabelled: bool = False,
    layout: str = "auto",
    palette: str | Path | None = None,
    groups: str | Path | None = None,
    fold: tuple[int, int] | None = None,
    tta: str = "none",
    seed: int = 0,
    on_progress: ImageListener = lambda _name, _fraction: None,
) -> Evaluation:
    """Score a model on annotated images.

    Images that the model was trained on are recognised by their pixels and left out, unless there are no others;
    the notes then say so.

    Args:
        model: see overtile.load.
        data: a folder of annotated images, or images already read.
        labels: name of the folder with the labels, where there are several.
        allow_unlabelled: leave out images without labels instead of stopping.
        layout: "auto" to find it out, or how the files lie in the folder; see overtile.read.
        palette: for masks whose classes are colours, which is which; see overtile.read.
        groups: images that belong together, as in the training; only for `fold`, see overtile.read.
        fold: (k, n): only the images of fold k of n, split with the seed of the training.
        tta: test-time augmentation, a key of overtile.prediction.TRANSFORMS.
        seed: of the bootstrap.
        on_progress: told as the work goes on.

    Raises:
        DataError: the images cannot be used, or their labels hold values that the model does not know.
    """
    manifest = model.manifest
    labelling = manifest.labelling
    images = (
        data
        if isinstance(data, AnnotatedImages)
        else load_images(
            data,
            labels=labels,
            allow_unlabelled=allow_unlabelled,
            labelling=labelling,
            layout=layout,
            channels=manifest.channels,
            palette=palette,
            groups=groups,
        )
    )
    if fold is not None:
        held_out = fold_of(images, fold, seed=int(manifest.training.get("seed", 0))).validation
        images = replace(images, samples=held_out)
    chosen, notes = _not_trained_on(images.samples, manifest)
    predicted = (_predicted(model, sample, role, tta=tta) for sample, role in chosen)
    found = _score(predicted, len(chosen), labelling, seed, on_progress)
    notes += _other_pixel_sizes([sample for sample, _ in chosen], manifest)
    return replace(
        found, notes=(*notes, *found.notes), manifest=manifest, provenance={**found.provenance, "model": model.name}
    )


def evaluate_held_out(
    parts: Sequence[tuple[Model, Sequence[Sample]]],
    *,
    seed: int = 0,
    on_progress: ImageListener = lambda _name, _fraction: None,
) -> Evaluation:
    """Score several models, each on images that it was not trained on, over all these images together.

    Args:
        parts: models of one kind, and the images of each.
        seed: of the bootstrap.
        on_progress: told as the work goes on.
    """
    labelling = parts[0][0].manifest.labelling
    predicted = (_predicted(model, sample, "validation") for model, samples in parts for sample in samples)
    return _score(predicted, sum(len(samples) for _, samples in parts), labelling, seed, on_progress)


def _predicted(model: Model, sample: Sample, role: str, *, tta: str = "none") -> Case:
    """Predict one image."""
    task = _metric_task(model.manifest.labelling)
    result = model.segment(sample.image.array, tta=tta)
    labels = result.labels if task == "instances" else result.probabilities.argmax(axis=0)
    return Case(sample, role, labels, result.probabilities[1] if task == "binary" else labels)


def evaluate_predictions(
    predictions: str | Path,
    labels: str | Path,
    *,
    images: str | Path | None = None,
    valid: str | Path | None = None,
    task: str = "auto",
    ignore_label: int | None = None,
    seed: int = 0,
    on_progress: ImageListener = lambda _name, _fraction: None,
) -> Evaluation:
    """Score label images, object ids or probabilities that came from any tool.

    Args:
        predictions: folder of label images, or of floating-point probabilities (y, x) or (class, y, x).
        labels: folder of the true labels; files pair by their name without suffix, those of the Cell Tracking
            Challenge by their frame.
        images: folder of the images, for the report.
        valid: folder of masks that are 0 where pixels are not to be counted.
        task: "auto", "semantic" or "instances": what the true labels are. With "auto" the truth of the Cell Tracking
            Challenge judges by SEG (outlines) or DET (markers) alone.
        ignore_label: value of pixels that were not annotated.
        seed: of the bootstrap.
        on_progress: told as the work goes on.

    Raises:
        DataError: files have no partner, sizes differ, or values do not fit.
    """
    paired = pair_files(labels, predictions)
    only = paired.metrics if task == "auto" else ()
    raw = [read_labels(pair.truth) for pair in paired.pairs]
    labelling = infer_task(raw, task="instances" if only else task, ignore_label=ignore_label)
    pictures = {} if images is None else _by_name(images)
    masks = {} if valid is None else _by_name(valid)

    def given() -> Iterator[Case]:
        for pair, truth in zip(paired.pairs, raw, strict=True):
            sample = _given_sample(pair.name, truth, labelling, pictures.get(pair.name), masks.get(pair.name))
            shown, scored = (whole[pair.part] for whole in _read_prediction(pair.prediction, labelling))
            if shown.shape != sample.labels.shape:
                raise DataError(
                    f"{pair.prediction} has size {shown.shape}, its labels have {sample.labels.shape}: expected the same"
                )
            yield Case(sample, "given", shown, scored)

    found = _score(given(), len(raw), labelling, seed, on_progress, only=only)
    return replace(found, notes=(*found.notes, paired.note)) if only else found


def _score(
    cases: Iterator[Case],
    count: int,
    labelling: Labelling,
    seed: int,
    on_progress: ImageListener,
    *,
    only: tuple[str, ...] = (),
) -> Evaluation:
    """Score every case; `only` names the metrics of detections that the truth can judge, empty for all metrics."""
    task = _metric_task(labelling)
    scores: dict[str, ImageScore] = {}
    seen: list[Case] = []
    for done, case in enumerate(cases):
        on_progress(case.sample.name, done / count)
        truth, scored, valid = case.sample.labels, case.scored, case.sample.valid
        scores[case.sample.name] = (
            score_detections(truth, scored, valid=valid)
            if only
            else score_image(truth, scored, task=task, classes=max(len(labelling.class_names), 2), valid=valid)
        )
        seen.append(case)
    table = _with_class_names(aggregate(scores, rng=generator(seed, "bootstrap")), labelling.class_names)
    table = _limited(table, only) if only else table
    ranked_by = only[0] if only else RANKED_BY[task]
    examples = [_example(case, table["images"][case.sample.name], ranked_by) for case in seen]
    examples.sort(key=lambda e: -np.nan_to_num(e.score, nan=-1.0))
    notes = () if count >= 5 else (f"only {count} image(s): the intervals say how objects vary, not how images do",)
    return Evaluation(
        total=table["total"],
        images=table["images"],
        ranked_by=ranked_by,
        task=labelling.task,
        class_names=labelling.class_names,
        examples=tuple(examples),
        notes=notes,
        provenance=provenance(),
    )


def _example(case: Case, metrics: dict[str, Any], ranked_by: str) -> Example:
    entry = metrics[ranked_by]
    sample = case.sample
    return Example(
        name=sample.name,
        role=case.role,
        image=sample.image.array if sample.image.array.size else None,
        truth=sample.labels,
        prediction=case.labels,
        valid=np.ones(sample.labels.shape, bool) if sample.valid is None else sample.valid,
        score=np.nan if entry["value"] is None else float(entry["value"]),
    )


def _with_class_names(table: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Name the classes of per-class metrics, which the metrics know by their index."""
    for entries in (table["total"], *table["images"].values()):
        for entry in entries.values():
            if "per_class" in entry:
                entry["per_class"] = {names[int(index)]: one for index, one in entry["per_class"].items()}
    return table


def _limited(table: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Some of the metrics."""
    images = {image: {name: entries[name] for name in names} for image, entries in table["images"].items()}
    return {"total": {name: table["total"][name] for name in names}, "images": images}


def _not_trained_on(samples: Sequence[Sample], manifest: Manifest) -> tuple[list[tuple[Sample, str]], tuple[str, ...]]:
    """The samples that the model has not seen, with their role; all of them where it has seen them all."""
    record = manifest.training.get("images", {})
    trained, held_out = set(record.get("training", {}).values()), set(record.get("validation", {}).values())
    roles = [image_digest(sample) for sample in samples]
    pairs = [
        (s, "training" if d in trained else "validation" if d in held_out else "new")
        for s, d in zip(samples, roles, strict=True)
    ]
    unseen = [pair for pair in pairs if pair[1] != "training"]
    if not unseen:
        return pairs, ("every image was used in training: these numbers do not say how the model does on new images",)
    notes = []
    if len(unseen) < len(pairs):
        notes.append(f"{len(pairs) - len(unseen)} of {len(pairs)} images were used in training and are left out")
    if any(role == "validation" for _, role in unseen):
        notes.append(
            "images marked 'validation' chose the best state of the network, which makes their scores a little too good"
        )
    return unseen, tuple(notes)


def _other_pixel_sizes(samples: Sequence[Sample], manifest: Manifest) -> tuple[str, ...]:
    """Name the images whose pixels are much larger or smaller than those of the training."""
    found = [(s.name, mismatch(s.image.pixel_size_um, manifest.pixel_size_um)) for s in samples]
    others = [(name, how) for name, how in found if how is not None]
    if not others:
        return ()
    name, how = others[0]
    return (
        f"{len(others)} of {len(samples)} images have other pixels than the training images, such as {name}: {how}",
    )


def _metric_task(labelling: Labelling) -> str:
    if labelling.task == "instances":
        return "instances"
    return "binary" if len(labelling.values) == 2 else "semantic"


def _by_name(folder: str | Path) -> dict[str, Path]:
    paths = find_images(folder)
    return dict(zip(output_names(paths), paths, strict=True))


def _given_sample(
    name: str, truth: NDArray[Any], labelling: Labelling, picture: Path | None, mask: Path | None
) -> Sample:
    from overtile.core import Image

    labels = to_classes(truth, labelling)
    valid = labels >= 0
    if mask is not None:
        valid &= read_labels(mask) > 0
    image = Image(np.empty((1, 0, 0))) if picture is None else read_image(picture)
    return Sample(name, image, np.where(valid, labels, 0).astype(np.int32), valid)


def _read_prediction(path: Path, labelling: Labelling) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predicted labels (y, x), and what the metrics see."""
    array = read_image(path).array
    if array.dtype.kind == "f":
        return _from_probabilities(array, path, labelling)
    labels = read_labels(path)
    task = _metric_task(labelling)
    if task == "semantic":
        labels = to_classes(labels, labelling)
        return labels, labels
    shown = (labels != 0).astype(np.int32) if task == "binary" else labels
    return shown, labels


def _from_probabilities(array: NDArray[Any], path: Path, labelling: Labelling) -> tuple[NDArray[Any], NDArray[Any]]:
    task, channels = _metric_task(labelling), len(array)
    if task == "semantic":
        if channels != len(labelling.values):
            raise DataError(f"{path} has {channels} probability maps, the labels have {len(labelling.values)} classes")
        labels = array.argmax(axis=0).astype(np.int32)
        return labels, labels
    if channels > 2:
        raise DataError(
            f"{path} has {channels} probability maps: expected the foreground's, or background and foreground"
        )
    foreground = array[-1].astype(np.float64)
    return (foreground > 0.5).astype(np.int32), foreground
