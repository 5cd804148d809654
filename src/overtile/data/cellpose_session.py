"""The masks in a Cellpose session (NAME_seg.npy), read without running what a pickle may hold.

A session is a pickled dictionary of arrays. A pickle names functions to be called; here these names lead to a handful
of stand-ins that only rebuild arrays, so that no function of any library is called, NumPy's own included.
"""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import FormatError
from overtile.data.formats import UNREADABLE

BUILTINS = {"set": set, "frozenset": frozenset, "complex": complex, "bytearray": bytearray, "slice": slice}


class _Dtype:
    """Stands in for numpy.dtype: a plain type by its code, such as "i4"; nothing structured."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str):
            raise pickle.UnpicklingError(f"expected the code of a type, got {type(code).__name__}")
        self.dtype: np.dtype[Any] = np.dtype(code)
        if self.dtype.kind not in "biufcOSU":
            raise pickle.UnpicklingError(f"arrays of type {self.dtype} are not read")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("arrays with fields are not read")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for an array: keeps shape, type and content that the pickle states."""

    def __init__(self, *_arguments: object) -> None:
        self.value: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        if kind.dtype.kind == "O":
            flat = np.empty(len(content), object)
            flat[:] = content
        else:
            flat = np.frombuffer(content, kind.dtype)
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def _scalar(kind: _Dtype, content: bytes | bytearray = b"") -> Any:
    return None if kind.dtype.kind == "O" else np.frombuffer(content, kind.dtype)[0]


def _from_buffer(content: bytes | bytearray, kind: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", content))
    return array


def _encoded(text: str, _encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


NUMPY: dict[str, Callable[..., Any]] = {
    "_reconstruct": _Array,
    "ndarray": _Array,
    "dtype": _Dtype,
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
}


class _Unpickler(pickle.Unpickler):
    """Knows the names that arrays and plain containers are pickled with, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        # A pickle may set attributes of what it is given: of functions it gets a wrapper, of classes nothing can be set.
        if module.partition(".")[0] == "numpy" and name in NUMPY:
            return NUMPY[name] if isinstance(NUMPY[name], type) else partial(NUMPY[name])
        if module in ("builtins", "__builtin__") and name in BUILTINS:
            return BUILTINS[name]
        if (module, name) == ("_codecs", "encode"):
            return partial(_encoded)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")


def session_masks(path: Path) -> NDArray[Any]:
    """Read the object ids ([z], y, x) of a Cellpose session; nothing in the file is executed.

    Raises:
        FormatError: the file is damaged, holds no masks, or asks for anything but arrays.
    """
    try:
        with path.open("rb") as file:
            content = _content(file)
    except (*UNREADABLE, pickle.UnpicklingError, MemoryError) as error:
        raise FormatError(
            f"cannot read the Cellpose session {path}: {error}. Save it again in Cellpose, or export the masks as TIFF."
        ) from error
    masks = content.get("masks") if isinstance(content, dict) else content
    masks = masks.value if isinstance(masks, _Array) else masks
    if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "iu" or masks.squeeze().ndim not in (2, 3):
        raise FormatError(
            f"{path} holds no masks: expected the session that Cellpose saves, a dictionary with the integer array 'masks'."
        )
    return np.asarray(masks.squeeze().astype(masks.dtype.newbyteorder("=")))


def _content(file: BinaryIO) -> Any:
    """The object that numpy.save wrote."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = header(file)
    if dtype.kind != "O":
        file.seek(0)
        return np.load(file, allow_pickle=False)
    array = _Unpickler(file).load()
    return array.value.item() if isinstance(array, _Array) else array
