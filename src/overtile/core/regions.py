"""Arrays that give their parts on request, wherever their samples lie."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Regions(Protocol):
    """A NumPy array, or one that stays on disk until a part of it is asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""

    def __getitem__(self, region: tuple[slice, ...], /) -> NDArray[Any]:
        """Read the part within one slice per axis."""
