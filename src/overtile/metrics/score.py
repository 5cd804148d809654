"""Score one image: every statistic that fits its task, split by object, ready to be pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.metrics.boundary import BoundaryCounts, boundary_counts, hausdorff_95
from overtile.metrics.by_object import (
    confusion_by_object,
    only_objects,
    pixels_by_object,
    sweep,
    warping_by_object,
)
from overtile.metrics.contingency import Contingency, contingency
from overtile.metrics.ctc import tracking_by_object
from overtile.metrics.matching import match_by_object
from overtile.metrics.objects import (
    THRESHOLDS,
    check_labels,
    check_same_shape,
    connected_labels,
    connected_objects,
    exceeds,
    separated_mask,
)
from overtile.metrics.rand import information_by_object, rand_by_object
from overtile.metrics.sums import ByObject, Number, stack
from overtile.metrics.thinning import thin_borders

TASKS = ("binary", "semantic", "instances")
"""What the truth of an image may mean."""

LABEL_THRESHOLD = 0.5
"""Metrics of labels take probabilities above this for inside."""

Statistics = dict[str, ByObject[Any]]


@dataclass(frozen=True)
class Distances:
    """A distance per class; averaged over images, never added."""

    per_class: Number


@dataclass(frozen=True)
class ImageScore:
    """Statistics of one image by family; empty where no pixel is valid."""

    task: str
    statistics: Statistics


@dataclass(frozen=True)
class _Proposals:
    """What a prediction says, at the levels where it is judged.

    Attributes:
        labels: ids or objects that count as its segmentation.
        objects: ids or objects at every threshold.
        levels: (y, x) mask or probabilities, to be cut at `thresholds`.
        thresholds: the cuts.
    """

    labels: NDArray[Any]
    objects: list[NDArray[Any]]
    levels: NDArray[Any]
    thresholds: tuple[float, ...]


def score_image(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    *,
    task: str,
    classes: int = 2,
    valid: NDArray[np.bool_] | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> ImageScore:
    """Compare one image with its truth.

    Args:
        truth: labels without channel axis. binary: anything but 0 is inside, its 4-connected pieces are the objects.
            semantic: class indices. instances: ids, 0 = background.
        prediction: labels of the same kind, or, but for semantic, floating-point probabilities of being inside. In a
            binary task, integers with more than one value besides 0 are ids. A bool mask always stands for its
            connected pieces.
        task: one of TASKS.
        classes: number of classes of a semantic task.
        valid: pixels to count; all where None. The others are left out of everything.
        thresholds: levels at which probabilities are cut where a definition sweeps them.

    Raises:
        UnknownNameError: an unknown task.
        ShapeError: the sizes differ.
        DataError: labels that do not fit the task, or probabilities outside [0, 1].

    >>> score = score_image(np.array([[1, 1, 0, 2]]), np.array([[4, 4, 0, 0]]), task="instances")
    >>> score.statistics["matching"].whole.tp[0]
    np.float64(1.0)
    """
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    check_same_shape(truth, prediction, valid)
    check_labels("truth", truth)
    inside = np.ones(truth.shape, np.bool_) if valid is None else valid
    if not inside.any():
        return ImageScore(task, {})
    pieces = task == "binary" or truth.dtype == np.bool_
    truth = np.where(inside, truth, 0)
    if task == "semantic":
        check_labels("prediction", prediction)
        return ImageScore(task, _class_statistics(truth, np.where(inside, prediction, 0), inside, classes))
    proposals = _proposals(prediction, inside, task, thresholds)
    objects = connected_objects(truth) if pieces else truth
    statistics = _object_statistics(objects, proposals, inside)
    if task == "binary":
        statistics |= _class_statistics(
            (truth != 0).astype(np.int64), (proposals.labels != 0).astype(np.int64), inside, 2
        )
    else:
        table = contingency(objects, proposals.labels, valid=inside)
        statistics["confusion"] = confusion_by_object(
            table, np.sign(table.truth_ids), np.sign(table.prediction_ids), classes=2
        )
        statistics["matching"] = only_objects(match_by_object(table))
        statistics["tracking"] = only_objects(tracking_by_object(table))
    return ImageScore(task, statistics)


def score_detections(
    truth: NDArray[Any], prediction: NDArray[Any], *, valid: NDArray[np.bool_] | None = None
) -> ImageScore:
    """Compare the objects of one image as the Cell Tracking Challenge does, and in no other way.

    Args:
        truth: ids, 0 = background.
        prediction: ids.
        valid: pixels to count; all where None.

    Raises:
        ShapeError: the sizes differ.
        DataError: labels are not integers or are negative.

    >>> list(score_detections(np.array([1, 0]), np.array([5, 5])).statistics)
    ['tracking']
    """
    table = contingency(truth, prediction, valid=valid)
    return ImageScore("instances", {"tracking": only_objects(tracking_by_object(table))})


def _proposals(
    prediction: NDArray[Any], inside: NDArray[np.bool_], task: str, thresholds: Sequence[float]
) -> _Proposals:
    if prediction.dtype.kind == "f":
        low, high = prediction[inside].min(), prediction[inside].max()
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"expected probabilities in [0, 1], got {low} to {high}; "
                "apply softmax or sigmoid to logits, or cast labels to integers"
            )
        objects = [connected_objects(exceeds(prediction, threshold) & inside) for threshold in thresholds]
        labels = connected_objects(exceeds(prediction, LABEL_THRESHOLD) & inside)
        return _Proposals(labels, objects, prediction, tuple(thresholds))
    check_labels("prediction", prediction)
    shown = np.where(inside, prediction, 0)
    is_mask = prediction.dtype == np.bool_ or (task == "binary" and _one_value(shown))
    objects_shown = connected_objects(shown) if is_mask else shown
    mask = shown != 0 if is_mask else separated_mask(shown)
    return _Proposals(objects_shown, [objects_shown], mask, (LABEL_THRESHOLD,))


def _one_value(labels: NDArray[Any]) -> bool:
    """Whether no two non-zero labels differ."""
    return bool(((labels == 0) | (labels == labels.max())).all())


def _object_statistics(objects: NDArray[Any], proposals: _Proposals, inside: NDArray[np.bool_]) -> Statistics:
    """The EM challenge's statistics; thinning and warping are defined for planes only."""
    tables = [contingency(objects, proposal, valid=inside) for proposal in proposals.objects]
    statistics: Statistics = {
        "pixels": sweep([pixels_by_object(table) for table in tables]),
        "rand": _sweep_rand(tables),
    }
    if objects.ndim != 2:
        return statistics
    thinned = [contingency(objects, thin_borders(p, valid=inside), valid=inside) for p in proposals.objects]
    statistics["thinned_rand"] = _sweep_rand(thinned)
    statistics["information"] = sweep([only_objects(information_by_object(table)) for table in thinned])
    statistics["warping"] = warping_by_object(
        separated_mask(objects), objects, proposals.levels, thresholds=proposals.thresholds, valid=inside
    )
    return statistics


