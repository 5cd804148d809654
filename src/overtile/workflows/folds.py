"""Every image held out once: folds trained one after another, their score, and one model of them."""

import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from overtile.bundle import Manifest, save
from overtile.core import OptionError
from overtile.core.atomic import refuse_overwrite
from overtile.data import AnnotatedImages, Split, k_folds
from overtile.models import Ensemble
from overtile.training import is_main_process
from overtile.workflows.evaluate import evaluate_held_out
from overtile.workflows.evaluation import Evaluation
from overtile.workflows.model import Model
from overtile.workflows.options import TrainOptions
from overtile.workflows.plan import normalization_of
from overtile.workflows.postprocessing import tuned_postprocessing
from overtile.workflows.provenance import provenance
from overtile.workflows.series import claim, share_of, trained
from overtile.workflows.train import as_images

KEEP = ("ensemble", "best")
"""What can become of the folds."""

FoldListener = Callable[[int, int], None]
"""Called before each fold with its number, counted from 1, and how many there are."""


@dataclass(frozen=True)
class Folds:
    """What the training of folds gave.

    Attributes:
        model: the ensemble, or the best fold.
        evaluation: over all images, each predicted by the fold that had not seen it.
        metric: that the folds are compared by.
        scores: of each fold, the mean over its own images.
    """

    model: Model
    evaluation: Evaluation
    metric: str
    scores: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Standard deviation over the folds."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """The numbers for the model file."""
        return {
            "metric": self.metric,
            **self.evaluation.total[self.metric],
            "spread_over_folds": self.spread,
            "folds": list(self.scores),
            "images": {example.name: example.score for example in self.evaluation.examples},
        }


def train_folds(
    data: str | Path | AnnotatedImages,
    output: str | Path,
    options: TrainOptions,
    *,
    folds: int = 5,
    keep: str = "ensemble",
    on_fold: FoldListener = lambda _number, _count: None,
) -> Folds:
    """Train folds one after another, score each on the images it has not seen, and write one model file.

    The time budget is shared by the folds; a number of steps is that of each. All folds have the normalisation of all
    images, as an ensemble needs. With `options.resume`, finished folds are kept and an unfinished one goes on.

    Args:
        data: a folder of annotated images, or images already read: at least two, or one to be cut into strips.
        output: the model file to write; until then the folds lie in OUTPUT.folds.
        options: how.
        folds: wanted number; fewer where there are fewer images, and as many as images up to five.
        keep: "ensemble": the mean of the folds' probabilities, whose prediction costs as much as all of them; "best":
            the fold with the best score.
        on_fold: told before each fold.

    Raises:
        OptionError: no such way to keep folds.
        OutputExistsError: the model file exists, or unfinished folds that are not to be resumed.
        TrainingError: training cannot start or go on.
        KeyboardInterrupt: Ctrl-C; what is finished is kept.
    """
    if keep not in KEEP:
        raise OptionError(f"--keep expects {' or '.join(KEEP)}, got {keep!r}")
    images, output = as_images(data, options.groups), Path(output)
    refuse_overwrite(output, overwrite=options.overwrite)
    splits = k_folds(images.samples, folds, options.seed)
    folder = claim(output, "folds", options)
    normalization = normalization_of(images.samples)[0]
    models = []
    for number, split in enumerate(splits):
        on_fold(number + 1, len(splits))
        own = replace(share_of(options, number, len(splits)), fold=(number, len(splits)))
        file = folder / f"fold-{number}.overtile"
        models.append(trained(images, split, file, own, normalization=normalization))
    found = _put_together(models, splits, keep, output.name, options)
    if is_main_process():
        save(output, found.model.manifest, found.model.network, overwrite=options.overwrite)
        shutil.rmtree(folder)
    return found


def _put_together(
    models: Sequence[Model], splits: Sequence[Split], keep: str, name: str, options: TrainOptions
) -> Folds:
    """Score the folds, and choose one or join them."""
    parts = [(model, split.validation) for model, split in zip(models, splits, strict=True)]
    evaluation = evaluate_held_out(parts, seed=options.seed)
    metric = evaluation.ranked_by
    of_image = {example.name: example.score for example in evaluation.examples}
    scores = tuple(float(np.nanmean([of_image[s.name] for s in split.validation])) for split in splits)
    if keep == "best":
        best = models[int(np.nanargmax(scores))]
        manifest, network = best.manifest, best.network
    else:
        manifest, network = _joined(models), Ensemble([model.network for model in models]).eval()
        manifest = replace(manifest, members=len(models))
        if manifest.task == "instances":
            manifest = replace(manifest, postprocessing=tuned_postprocessing(*parts).to_dict())
    found = Folds(models[0], evaluation, metric, scores)
    manifest = replace(manifest, metrics={**manifest.metrics, "held_out": found.to_json()})
    return replace(found, model=Model(manifest, network, name=name, device=options.device, precision=options.precision))


def _joined(models: Sequence[Model]) -> Manifest:
    """What the file of an ensemble says: all images were trained on, by one member or another."""
    manifests = [model.manifest for model in models]
    records = [manifest.training for manifest in manifests]
    own = (
        "losses",
        "validations",
        "images",
        "steps",
        "elapsed_s",
        "drawing_s",
        "fold",
        "ended",
        "fingerprint",
        "alarms",
    )
    seen = {name: digest for r in records for part in r["images"].values() for name, digest in part.items()}
    return replace(
        manifests[0],
        metrics={"validation_dice": statistics.fmean(m.metrics["validation_dice"] for m in manifests)},
        training={
            **{name: value for name, value in records[0].items() if name not in own},
            **provenance(),
            "steps": sum(record["steps"] for record in records),
            "elapsed_s": sum(record["elapsed_s"] for record in records),
            "alarms": [f"fold {i + 1}: {alarm}" for i, record in enumerate(records) for alarm in record["alarms"]],
            "images": {"training": seen},
            "folds": [{name: record[name] for name in own} for record in records],
        },
    )
