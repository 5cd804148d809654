"""HDF5: DATA/NAME.h5 with the datasets raw and label; DATA may be such a file itself."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from overtile.core.errors import DataError, FormatError, OptionError
from overtile.core.image import Image
from overtile.data.axes import Stored, to_image
from overtile.data.file_names import natural_order
from overtile.data.formats import UNREADABLE, check_finite
from overtile.data.layouts.layout import Annotation, Layout, Pair
from overtile.data.reading import Reading

SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
IMAGE_KEYS = ("raw", "image", "images", "data")
LABEL_KEYS = ("label", "labels", "seg", "segmentation", "mask", "masks", "gt")


def find_hdf5(root: Path, reading: Reading) -> Layout | None:
    """Find HDF5 files; each is one image or stack."""
    files = [root] if root.is_file() else sorted(root.iterdir(), key=natural_order)
    files = [path for path in files if path.is_file() and path.suffix.lower() in SUFFIXES]
    pairs = [Pair(path.stem, path, path, partial(_read, path, reading.labels)) for path in files]
    return Layout("hdf5", tuple(pairs)) if pairs else None


def _read(path: Path, label_key: str | None) -> tuple[Image, Annotation]:
    try:
        import h5py
    except ImportError as error:
        raise OptionError("HDF5 is read with the package h5py: pip install 'overtile[hdf5]'") from error
    try:
        with h5py.File(path, "r") as file:
            raw = _dataset(file, path, IMAGE_KEYS)
            target = _dataset(file, path, LABEL_KEYS if label_key is None else (label_key,))
            labels, array = np.asarray(target[...]), np.asarray(raw[...])
            step = raw.attrs.get("element_size_um")
    except DataError:
        raise
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {type(error).__name__}: {error}. Copy or write it again.") from error
    if labels.dtype.kind not in "iub":
        raise DataError(f"{path} has labels of type {labels.dtype}: expected whole numbers.")
    z, y, x = (float(n) for n in step) if step is not None and len(step) == 3 else (None, None, None)
    pixel_size = None if y is None or x is None else (y, x)
    image = to_image(Stored(array, _axes(array.shape, labels.shape, path), pixel_size, z), str(path))
    check_finite(image.array, str(path))
    labels = labels.reshape(-1, *labels.shape[-2:]).astype(labels.dtype if labels.dtype.kind != "b" else np.uint8)
    return image, Annotation(labels[0] if len(labels) == 1 else labels)


def _dataset(file: Any, path: Path, keys: tuple[str, ...]) -> Any:
    """The first dataset of some names."""
    found = next((key for key in keys if key in file and hasattr(file[key], "shape")), None)
    if found is None:
        names: list[str] = []
        file.visititems(lambda name, one: names.append(f"{name} {one.shape}") if hasattr(one, "shape") else None)
        wanted = keys[0] if len(keys) == 1 else f"{keys[0]!r} (or {', '.join(keys[1:])})"
        raise DataError(
            f"{path} has no dataset {wanted}. Found {', '.join(names) or 'none'}. Rename it, or name the labels with --labels."
        )
    return file[found]


def _axes(image: tuple[int, ...], labels: tuple[int, ...], path: Path) -> str:
    """Which axis of the image is the channels: the one that the labels do not have."""
    spatial = "ZYX"[-len(labels) :]
    if image == labels:
        return spatial
    if image[1:] == labels:
        return "C" + spatial
    if image[:-1] == labels:
        return spatial + "S"
    raise DataError(
        f"{path}: the image has shape {image}, its labels {labels}. Expected ([z], y, x) for the labels, and the same with a "
        "channel axis in front or at the end for the image."
    )
