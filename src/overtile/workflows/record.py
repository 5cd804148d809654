"""What the model file says about its training."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from overtile import __version__
from overtile.bundle import Manifest
from overtile.data import AnnotatedImages, Sample
from overtile.instances import PostProcessing
from overtile.training import TrainingState, alarms, num_classes, processes
from overtile.workflows.pixel_size import typical_pixel_size
from overtile.workflows.plan import Plan
from overtile.workflows.provenance import provenance


def manifest_of(images: AnnotatedImages, plan: Plan, state: TrainingState, options: Mapping[str, Any]) -> Manifest:
    """Everything that belongs to a trained network besides its weights.

    Args:
        images: all of them.
        plan: that was trained by.
        state: at the end.
        options: what else the record of the training has to say.
    """
    labelling = images.labelling
    instances = labelling.task == "instances"
    return Manifest(
        architecture=plan.recipe.architecture,
        arguments=plan.recipe.arguments,
        in_channels=images.channels,
        num_classes=num_classes(images, plan.recipe),
        normalization=plan.normalization,
        task=labelling.task,
        target=plan.recipe.instance_target if instances else "classes",
        class_values=labelling.values,
        class_names=labelling.class_names,
        ignore_label=labelling.ignore_label,
        pixel_size_um=typical_pixel_size([sample.image for sample in images.samples]),
        channels=images.chosen_channels,
        postprocessing=PostProcessing(method=plan.recipe.instance_target).to_dict() if instances else {},
        training={**_training(images, plan, state), **options},
        metrics={"validation_dice": state.best_score} if state.validations else {},
        overtile_version=__version__,
    )


def _training(images: AnnotatedImages, plan: Plan, state: TrainingState) -> dict[str, Any]:
    names = {sample.name for sample in plan.split.train}
    # The strips of a single image have names of their own; the image as a whole was trained on then.
    trained = [sample for sample in images.samples if sample.name in names] or images.samples
    ended = "interrupted" if state.interrupted else "patience" if state.stopped_early else "budget"
    return {
        **provenance(),
        "seed": plan.seed,
        "budget_s": plan.seconds,
        "processes": processes(),
        "recipe": asdict(plan.recipe),
        "plan": [asdict(choice) for choice in plan.choices],
        "precision": plan.precision,
        "notes": [*images.notes, *plan.notes],
        "alarms": list(alarms(state)),
        "ended": ended,
        "steps": state.step,
        "elapsed_s": state.elapsed_s,
        "drawing_s": state.drawing_s,
        "losses": state.losses,
        "validations": state.validations,
        "images": {"training": _digests(trained), "validation": _digests(plan.split.validation)},
    }


def _digests(samples: Sequence[Sample]) -> dict[str, str]:
    return {sample.name: image_digest(sample) for sample in samples}


def image_digest(sample: Sample) -> str:
    """A short name for the pixels of an image, to recognise it wherever it is stored."""
    array = np.ascontiguousarray(sample.image.array)
    return hashlib.sha256(str((array.shape, array.dtype.str)).encode() + array.tobytes()).hexdigest()[:16]


def fingerprint(images: AnnotatedImages, plan: Plan, encoder: str | None) -> str:
    """Names a run; a resumed one must have the same. How many pieces a batch has depends on the memory of the day."""
    recipe = {name: value for name, value in asdict(plan.recipe).items() if name not in ("accumulate", "chosen")}
    content: dict[str, Any] = {
        "images": [image_digest(s) for s in images.samples],
        "split": [[s.name for s in part] for part in (plan.split.train, plan.split.validation)],
        "recipe": recipe,
        "options": [plan.seconds, plan.steps, plan.seed, encoder],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
