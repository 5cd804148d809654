"""How many images are enough? The same training on 1, 2, 4, ... of them, and what more would bring."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import save
from overtile.core import OptionError, generator
from overtile.core.atomic import atomic_file, refuse_overwrite
from overtile.data import AnnotatedImages, Sample, Split, holdout
from overtile.metrics.power_law import LEAST_POINTS, PowerLaw, fit_power_law
from overtile.training import is_main_process
from overtile.workflows.evaluate import evaluate_held_out
from overtile.workflows.model import Model
from overtile.workflows.options import TrainOptions
from overtile.workflows.plan import normalization_of
from overtile.workflows.provenance import provenance
from overtile.workflows.series import claim, share_of, trained
from overtile.workflows.train import as_images

HELD_OUT_SHARE = 0.25
"""A larger share than a usual training holds out: here the score matters more than the model."""

DRAWS = 500
Z95 = 1.96
"""A 95 % interval reaches so many standard deviations to each side."""

WORTH_IT = 0.005
"""A gain in score below this would not be seen in the segmentations."""

SizeListener = Callable[[int], None]
"""Called before each training with the number of its images."""


@dataclass(frozen=True)
class Point:
    """One training of the curve.

    Attributes:
        images: that were trained on.
        score: on the held-out images.
        low: lower end of its 95 % interval.
        high: upper end.
        steps: of the optimiser.
        names: of the images.
    """

    images: int
    score: float
    low: float
    high: float
    steps: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Doubling:
    """What twice the images are likely to bring.

    Attributes:
        images: that there would be.
        gain: in score.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    images: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """What a learning curve found.

    Attributes:
        metric: that the scores are.
        points: fewest images first.
        held_out: names of the images that all are measured on.
        law: the curve through the points; None with too few of them.
        doubling: what it says about twice the images; None with too few points.
        outlook: the same in a sentence.
        notes: what a reader of the numbers must know.
        provenance: command, versions, machine and date.
    """

    metric: str
    points: tuple[Point, ...]
    held_out: tuple[str, ...]
    law: PowerLaw | None
    doubling: Doubling | None
    outlook: str
    notes: tuple[str, ...]
    provenance: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """All numbers."""
        return asdict(self)


def learning_curve(
    data: str | Path | AnnotatedImages,
    output: str | Path,
    options: TrainOptions,
    *,
    on_size: SizeListener = lambda _images: None,
) -> LearningCurve:
    """Train on 1, 2, 4, ... and all images but those held out, with an equal budget each, and extrapolate.

    Writes the model of the largest training, and beside it NAME.learning-curve.json. With `options.resume`, finished
    trainings are kept and an unfinished one goes on.

    Args:
        data: a folder of annotated images, or images already read; at least three.
        output: the model file to write; until then the trainings lie in OUTPUT.sizes.
        options: how; the time budget is shared by the trainings, a number of steps is that of each.
        on_size: told before each training.

    Raises:
        OptionError: there are too few images.
        OutputExistsError: the model file exists, or unfinished trainings that are not to be resumed.
        TrainingError: training cannot start or go on.
        KeyboardInterrupt: Ctrl-C; what is finished is kept.
    """
    images, output = as_images(data, options.groups), Path(output)
    numbers = output.with_suffix(".learning-curve.json")
    for file in (output, numbers):
        refuse_overwrite(file, overwrite=options.overwrite)
    order, held_out = _order(images, options.seed)
    folder = claim(output, "sizes", options)
    normalization = normalization_of(images.samples)[0]
    sizes = sizes_up_to(len(order))
    points, model, metric = [], None, ""
    for number, size in enumerate(sizes):
        on_size(size)
        own, split = share_of(options, number, len(sizes)), Split(order[:size], held_out)
        model = trained(images, split, folder / f"images-{size}.overtile", own, normalization=normalization)
        point, metric = _point(model, split, options.seed)
        points.append(point)
    found = _found(metric, points, held_out, options.seed)
    if model is not None and is_main_process():
        with atomic_file(numbers, overwrite=options.overwrite) as stored:
            stored.write(json.dumps(found.to_json(), indent=1).encode())
        save(output, model.manifest, model.network, overwrite=options.overwrite)
        shutil.rmtree(folder)
    return found


