"""What an evaluation found: numbers for machines, pictures for people."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import Manifest


@dataclass(frozen=True)
class Example:
    """One evaluated image, kept for the report; reduced in size where it is large.

    Attributes:
        name: of the image.
        role: "new": not known to the model; "validation": held out, but the best state was chosen on it; "training": the
            network has seen it; "given": nothing is known, because the predictions came from elsewhere.
        image: (channel, y, x), as it was stored, or None where only predictions were given.
        truth: (y, x), class indices or object ids.
        prediction: (y, x), likewise.
        valid: (y, x), False where pixels are not counted.
        score: the number by which images are ranked, higher is better.
    """

    name: str
    role: str
    image: NDArray[Any] | None
    truth: NDArray[Any]
    prediction: NDArray[Any]
    valid: NDArray[np.bool_]
    score: float


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model, or of given predictions, on annotated images.

    Attributes:
        total: metric -> {"value", "low", "high"} over all images, with a 95 % bootstrap interval; None where not defined.
            Metrics of classes hold the mean over the classes, and under "per_class" one such entry per class name.
        images: image name -> metrics in the same form.
        ranked_by: the metric that `Example.score` is.
        task: "semantic" or "instances".
        class_names: of the class indices.
        examples: the images, best first.
        notes: what a reader of the numbers must know, such as that images were seen in training.
        provenance: command, versions, machine, date of this evaluation.
        manifest: of the model; None where predictions were given.
    """

    total: dict[str, Any]
    images: dict[str, dict[str, Any]]
    ranked_by: str
    task: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None

    def to_json(self) -> dict[str, Any]:
        """The numbers, with what they were measured on."""
        return {
            "total": self.total,
            "images": self.images,
            "roles": {e.name: e.role for e in self.examples},
            "notes": list(self.notes),
            "provenance": self.provenance,
        }
