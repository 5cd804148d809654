import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtile.core.errors import FormatError
from overtile.data.cellpose_session import session_masks

MASKS = np.array([[0, 1, 1], [0, 2, 0]], np.uint16)


def saved(path: Path, content: Any) -> Path:
    np.save(path, content, allow_pickle=True)
    return path


class Runs:
    """Pickles to a call of os.mkdir."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.folder),))


def test_masks_of_a_session_are_read(tmp_path: Path) -> None:
    # Given what Cellpose saves beside the masks
    session = {
        "masks": MASKS, "outlines": np.asfortranarray(MASKS), "img": np.zeros((2, 3, 3), ">f4"), "filename": "a.tif",
        "flows": [np.zeros((2, 3), np.float32), [], None], "ismanual": np.zeros(2, bool), "diameter": np.float64(30.0),
        "colors": [(1, 2, 3)], "chan_choose": [0, 0], "kept": {1, 2}, "labels": np.array(["a"]), "many": np.array([{}]),
    }  # fmt: skip

    masks = session_masks(saved(tmp_path / "a_seg.npy", session))

    assert masks.dtype == np.uint16
    assert np.array_equal(masks, MASKS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_pickle_protocol_is_read(tmp_path: Path, protocol: int, order: Any) -> None:
    path = tmp_path / "a_seg.npy"
    content = np.array({"masks": np.array(MASKS, dtype=">i4", order=order)}, object)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(content))
        pickle.dump(content, file, protocol=protocol)

    masks = session_masks(path)

    assert np.array_equal(masks, MASKS)
    assert masks.dtype.isnative


def test_stacks_and_plain_arrays_are_read(tmp_path: Path) -> None:
    stack = np.stack([MASKS, MASKS])
    assert session_masks(saved(tmp_path / "a_seg.npy", {"masks": stack[:, np.newaxis]})).shape == (2, 2, 3)
    assert np.array_equal(session_masks(saved(tmp_path / "b_seg.npy", MASKS)), MASKS)


def test_a_malicious_session_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "pwned"
    path = saved(tmp_path / "a_seg.npy", {"masks": MASKS, "extra": Runs(proof)})

    with pytest.raises(FormatError, match=r"a_seg\.npy: it asks for \w+\.mkdir, which is no array"):
        session_masks(path)

    assert not proof.exists()
    np.load(path, allow_pickle=True)  # the file would have run it
    assert proof.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"), ("numpy.f2py", "os"), ("os", "system")],
)
def test_no_function_can_be_asked_for(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "a_seg.npy"
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.array(None, object))
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"c" + f"{module}\n{name}\n".encode() + b"(S'1'\ntR.")
    with pytest.raises(FormatError, match=f"it asks for {module}.{name}, which is no array"):
        session_masks(path)


def test_structured_types_and_types_by_object_are_refused(tmp_path: Path) -> None:
    record = np.zeros(2, [("a", "O"), ("b", "i4")])
    with pytest.raises(FormatError, match=r"arrays with fields are not read|of type"):
        session_masks(saved(tmp_path / "a_seg.npy", {"masks": record}))
    with pytest.raises(FormatError, match=r"arrays of type datetime64"):
        session_masks(saved(tmp_path / "b_seg.npy", {"masks": np.zeros(2, "M8[s]")}))
    path = tmp_path / "c_seg.npy"
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.array(None, object))
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"cnumpy\ndtype\n(]tR.")
    with pytest.raises(FormatError, match="expected the code of a type, got list"):
        session_masks(path)


@pytest.mark.parametrize(
    "content", [{}, {"masks": None}, {"masks": np.zeros((2, 2))}, {"masks": np.zeros(4, int)}, [1]]
)
def test_sessions_without_masks_are_named(tmp_path: Path, content: Any) -> None:
    with pytest.raises(FormatError, match=r"a_seg\.npy holds no masks: expected the session"):
        session_masks(saved(tmp_path / "a_seg.npy", np.array(content, object)))


@pytest.mark.parametrize("kept", [0, 9, 100, 0.5, 0.9])
def test_truncated_sessions_are_named(tmp_path: Path, kept: float) -> None:
    path = saved(tmp_path / "a_seg.npy", {"masks": np.zeros((40, 40), np.uint16)})
    data = path.read_bytes()
    path.write_bytes(data[: int(kept if kept >= 1 else kept * len(data))])
    with pytest.raises(FormatError, match=r"cannot read the Cellpose session .*a_seg\.npy"):
        session_masks(path)
