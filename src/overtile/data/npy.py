"""NumPy's own format, never unpickled."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.axes import Stored


def read_npy(path: Path) -> Stored:
    """Read an array; its axes are guessed from its shape.

    Raises:
        FormatError: the file holds pickled Python objects, which could run code.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise FormatError(
            f"{path} holds pickled Python objects, which are never loaded because they can run code. "
            "Save the plain array with numpy.save."
        ) from error
    return Stored(array.astype(array.dtype.newbyteorder("="), copy=False))


def write_npy(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array."""
    np.save(file, array, allow_pickle=False)
