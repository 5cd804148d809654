"""A function made faster for the one shape of input that comes again and again."""

from collections import Counter
from collections.abc import Callable

from torch import Tensor

Forward = Callable[[Tensor], Tensor]


class Recurring:
    """Call a network as it is, and compiled as soon as one shape has come often enough.

    Tiles inside an image are all alike, those at its edges are not: only the first shape that recurs is compiled, for
    exactly its sizes, so that nothing is ever compiled twice.

    Args:
        forward: the network.
        compile_: makes a faster one for inputs of a single shape; it may take a minute.
        after: number of calls with one shape after which that time will have paid.
    """

    def __init__(self, forward: Forward, compile_: Callable[[Forward], Forward], *, after: int) -> None:
        self._forward = forward
        self._compile = compile_
        self._after = after
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._compiled: tuple[tuple[int, ...], Forward] | None = None

    def __call__(self, images: Tensor) -> Tensor:
        shape = tuple(images.shape)
        if self._compiled is None:
            self._seen[shape] += 1
            if self._seen[shape] > self._after:
                self._compiled = shape, self._compile(self._forward)
        if self._compiled is not None and self._compiled[0] == shape:
            return self._compiled[1](images)
        return self._forward(images)