def sizes_up_to(images: int) -> list[int]:
    """Numbers of images to train on: powers of two, and all.

    >>> sizes_up_to(11), sizes_up_to(4)
    ([1, 2, 4, 8, 11], [1, 2, 4])
    """
    powers = [2**k for k in range(images.bit_length()) if 2**k < images]
    return [*powers, images]


def _order(images: AnnotatedImages, seed: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The images to train on, in the order in which they join in, and those held out."""
    if len(images.samples) < 3:
        raise OptionError(
            f"a learning curve takes at least 3 annotated images, 2 to train on and 1 to hold out; here are "
            f"{len(images.samples)}"
        )
    split = holdout(images.samples, HELD_OUT_SHARE, seed)
    shuffled = generator(seed, "learning curve").permutation(len(split.train))
    return tuple(split.train[i] for i in shuffled), split.validation


def _point(model: Model, split: Split, seed: int) -> tuple[Point, str]:
    """Measure one training; also gives the metric."""
    evaluation = evaluate_held_out([(model, split.validation)], seed=seed)
    metric = evaluation.ranked_by
    found = evaluation.total[metric]
    # Where no interval is defined, nothing is known.
    score, low, high = (
        empty if found[name] is None else float(found[name])
        for name, empty in (("value", 0.0), ("low", 0.0), ("high", 1.0))
    )
    names = tuple(sample.name for sample in split.train)
    return Point(len(names), score, low, high, model.manifest.training["steps"], names), metric


def _found(metric: str, points: Sequence[Point], held_out: Sequence[Sample], seed: int) -> LearningCurve:
    law, doubling = None, None
    if len(points) >= LEAST_POINTS:
        sizes = np.array([float(p.images) for p in points])
        law = fit_power_law(sizes, np.array([p.score for p in points]))
        doubling = extrapolated(points, generator(seed, "extrapolation"))
    return LearningCurve(
        metric=metric,
        points=tuple(points),
        held_out=tuple(sample.name for sample in held_out),
        law=law,
        doubling=doubling,
        outlook=in_words(metric, points, doubling),
        notes=_notes(len(held_out)),
        provenance=provenance(),
    )


def extrapolated(points: Sequence[Point], rng: np.random.Generator) -> Doubling:
    """What twice the images would bring, by power laws through scores drawn from the interval of each point.

    Args:
        points: at least LEAST_POINTS.
        rng: source of randomness.
    """
    sizes = np.array([float(p.images) for p in points])
    scores = np.array([p.score for p in points])
    deviations = np.array([max(p.high - p.low, 0.0) for p in points]) / (2 * Z95)
    drawn = (scores + deviations * rng.standard_normal((DRAWS, len(points)))).clip(0, 1)
    gains = np.array([_gain(sizes, row) for row in drawn])
    low, high = np.percentile(gains, (2.5, 97.5))
    return Doubling(2 * points[-1].images, _gain(sizes, scores), float(low), float(high))


def _gain(sizes: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    law = fit_power_law(sizes, scores)
    return law(2 * sizes[-1]) - law(sizes[-1])


def in_words(metric: str, points: Sequence[Point], doubling: Doubling | None) -> str:
    """What a curve says about more images, without making more of it than it is."""
    if doubling is None:
        return (
            f"{len(points)} trainings are too few to say what more images would bring: a curve takes at least "
            f"{LEAST_POINTS}, which is 3 images to train on and one held out."
        )
    start = f"Doubling from {points[-1].images} to {doubling.images} training images"
    interval = f"95 % interval {doubling.low:.3f} to {doubling.high:.3f}"
    if doubling.high < WORTH_IT:
        return f"{start} of this kind is unlikely to be seen: {metric} would gain {doubling.gain:.3f} ({interval})."
    if doubling.low < WORTH_IT:
        return (
            f"{start} may bring nothing or up to {doubling.high:.3f} in {metric}; best guess {doubling.gain:.3f} ({interval}). "
            "These images do not decide it."
        )
    return f"{start} is likely to raise {metric} by {doubling.gain:.3f} ({interval})."


def _notes(held_out: int) -> tuple[str, ...]:
    return (
        f"All trainings are measured on the same {held_out} held-out image(s), which also chose the best state of each "
        "network; that makes every score a little too good.",
        "The interval says how the held-out images vary. Which images came first, and the seed, were not varied.",
        "The extrapolation assumes a power law and more images like these; images of another kind can bring more.",
    )
