"""How long a prediction takes."""

import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from numpy.typing import NDArray

from overtile.workflows.model import Model

ENOUGH_S, ENOUGH_PIXELS = 0.5, 2_000_000
"""The images are predicted again and again until this time is over, or as many pixels are predicted once."""


def seconds_per_megapixel(model: Model, images: Sequence[NDArray[Any]]) -> float:
    """Time that class probabilities take, per million pixels; the first prediction, which sets all up, is not counted.

    Args:
        model: see overtile.load.
        images: at least one, (channel, y, x).
    """
    model.probabilities(images[0])
    pixels, start = 0, time.perf_counter()
    for done in count(1):
        image = images[done % len(images)]
        model.probabilities(image)
        pixels += image.shape[-2] * image.shape[-1]
        elapsed = time.perf_counter() - start
        if pixels >= ENOUGH_PIXELS or (elapsed >= ENOUGH_S and done >= len(images)):
            break
    return elapsed / pixels * 1e6
