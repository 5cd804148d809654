"""Raw label files as training labels: which values mean which class, or which are object ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.data.label_evidence import LabelEvidence, describe_labels

Task = Literal["semantic", "instances"]
TASKS = ("auto", "semantic", "instances")

MOST_CLASSES = 32
"""More label values than this are no classes unless the user says so."""

MOST_ORGANS = 8
"""More compact values than this are ids even if all images hold the same ones."""

SMALLEST_ID_PX = 4
"""Typical ids are at least this large; where most values have fewer pixels, the file is a picture."""

MOST_LINE_CLASSES = 8
"""More values in thin lines than this are a smoothed mask whatever the user says."""

IGNORED = -1
"""What `to_classes` gives for ignored pixels."""


@dataclass(frozen=True)
class Labelling:
    """What the values in label files mean.

    Attributes:
        task: classes per pixel, or ids per object.
        values: raw value of each class, in the order of the class indices; empty for object ids.
        class_names: one name per class; background and object for ids.
        ignore_label: raw value of pixels that carry no annotation.
        notes: what was concluded and why, for the user to check.
    """

    task: Task
    values: tuple[int, ...]
    class_names: tuple[str, ...]
    ignore_label: int | None = None
    notes: tuple[str, ...] = ()


def infer_task(labels: Sequence[NDArray[Any]], *, task: str = "auto", ignore_label: int | None = None) -> Labelling:
    """Conclude from all label arrays together what their values mean.

    >>> infer_task([np.array([[0, 255], [0, 0]])]).values
    (0, 255)

    Args:
        labels: raw integer labels (y, x) of every training image.
        task: "semantic", "instances", or "auto" to decide by the evidence.
        ignore_label: raw value that means "not annotated".

    Raises:
        UnknownNameError: there is no such task.
        DataError: the labels hold nothing but background, are smoothed masks, or no labels at all.
    """
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    evidence = describe_labels(labels, ignore_label=ignore_label)
    if len(evidence.values) < 2:
        raise DataError(_nothing_annotated(evidence, ignore_label))
    if task == "instances" or (task == "auto" and _are_ids(evidence)):
        return _instances(evidence, ignore_label, stated=task != "auto")
    if len(evidence.smoothed) > (MOST_LINE_CLASSES if task == "semantic" else 0):
        raise DataError(_smoothed_masks(evidence))
    return _semantic(evidence, ignore_label, stated=task != "auto")


def _are_ids(evidence: LabelEvidence) -> bool:
    """Ids are compact, and either many or numbered afresh 1, 2, 3, ... in every image.

    The same few compact values in all images are classes, such as the organs in a series of scans.
    """
    n = len(evidence.values) - (0 in evidence.values)
    if n < 3 or evidence.compactness < 0.9 or evidence.area_px < SMALLEST_ID_PX or evidence.smoothed:
        return False
    afresh = evidence.values_vary or evidence.n_images == 1 or n > MOST_ORGANS
    return n > MOST_CLASSES or (evidence.consecutive >= 0.8 and afresh)


def _instances(evidence: LabelEvidence, ignore_label: int | None, *, stated: bool) -> Labelling:
    if len(evidence.values) == 2 and evidence.compactness < 0.9:
        raise DataError(
            f"labels hold one object id ({evidence.values[1]}) in several pieces: expected another id for each object. "
            "Number the pieces (skimage.measure.label), or pass --task semantic."
        )
    if evidence.values[0] < 0:
        raise DataError(
            f"object ids must not be negative, found {evidence.values[0]}. Pass --ignore-label if it means that."
        )
    notes = [] if stated else [
        f"labels are object ids: {evidence.n_ids} ids in {evidence.n_images} image(s), {evidence.compactness:.0%} of a "
        "typical id in one piece. If they are classes, pass --task semantic."
    ]  # fmt: skip
    if 0 not in evidence.values:
        notes.append("no pixel is background (0): every pixel belongs to an object")
    return Labelling("instances", (), ("background", "object"), ignore_label, tuple(notes))


def _semantic(evidence: LabelEvidence, ignore_label: int | None, *, stated: bool) -> Labelling:
    values = evidence.values
    if len(values) > MOST_CLASSES and not stated:
        raise DataError(
            f"labels hold {len(values)} different values ({_shown(values)}), in pieces too scattered for object ids: "
            "expected a few classes or ids of objects. Check that these are labels, or pass --task semantic."
        )
    notes = []
    if values != tuple(range(len(values))):
        mapping = ", ".join(f"{value} -> {index}" for index, value in enumerate(values))
        notes.append(f"label values are numbered as classes: {mapping}")
    if values[-1] == 255 and len(values) > 2 and values[-2] < len(values) + 8 and ignore_label is None:
        notes.append("255 beside small values often means 'ignore': pass --ignore-label 255 if it does")
    if evidence.compactness >= 0.9 and len(values) > 3 and not stated:
        notes.append(
            f"labels are taken as {len(values)} classes, but each value is one piece per image: if they are "
            "object ids, pass --task instances"
        )
    if evidence.empty_images:
        notes.append(f"{len(evidence.empty_images)} of {evidence.n_images} images hold a single label value")
    names = tuple("background" if value == 0 else f"class {value}" for value in values)
    if len(values) == 2 and values[0] == 0:
        names = ("background", "foreground")
    return Labelling("semantic", values, names, ignore_label, tuple(notes))


def _smoothed_masks(evidence: LabelEvidence) -> str:
    total = sum(evidence.pixels)
    main = [v for v in evidence.values if v not in evidence.smoothed]
    share = sum(n for v, n in zip(evidence.values, evidence.pixels, strict=True) if v in evidence.smoothed) / total
    return (
        f"labels are smoothed masks: besides {_shown(main)} they hold {len(evidence.smoothed)} values "
        f"({_shown(evidence.smoothed)}) only in thin lines, {share:.1%} of all pixels. Smoothing, JPEG or resizing did "
        "that. Export them again without smoothing, as PNG or TIFF and with nearest-neighbour resizing, or threshold "
        "them: mask = (mask > 127) * 255. Classes of thin lines need --task semantic."
    )


def _nothing_annotated(evidence: LabelEvidence, ignore_label: int | None) -> str:
    only = ", ".join(map(str, evidence.values)) or "none"
    ignored = "" if ignore_label is None else f" besides the ignored {ignore_label}"
    return (
        f"the {evidence.n_images} label file(s) hold a single value ({only}){ignored}: there is nothing to learn. "
        "Expected 0 = background and at least one other value. Check that these are the right files."
    )


def _shown(values: Sequence[int]) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts) if len(texts) <= 8 else f"{', '.join(texts[:6])}, ..., {texts[-1]}"


def to_classes(raw: NDArray[Any], labelling: Labelling) -> NDArray[np.int32]:
    """Turn raw labels into class indices, or leave object ids as they are; ignored pixels become -1.

    >>> to_classes(np.array([0, 255]), Labelling("semantic", (0, 255), ("background", "foreground"))).tolist()
    [0, 1]

    Raises:
        DataError: the labels hold a value that is no class, or an id that does not fit into 32 bit.
    """
    ignored = np.zeros(raw.shape, bool) if labelling.ignore_label is None else raw == labelling.ignore_label
    if labelling.task == "instances":
        low, high = (int(raw.min()), int(raw.max())) if raw.size else (0, 0)
        if high > np.iinfo(np.int32).max or (low < 0 and bool((raw[~ignored] < 0).any())):
            raise DataError(
                f"object ids must lie between 0 and 2147483647, found {low} to {high}. Renumber them from 1 on."
            )
        return np.where(ignored, IGNORED, raw).astype(np.int32)
    values = np.array(labelling.values, dtype=np.int64)
    index = np.searchsorted(values, raw).clip(max=len(values) - 1)
    unknown = (values[index] != raw) & ~ignored
    if unknown.any():
        found = np.unique(raw[unknown]).tolist()
        raise DataError(
            f"labels hold {_shown(found)}, none of the known values {_shown(labelling.values)}. Correct them, or "
            "pass --ignore-label if they mean 'not annotated'."
        )
    return np.where(ignored, IGNORED, index).astype(np.int32)
