"""The result in plain words: how good, and on which images."""

import math
from collections import Counter
from dataclasses import dataclass

from overtile.report.glossary import title
from overtile.report.scores import Score, by_class, overall
from overtile.workflows.evaluation import Evaluation


@dataclass(frozen=True)
class Role:
    """What it means for a score that an image had this part in the training.

    Attributes:
        adjective: goes before "images".
        meaning: for readers of the score.
        warn: whether the score must not be taken for the quality on new images.
    """

    adjective: str
    meaning: str
    warn: bool = False


ROLES: dict[str, Role] = {
    "held out": Role("held-out", "not used in training"),
    "new": Role("new", "not used in training"),
    "validation": Role(
        "validation", "not trained on, but used to choose the best state of the network: a little too good"
    ),
    "training": Role(
        "training", "seen in training: the numbers do not say how good the model is on new images", warn=True
    ),
    "given": Role(
        "annotated", "predictions from elsewhere: whether their method has seen these images is not known here"
    ),
}
"""By Example.role."""


@dataclass(frozen=True)
class Verdict:
    """The line that people quote.

    Attributes:
        metric: what was measured, in words.
        score: how much of it.
        images: "on 4 new images".
        roles: how many images of which role, and what that means.
        sentences: the same in other words.
    """

    metric: str
    score: Score
    images: str
    roles: tuple[tuple[int, Role], ...]
    sentences: tuple[str, ...]


def verdict(evaluation: Evaluation) -> Verdict:
    """Sum an evaluation up."""
    metric, score = _headline(evaluation)
    counts = Counter(example.role for example in evaluation.examples)
    roles = tuple((n, ROLES.get(name, Role(name, ""))) for name, n in counts.most_common())
    return Verdict(metric, score, _images(roles), roles, tuple(_sentences(evaluation)))


def _headline(evaluation: Evaluation) -> tuple[str, Score]:
    """The ranking metric; of the foreground where there are two classes, else the mean over the classes."""
    name = evaluation.ranked_by
    entry = evaluation.total.get(name, {})
    classes = by_class(entry)
    if not classes:
        return title(name), overall(entry)
    if len(evaluation.class_names) == 2 and evaluation.class_names[1] in classes:
        foreground = evaluation.class_names[1]
        return f"{foreground[:1].upper()}{foreground[1:]} {title(name)}", classes[foreground]
    return f"Mean {title(name)} of {len(classes)} classes", overall(entry)


def _images(roles: tuple[tuple[int, Role], ...]) -> str:
    total = sum(n for n, _ in roles)
    if len(roles) == 1:
        return f"on {total} {roles[0][1].adjective} {_images_word(total)}"
    parts = ", ".join(f"{n} {role.adjective}" for n, role in roles)
    return f"on {total} {_images_word(total)}" + (f": {parts}" if parts else "")


def _images_word(n: int) -> str:
    return "image" if n == 1 else "images"


def _sentences(evaluation: Evaluation) -> list[str]:
    pixels, found, real = (
        overall(evaluation.total.get(name, {})).value for name in ("pixel_error", "recall_50", "precision_50")
    )
    sentences = []
    if not (math.isnan(found) or math.isnan(real)):
        sentences.append(
            f"Of 100 annotated objects {_of_100(found)} are found, and of 100 predicted objects {_of_100(real)} are "
            "real (they overlap with an IoU of 0.5 or more)."
        )
    if not math.isnan(pixels):
        sentences.append(f"Of 100 pixels {_of_100(pixels)} have the wrong label.")
    return sentences


def _of_100(share: float) -> str:
    """A share as a number of 100, with the digit that tells good from perfect.

    >>> _of_100(0.9234), _of_100(0.9961), _of_100(0.031)
    ('92', '99.6', '3.1')
    """
    percent = 100 * share
    return f"{percent:.1f}" if 0 < percent < 10 or 99 < percent < 100 else f"{percent:.0f}"
