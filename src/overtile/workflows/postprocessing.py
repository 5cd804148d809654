"""The thresholds that turn class maps into objects, chosen on held-out images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.data import Sample
from overtile.instances import PostProcessing, tune
from overtile.metrics import contingency, match_counts, mean_average_precision, pool
from overtile.workflows.model import Model

MOST_PIXELS = 2_000_000
"""Held-out pixels that the thresholds are chosen on, so that choosing takes seconds."""


def tuned_postprocessing(model: Model, samples: Sequence[Sample]) -> PostProcessing:
    """Choose the thresholds with the best mean average precision on held-out images.

    Args:
        model: trained on object ids.
        samples: at least one; the first of them up to two million pixels are used.
    """
    pixels = np.cumsum([s.labels.size for s in samples])
    chosen = samples[: max(1, int(np.searchsorted(pixels, MOST_PIXELS, side="right")))]
    maps = [model.probabilities(s.image.array) for s in chosen]
    valid = [s.valid for s in chosen]

    def score(found: list[NDArray[Any]], truths: list[NDArray[Any]]) -> float:
        tables = [contingency(t, f, valid=v) for t, f, v in zip(truths, found, valid, strict=True)]
        return float(mean_average_precision(pool([match_counts(table) for table in tables])))

    start = PostProcessing.from_dict(model.manifest.postprocessing)
    return tune(maps, [s.labels for s in chosen], score, start=start).post
