"""NumPy's own format, never unpickled."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.axes import Stored
from overtile.data.blocks import BlockCache
from overtile.data.opened import Opened, whole
from overtile.data.raw import RawArray


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


def open_npy(path: Path, _cache: BlockCache) -> Opened:
    """Open an array; its axes are guessed from its shape."""
    with path.open("rb") as file:
        major, _ = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = header(file)
        offset = file.tell()
    if dtype.hasobject or len(shape) < 2:
        return whole(read_npy(path))  # which says what is wrong with it
    array = RawArray(path, dtype, shape, offset, "F" if fortran_order else "C")
    return Opened(array, array.block)


def write_npy(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array."""
    np.save(file, array, allow_pickle=False)
