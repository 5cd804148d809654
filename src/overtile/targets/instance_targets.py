"""What a network can learn from object ids, by name: how labels are made, and what they say about each class.

A network gives one logit per class and its softmax gives one map per class, whatever the target. Distances fit into
that as shares: a pixel three quarters of the way to the middle of its object is 0.75 middle and 0.25 rim. The
cross-entropy with shares is smallest where the probability of the middle is the distance itself (as in the object
probability of StarDist, Schmidt et al. 2018), so that every architecture, loss and export serves it unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.targets.boundary import boundary_classes
from overtile.targets.distance import normalized_border_distance
from overtile.targets.separation import separate_touching

BACKGROUND, MIDDLE, RIM = 0, 1, 2

STEPS = 100
"""Distances are labels 1 to STEPS: in percent of the largest distance in the object."""


@dataclass(frozen=True)
class InstanceTarget:
    """What a network learns from object ids.

    Attributes:
        classes: names of the classes, one map each; the first is the background.
        labels: makes labels (y, x) of object ids (y, x).
        shares: (values, classes), share that a pixel of each label value has in each class; rows sum up to 1. None
            where labels are classes.
    """

    classes: tuple[str, ...]
    labels: Callable[[NDArray[Any]], NDArray[np.uint8]]
    shares: NDArray[np.float32] | None = None


def separated_objects(instances: NDArray[Any]) -> NDArray[np.uint8]:
    """Foreground 1 with a gap of background where objects touch.

    >>> separated_objects(np.array([[0, 4, 4, 7, 7]]))
    array([[0, 1, 1, 0, 1]], dtype=uint8)
    """
    return (separate_touching(instances) > 0).astype(np.uint8)


def distance_steps(instances: NDArray[Any]) -> NDArray[np.uint8]:
    """Distance to the border in percent of the largest in the same object: 1 to 100, 0 outside objects.

    >>> distance_steps(np.array([[0, 4, 4, 4, 7]]))
    array([[  0,  50, 100,  50, 100]], dtype=uint8)
    """
    distance = normalized_border_distance(instances)
    return np.where(distance > 0, np.maximum(np.rint(distance * STEPS), 1), 0).astype(np.uint8)


def distance_shares() -> NDArray[np.float32]:
    """Shares of background, middle and rim for the labels 0 to STEPS.

    >>> distance_shares()[[0, 75, 100]].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.75, 0.25], [0.0, 1.0, 0.0]]
    """
    shares = np.zeros((STEPS + 1, 3), np.float32)
    shares[0, BACKGROUND] = 1
    shares[1:, MIDDLE] = np.arange(1, STEPS + 1) / STEPS
    shares[1:, RIM] = 1 - shares[1:, MIDDLE]
    return shares


INSTANCE_TARGETS: dict[str, InstanceTarget] = {
    "foreground": InstanceTarget(("background", "object"), separated_objects),
    "boundary": InstanceTarget(("background", "interior", "boundary"), boundary_classes),
    "distance": InstanceTarget(("background", "middle", "rim"), distance_steps, distance_shares()),
}
"""What can be learned from object ids. Instances have a method of the same name that makes objects of the maps."""
