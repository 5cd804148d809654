"""OME-Zarr images with labels in them: DATA/NAME.zarr with the group labels/NUCLEI; DATA may be such an image itself."""

from functools import partial
from pathlib import Path

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data.axes import to_image, to_label_planes
from overtile.data.file_names import natural_order, stem_of
from overtile.data.formats import check_finite, decoding
from overtile.data.layouts.layout import Annotation, Layout, Pair
from overtile.data.ome_zarr import read_zarr
from overtile.data.reading import Reading

ROOTS = ("zarr.json", ".zgroup")
"""Files that tell a Zarr group from another folder, of version 3 and 2."""


def find_ome_zarr(root: Path, reading: Reading) -> Layout | None:
    """Find OME-Zarr images with a labels group.

    Raises:
        DataError: an image has no labels, or several and none is named.
    """
    stores = [root] if _is_group(root) else sorted(filter(_is_group, root.iterdir()), key=natural_order)
    if not stores:
        return None
    pairs, lonely = [], []
    for store in stores:
        name = _label_name(store, reading.labels)
        if name is None:
            lonely.append(store)
            continue
        label = store / "labels" / name
        pairs.append(Pair(stem_of(store), store, label, partial(_read, store, label)))
    if lonely and not (reading.allow_unlabelled and pairs):
        raise DataError(
            f"{lonely[0]} has no labels: expected a group labels/NAME in it. Add it, or pass --allow-unlabelled where other "
            "images have some."
        )
    notes = (f"{len(lonely)} image(s) without labels left out",) if lonely else ()
    return Layout("ome-zarr", tuple(pairs), notes)


def _is_group(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in ROOTS)


def _label_name(store: Path, wanted: str | None) -> str | None:
    """The name of the label image of a store; None where it has none."""
    folder = store / "labels"
    names = sorted(path.name for path in folder.iterdir() if _is_group(path)) if folder.is_dir() else []
    if wanted is not None and names and wanted not in names:
        raise DataError(f"{folder} has no labels {wanted!r}. Found {', '.join(names)}.")
    if len(names) > 1 and wanted is None:
        raise DataError(f"{folder} holds several labels: {', '.join(names)}. Name one with --labels.")
    return wanted if names and wanted is not None else next(iter(names), None)


def _read(store: Path, label: Path) -> tuple[Image, Annotation]:
    with decoding(store):
        image = to_image(read_zarr(store), str(store))
    check_finite(image.array, str(store))
    with decoding(label):
        planes = to_label_planes(read_zarr(label), str(label))
    if len(planes) != 1 or planes.dtype.kind not in "iu":
        raise DataError(
            f"{label} holds {planes.dtype} values in {len(planes)} channel(s): expected integers in one channel as labels."
        )
    return image, Annotation(planes[0, 0] if planes.shape[1] == 1 else planes[0])