def _sweep_rand(tables: list[Contingency]) -> ByObject[Any]:
    return sweep([only_objects(rand_by_object(table)) for table in tables])


def _class_statistics(
    truth: NDArray[Any], prediction: NDArray[Any], inside: NDArray[np.bool_], classes: int
) -> Statistics:
    for name, labels in (("truth", truth), ("prediction", prediction)):
        if labels.max() >= classes:
            raise DataError(
                f"expected class indices below {classes} in the {name}, got {labels.max()}; "
                "give the number of classes, or mark ignored pixels with `valid`"
            )
    pieces = connected_labels(truth), connected_labels(prediction)
    table = contingency(*pieces, valid=inside)
    confusion = confusion_by_object(
        table, _class_of(pieces[0], truth), _class_of(pieces[1], prediction), classes=classes
    )
    masks = [(truth == c, prediction == c) for c in range(classes)]
    boundaries: BoundaryCounts = stack([boundary_counts(t, p, valid=inside) for t, p in masks])
    distances = Distances(np.array([hausdorff_95(t, p, valid=inside) for t, p in masks]))
    no_objects = np.zeros((0, classes))
    return {
        "confusion": confusion,
        "boundary": ByObject(BoundaryCounts(no_objects, no_objects), boundaries),
        "distance": ByObject(Distances(no_objects), distances),
    }


def _class_of(pieces: NDArray[np.int64], labels: NDArray[Any]) -> NDArray[np.int64]:
    """Class of every piece, indexed by its number."""
    classes = np.zeros(int(pieces.max()) + 1, np.int64)
    classes[pieces] = labels
    return classes
