"""Labels whose meaning the layout states: named classes, or objects with or without classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, UnknownNameError
from overtile.data.labels import TASKS, Labelling, infer_task
from overtile.data.layouts.layout import Meaning


def conclude(
    labels: Sequence[NDArray[Any]], meaning: Meaning | None, *, task: str, ignore_label: int | None
) -> Labelling:
    """What labels mean: as the layout states it, else by the evidence of `infer_task`.

    Objects of a single class are told apart; several classes are learned as classes, unless the task is stated.

    Args:
        labels: of all images, as stored.
        meaning: what the layout says.
        task: "auto", "semantic" or "instances".
        ignore_label: value that means "not annotated", where the user names one.

    Raises:
        UnknownNameError: there is no such task.
        DataError: nothing is annotated, or the labels cannot be what they should be.
    """
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    if meaning is not None and meaning.objects:
        return _objects(labels, meaning, task, ignore_label)
    ignored = ignore_label if ignore_label is not None or meaning is None else meaning.ignore_label
    inferred = infer_task(labels, task="semantic" if meaning and task == "auto" else task, ignore_label=ignored)
    if meaning is None or task == "instances" or not meaning.class_names:
        return inferred
    left_out = (ignored, meaning.ignore_label)
    names = {value: name for value, name in sorted(meaning.class_names.items()) if value not in left_out}
    note = f"classes by name: {', '.join(f'{value} {name}' for value, name in names.items())}"
    return Labelling("semantic", tuple(names), tuple(names.values()), ignored, (note,))


def _objects(labels: Sequence[NDArray[Any]], meaning: Meaning, task: str, ignore_label: int | None) -> Labelling:
    if not any((one > 0).any() for one in labels):
        raise DataError(
            f"the annotation of all {len(labels)} image(s) holds no object. Check that these are the right files."
        )
    names = [name for value, name in sorted(meaning.class_names.items()) if value > 0] or ["object"]
    several = f"objects of {len(names)} classes ({', '.join(names)})"
    if task == "instances" or (task == "auto" and len(names) == 1):
        note = f"{several} are told apart; their classes are not learned"
        name = names[0] if len(names) == 1 else "object"
        return Labelling("instances", (), ("background", name), ignore_label, (note,) if len(names) > 1 else ())
    note = f"{several} are learned as classes; to tell touching objects apart instead, pass --task instances"
    notes = (note,) if task == "auto" else ()
    return Labelling("semantic", tuple(range(len(names) + 1)), ("background", *names), ignore_label, notes)


def values_for(
    labels: NDArray[Any], classes: NDArray[np.int32] | None, meaning: Meaning, labelling: Labelling
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Labels in the values of a labelling, and which pixels are annotated where some are not.

    A labelling that came from elsewhere, such as that of a trained model, is matched by the names of the classes.

    Args:
        labels: of one image, as stored.
        classes: class value of object id n at index n, where objects have classes.
        meaning: what the layout says.
        labelling: what the labels shall mean.

    Raises:
        DataError: the labelling does not know a class.
    """
    if labelling.task == "instances":
        valid = _annotated(labels, meaning)
        return (labels if valid is None else np.where(valid, labels, 0)), valid
    if meaning.objects:
        labels = (labels > 0).astype(np.int64) if classes is None else classes[labels]
    valid = _annotated(labels, meaning)
    result = labels.astype(np.int64)
    for value, wanted in _matched(meaning, labelling).items():
        if value != wanted:
            result[labels == value] = wanted
    return (result if valid is None else np.where(valid, result, labelling.values[0])), valid


def _annotated(labels: NDArray[Any], meaning: Meaning) -> NDArray[np.bool_] | None:
    if meaning.objects or meaning.ignore_label is None:
        return None
    return np.asarray(labels != meaning.ignore_label)


def _matched(meaning: Meaning, labelling: Labelling) -> Mapping[int, int]:
    """Value of the layout -> value of the labelling."""
    if not meaning.objects and not meaning.class_names:
        return {}
    names = {v: n for v, n in meaning.class_names.items() if v != meaning.ignore_label} or {
        0: "background",
        1: "object",
    }
    known = dict(zip(labelling.class_names, labelling.values, strict=True))
    if set(names.values()) <= known.keys():
        return {value: known[name] for value, name in names.items()}
    if len(names) == len(known) == 2:
        return dict(zip(sorted(names), labelling.values, strict=True))
    if not meaning.objects:
        return {}  # the files' own values count
    unknown = ", ".join(sorted(set(names.values()) - known.keys()))
    raise DataError(
        f"the annotation has the classes {unknown}, the model knows {', '.join(known)}. Rename the classes, or use "
        "annotations of the model's classes."
    )
