"""Test-time augmentation: the mean prediction over mirrored and rotated copies of a tile."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import UnknownNameError
from overtile.prediction.stream import Run

Turn = Callable[[NDArray[Any]], NDArray[Any]]


def _turn(quarters: int, flip: bool) -> tuple[Turn, Turn]:
    """A rotation after an optional flip over the last two axes, and its inverse."""

    def there(array: NDArray[Any]) -> NDArray[Any]:
        return np.rot90(array[..., ::-1] if flip else array, quarters, (-2, -1))

    def back(array: NDArray[Any]) -> NDArray[Any]:
        turned = np.rot90(array, -quarters, (-2, -1))
        return turned[..., ::-1] if flip else turned

    return there, back


TRANSFORMS: dict[str, list[tuple[Turn, Turn]]] = {
    "none": [_turn(0, flip=False)],
    "flips": [_turn(0, flip=False), _turn(0, flip=True), _turn(2, flip=False), _turn(2, flip=True)],
    "dihedral": [_turn(quarters, flip) for quarters in range(4) for flip in (False, True)],
}
"""Name -> pairs of a transform and its inverse. The cost is their number: 1, 4 and 8 passes.

The 2015 paper averages "7 rotated versions" of its EM images without naming the angles; right angles need no
interpolation and lose no corner, so that the eight symmetries of the square take their place here.
"""


def averaged(run: Run, name: str) -> Run:
    """Average the output of `run`, which should be probabilities, over the named set of transforms.

    Raises:
        UnknownNameError: no such set.

    >>> image = np.arange(4.0, dtype=np.float32).reshape(1, 2, 2)
    >>> bool((averaged(lambda part: part, "dihedral")(image) == image).all())
    True
    """
    if name not in TRANSFORMS:
        raise UnknownNameError("test-time augmentation", name, TRANSFORMS)
    transforms = TRANSFORMS[name]
    if len(transforms) == 1:
        return run

    def run_averaged(image: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = (back(run(np.ascontiguousarray(there(image)))) for there, back in transforms)
        total = np.ascontiguousarray(next(outputs))
        for output in outputs:
            total = total + output
        return (total / len(transforms)).astype(np.float32)

    return run_averaged
