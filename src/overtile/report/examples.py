"""The best, the median and the worst image, as rows of pictures."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtile.report.glossary import title
from overtile.report.images import channel_note, displayed, grey, indexed_png, png, sampled, shown_size, shrunk
from overtile.report.overlays import (
    CONFUSED,
    EXTRA,
    MISSED,
    NOT_COUNTED,
    Indexed,
    Legend,
    class_palette,
    class_picture,
    error_kinds,
    error_picture,
    matched_ids,
    object_picture,
)
from overtile.report.scores import Score, overall
from overtile.workflows.evaluation import Evaluation, Example

LONGEST_PX = {"grey": 512, "colour": 400}
"""Longest side of an embedded picture: twelve of them stay below 3 MB, even of noise."""

HIGHLIGHTS = ("dice", "iou", "pixel_error", "rand_error", "v_rand", "precision_50", "recall_50", "seg")
"""Metrics below the pictures, after the one that ranks; the table of all images has every metric."""

UPSCALED_BELOW_PX = 280
"""Pictures with a shorter side than this are drawn larger than they are."""


@dataclass(frozen=True)
class Picture:
    """A picture with its caption; source is a data URI."""

    caption: str
    source: str


@dataclass(frozen=True)
class Row:
    """One example.

    Attributes:
        rank: "Best image", ...
        name: of the image.
        role: of the image.
        scores: metric in words -> score.
        pictures: image, truth, prediction, errors.
        width: of the pictures.
        height: of the pictures.
        pixelated: whether the pictures are drawn larger than they are and must show their pixels.
    """

    rank: str
    name: str
    role: str
    scores: dict[str, Score]
    pictures: tuple[Picture, ...]
    width: int
    height: int
    pixelated: bool


def example_rows(evaluation: Evaluation) -> list[Row]:
    """The best, the median and the worst image; fewer where there are fewer."""
    return [_row(evaluation, example, rank) for rank, example in _chosen(evaluation.examples).items()]


def _chosen(examples: tuple[Example, ...]) -> dict[str, Example]:
    ranked = sorted((e for e in examples if not math.isnan(e.score)), key=lambda e: -e.score)
    if not ranked:
        return {"Without a score": examples[0]} if examples else {}
    if len(ranked) == 1:
        return {"The image": ranked[0]} if len(examples) == 1 else {"The image with a score": ranked[0]}
    median = {"Median image": ranked[len(ranked) // 2]} if len(ranked) > 2 else {}
    return {"Best image": ranked[0], **median, "Worst image": ranked[-1]}


def _row(evaluation: Evaluation, example: Example, rank: str) -> Row:
    pictures, size = _pictures(example, evaluation)
    metrics = evaluation.images.get(example.name, {})
    named = dict.fromkeys((evaluation.ranked_by, *HIGHLIGHTS))
    return Row(
        rank=rank,
        name=example.name,
        role=example.role,
        scores={title(name): overall(metrics[name]) for name in named if name in metrics},
        pictures=pictures,
        width=size[1],
        height=size[0],
        pixelated=min(size) < UPSCALED_BELOW_PX,
    )


def _pictures(example: Example, evaluation: Evaluation) -> tuple[tuple[Picture, ...], tuple[int, int]]:
    channels = 1 if example.image is None else example.image.shape[0]
    size = shown_size(example.truth.shape, LONGEST_PX["grey" if channels == 1 else "colour"])
    truth, prediction = (np.maximum(labels, 0).astype(np.int64) for labels in (example.truth, example.prediction))
    if evaluation.task == "instances":
        prediction = matched_ids(np.where(example.valid, truth, 0), np.where(example.valid, prediction, 0))
    kinds = sampled(error_kinds(truth, prediction, example.valid), size)
    valid, truth, prediction = (sampled(labels, size) for labels in (example.valid, truth, prediction))

    def labels_shown(labels: NDArray[np.int64]) -> Indexed:
        if evaluation.task == "instances":
            return object_picture(labels, valid)
        return class_picture(labels, valid, len(evaluation.class_names))

    # Where there is no image, the true foreground in a darker grey gives the errors a place.
    below, image = np.where(truth > 0, 120, 0).astype(np.uint8), None
    if example.image is not None:
        image = shrunk(displayed(example.image), size)
        below = grey(image)
    drawn = {
        "Annotation": labels_shown(truth),
        "Prediction": labels_shown(prediction),
        "Errors": error_picture(kinds, below, valid),
    }
    pictures = [Picture(caption, indexed_png(d.indices, d.palette)) for caption, d in drawn.items()]
    return (*([Picture(f"Image{channel_note(channels)}", png(image))] if image is not None else []), *pictures), size


def error_legend(evaluation: Evaluation) -> list[Legend]:
    """What the colours of the errors stand for."""
    instances = evaluation.task == "instances"
    legend = [Legend(EXTRA, "extra (false positive)"), Legend(MISSED, "missed (false negative)")]
    if instances:
        legend.append(Legend(CONFUSED, "merged, split or badly fitting (no match with IoU 0.5)"))
    elif len(evaluation.class_names) > 2:
        legend.append(Legend(CONFUSED, "another class than annotated"))
    if any(not example.valid.all() for example in evaluation.examples):
        legend.append(Legend(NOT_COUNTED, "striped: not counted"))
    return legend


def class_legend(evaluation: Evaluation) -> list[Legend]:
    """What the colours of classes stand for; empty for objects, whose colours only tell them apart."""
    if evaluation.task == "instances":
        return []
    return [
        Legend(c, n) for c, n in zip(class_palette(len(evaluation.class_names)), evaluation.class_names, strict=False)
    ]
