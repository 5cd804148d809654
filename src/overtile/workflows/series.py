"""Several trainings of one command: each leaves a file, so that the command can go on where it was interrupted."""

import shutil
from dataclasses import replace
from pathlib import Path

from overtile.core import Normalization, OutputExistsError, TrainingError
from overtile.data import AnnotatedImages, Split
from overtile.training import Progress, checkpoint_path
from overtile.workflows.model import Model, load
from overtile.workflows.options import TrainOptions
from overtile.workflows.record import fingerprint
from overtile.workflows.train import plan_for, train_on


def claim(output: Path, kind: str, options: TrainOptions) -> Path:
    """The folder of the trainings, OUTPUT.KIND; what an earlier run left there is kept only to be resumed.

    Raises:
        OutputExistsError: it holds something that is not to be resumed.
    """
    folder = output.with_name(f"{output.name}.{kind}")
    if folder.exists() and not options.resume:
        if not options.overwrite:
            raise OutputExistsError(
                f"{folder} holds the {kind} of an unfinished run: go on with --resume, or start anew with --overwrite"
            )
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def share_of(options: TrainOptions, number: int, count: int) -> TrainOptions:
    """The options of one of several trainings: its share of the time, and of the progress.

    Args:
        options: of all.
        number: which one, counted from 0.
        count: how many there are.
    """

    def show(progress: Progress) -> None:
        options.on_progress(replace(progress, fraction=(number + progress.fraction) / count))

    budget = None if options.seconds is None else options.seconds / count
    return replace(options, budget=budget, on_progress=show, check_learning=options.check_learning and number == 0)


def trained(
    images: AnnotatedImages, split: Split, file: Path, options: TrainOptions, *, normalization: Normalization
) -> Model:
    """Train, or take the model that an earlier run of the same command has left; arguments as for `train_on`.

    Raises:
        TrainingError: the file is of a run with other images or settings.
        KeyboardInterrupt: Ctrl-C; the training can be resumed.
    """
    if file.is_file():
        done = load(file, device=options.device, precision=options.precision)
        record = done.manifest.training
        plan = plan_for(images, split, options, normalization=normalization)
        if record["fingerprint"] != fingerprint(images, plan, record["encoder_weights"]):
            raise TrainingError(
                f"{file} belongs to a run with other images or settings: repeat that command exactly, or start anew "
                "with --overwrite instead of --resume"
            )
        if record["ended"] != "interrupted":
            return done
    options = replace(options, resume=options.resume and checkpoint_path(file).is_file(), overwrite=True)
    model = train_on(images, split, file, options, normalization=normalization)
    if model.manifest.training["ended"] == "interrupted":
        raise KeyboardInterrupt
    return model
