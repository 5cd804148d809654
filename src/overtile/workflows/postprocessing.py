"""The thresholds that turn class maps into objects, chosen on held-out images."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.data import Sample
from overtile.instances import PostProcessing, tune
from overtile.metrics import contingency, match_counts, mean_average_precision, pool
from overtile.workflows.model import Model

MOST_PIXELS = 2_000_000
"""Held-out pixels that the thresholds are chosen on, so that choosing takes seconds."""


def tuned_postprocessing(*parts: tuple[Model, Sequence[Sample]]) -> PostProcessing:
    """Choose the thresholds with the best mean average precision on held-out images.

    Args:
        parts: a model that was trained on object ids and images that it was not trained on, at least one; of several,
            such as folds, images are taken in turn. About two million pixels are used.
    """
    rows = zip_longest(*([(model, sample) for sample in samples] for model, samples in parts))
    in_turn = [pair for row in rows for pair in row if pair is not None]
    pixels = np.cumsum([s.labels.size for _, s in in_turn])
    chosen = in_turn[: max(1, int(np.searchsorted(pixels, MOST_PIXELS, side="right")))]
    maps = [m.probabilities(s.image.array) for m, s in chosen]
    valid = [s.valid for _, s in chosen]

    def score(found: list[NDArray[Any]], truths: list[NDArray[Any]]) -> float:
        tables = [contingency(t, f, valid=v) for t, f, v in zip(truths, found, valid, strict=True)]
        return float(mean_average_precision(pool([match_counts(table) for table in tables])))

    start = PostProcessing.from_dict(parts[0][0].manifest.postprocessing)
    return tune(maps, [s.labels for _, s in chosen], score, start=start).post
