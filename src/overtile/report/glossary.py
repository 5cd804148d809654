"""What each metric means, in one sentence for readers who segment images for a living, not for the metric's sake."""

from dataclasses import dataclass
from typing import Literal

from overtile.metrics import METRICS


@dataclass(frozen=True)
class Term:
    """A metric in words.

    Attributes:
        title: its name in tables.
        definition: one sentence.
    """

    title: str
    definition: str


GLOSSARY: dict[str, Term] = {
    "pixel_error": Term("Pixel error", "Share of the pixels whose class is wrong."),
    "pixel_error_f": Term(
        "Pixel error (1 - F1)",
        "One minus the F1 score of the foreground pixels at the best threshold: the pixel error of the EM challenge.",
    ),
    "rand_error": Term(
        "Rand error",
        "One minus the F score over pairs of foreground pixels: do truth and prediction agree on whether the two "
        "belong to one object? Merges and splits count, slightly shifted outlines hardly do.",
    ),
    "warping_error": Term(
        "Warping error",
        "Share of the pixels that still differ after the truth was deformed towards the prediction without splitting "
        "or merging anything: errors of topology, not of position.",
    ),
    "warping_error_challenge": Term(
        "Warping error (splits, merges)",
        "The warping error of the EM challenge: only splits and merges count, at the best threshold.",
    ),
    "v_rand": Term(
        "V-Rand (thinned)",
        "F score over pairs of foreground pixels after borders are thinned to one pixel: merges and splits count, the "
        "thickness of borders does not.",
    ),
    "v_info": Term(
        "V-Info (thinned)",
        "F score of the information that truth and prediction share about which object a pixel belongs to, after "
        "borders are thinned to one pixel.",
    ),
    "pixel_accuracy": Term("Pixel accuracy", "Share of the pixels whose class is right."),
    "iou": Term(
        "IoU", "Pixels that have the class in both truth and prediction, divided by those that have it in either."
    ),
    "dice": Term(
        "Dice",
        "Twice the pixels that have the class in both truth and prediction, divided by the sum of those in the truth "
        "and those in the prediction.",
    ),
    "boundary_iou": Term(
        "Boundary IoU", "The IoU within a narrow band along the outlines (2 % of the image diagonal)."
    ),
    "hausdorff_95": Term(
        "Hausdorff 95 %, px",
        "Distance between the outlines of truth and prediction that 95 % of their points stay below, in pixels.",
    ),
    "seg": Term(
        "SEG",
        "Mean IoU of the annotated objects, each with the object that covers more than half of it; 0 where there is "
        "none (Cell Tracking Challenge).",
    ),
    "det": Term(
        "DET",
        "One minus the cost of mending the detections, in which missed objects weigh most, then merged, then invented "
        "ones (Cell Tracking Challenge).",
    ),
    "op_csb": Term("OP-CSB", "Mean of SEG and DET: the ranking of the Cell Segmentation Benchmark."),
    "ap_50": Term(
        "AP (IoU 0.5)",
        "Matched objects divided by matched, missed and invented ones; a match needs an IoU of 0.5 or more.",
    ),
    "ap_75": Term("AP (IoU 0.75)", "The same, where a match needs an IoU of 0.75 or more: outlines must fit well."),
    "ap_mean": Term("AP (mean)", "Mean of that score over the IoU thresholds 0.5, 0.55, ..., 0.95."),
    "f1_50": Term(
        "F1 (IoU 0.5)", "Harmonic mean of precision and recall of the objects, matched at an IoU of 0.5 or more."
    ),
    "precision_50": Term("Precision (IoU 0.5)", "Share of the predicted objects that match an annotated one."),
    "recall_50": Term("Recall (IoU 0.5)", "Share of the annotated objects that match a predicted one."),
    "pq_50": Term(
        "Panoptic quality",
        "F1 of the objects times the mean IoU of the matched ones, matched at an IoU of 0.5 or more.",
    ),
}
"""The words for overtile.metrics.METRICS."""


def title(metric: str) -> str:
    """Name of a metric in tables; its key where it is not known.

    >>> title("ap_50"), title("my_score")
    ('AP (IoU 0.5)', 'my_score')
    """
    return GLOSSARY[metric].title if metric in GLOSSARY else metric


def better(metric: str) -> Literal["lower", "higher", ""]:
    """The direction in which a metric is good; empty where it is not known.

    >>> better("dice"), better("rand_error"), better("my_score")
    ('higher', 'lower', '')
    """
    return METRICS[metric].better if metric in METRICS else ""
