"""Layouts whose image and labels are in one store: OME-Zarr and HDF5."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from overtile.core.errors import DataError, FormatError, OptionError
from overtile.data import Reading, find_pairs, load

IMAGE = np.arange(240, dtype=np.uint8).reshape(3, 8, 10)
LABELS = (IMAGE % 80 > 40).astype(np.uint8)


def multiscale(group: Any, array: NDArray[np.generic], version: int) -> None:
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [2.0, 0.5, 0.25]}]
    about = {"multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]}
    group.attrs.update(about if version == 2 else {"ome": about})
    group.create_array("0", data=array)


def ome_zarr(path: Path, version: int = 2, labels: tuple[str, ...] = ("nuclei",), values: Any = LABELS) -> Path:
    root = zarr.open_group(path, mode="w", zarr_format=version)
    multiscale(root, IMAGE, version)
    for name in labels:
        multiscale(root.require_group("labels").create_group(name), values, version)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_with_labels_is_read(tmp_path: Path, version: int) -> None:
    ome_zarr(tmp_path / "a.ome.zarr", version)

    data = load(tmp_path)

    assert (data.layout, [s.name for s in data.samples]) == ("ome-zarr", ["a_z000", "a_z001", "a_z002"])
    assert np.array_equal(data.samples[1].image.array[0], IMAGE[1])
    assert np.array_equal(data.samples[1].labels, LABELS[1])
    assert data.samples[1].image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert len(load(tmp_path / "a.ome.zarr").samples) == 3


def test_labels_of_ome_zarr_are_named_or_missing(tmp_path: Path) -> None:
    ome_zarr(tmp_path / "a.zarr", labels=("cells", "nuclei"))
    with pytest.raises(DataError, match=r"labels holds several labels: cells, nuclei\. Name one with --labels"):
        find_pairs(tmp_path)
    with pytest.raises(DataError, match=r"has no labels 'x'\. Found cells, nuclei"):
        find_pairs(tmp_path, Reading(labels="x"))
    assert find_pairs(tmp_path, Reading(labels="cells")).pairs[0].labels == tmp_path / "a.zarr/labels/cells"
    ome_zarr(tmp_path / "b.zarr", labels=())
    with pytest.raises(DataError, match=r"b\.zarr has no labels: expected a group labels/NAME"):
        find_pairs(tmp_path, Reading(labels="cells"))
    found = find_pairs(tmp_path, Reading(labels="cells", allow_unlabelled=True))
    assert (len(found.pairs), found.notes) == (1, ("1 image(s) without labels left out",))


def test_labels_of_ome_zarr_are_integers(tmp_path: Path) -> None:
    ome_zarr(tmp_path / "a.zarr", values=LABELS.astype(np.float32))
    with pytest.raises(DataError, match=r"holds float32 values in 1 channel\(s\): expected integers"):
        load(tmp_path)
    (tmp_path / "a.zarr/labels/nuclei/.zattrs").write_text("{")
    with pytest.raises(FormatError, match=r"cannot read .*labels/nuclei"):
        load(tmp_path)


def hdf5(path: Path, **arrays: NDArray[np.generic]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return path


@pytest.mark.parametrize(
    ("raw", "label", "planes", "channels"),
    [
        (IMAGE, LABELS, 3, 1), (IMAGE[0], LABELS[0], 1, 1), (IMAGE, LABELS[0], 1, 3),
        (np.moveaxis(IMAGE, 0, -1), LABELS[0] > 0, 1, 3), (np.stack([IMAGE, IMAGE]), LABELS, 3, 2),
    ],
)  # fmt: skip
def test_axes_of_hdf5_follow_from_the_labels(tmp_path: Path, raw: Any, label: Any, planes: int, channels: int) -> None:
    data = load(hdf5(tmp_path / "a.h5", raw=raw, label=label).parent)
    assert (data.layout, len(data.samples), data.channels) == ("hdf5", planes, channels)
    assert np.array_equal(data.samples[0].labels, LABELS[0])


def test_names_and_pixel_size_of_hdf5(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "a.h5", raw=IMAGE, labels=LABELS, other=1 - LABELS)
    with h5py.File(path, "a") as file:
        file["raw"].attrs["element_size_um"] = (2.0, 0.5, 0.25)
    assert load(path).samples[0].image.pixel_size_um == (0.5, 0.25)
    assert np.array_equal(load(path, labels="other").samples[0].labels, 1 - LABELS[0])
    with pytest.raises(DataError, match=r"has no dataset nuclei\. Found labels \(3, 8, 10\), other"):
        load(path, labels="nuclei")


def test_mistakes_in_hdf5_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(DataError, match=r"has no dataset 'label' \(or labels, seg"):
        load(hdf5(path, raw=IMAGE))
    with pytest.raises(DataError, match=r"the image has shape \(3, 8, 10\), its labels \(8, 9\)"):
        load(hdf5(path, raw=IMAGE, label=LABELS[0, :, 1:]))
    with pytest.raises(DataError, match="has labels of type float64"):
        load(hdf5(path, raw=IMAGE, label=LABELS / 2))
    path.write_bytes(b"no hdf5")
    with pytest.raises(FormatError, match=r"cannot read .*a\.h5"):
        load(path)


def test_missing_h5py_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hdf5(tmp_path / "a.h5", raw=IMAGE, label=LABELS)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(OptionError, match=r"pip install 'overtile\[hdf5\]'"):
        load(path)
