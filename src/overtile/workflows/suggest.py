"""Which image, and which region, to annotate next: where the network is least sure of what it was taught."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overtile.bundle import tiling_for
from overtile.core import OptionError, OvertileError, read_mirrored
from overtile.core.atomic import atomic_file, refuse_overwrite
from overtile.data import find_images
from overtile.data.formats import check_finite
from overtile.data.lazy import LazyImage, open_image
from overtile.instances.outlines import Outline, geojson
from overtile.models import Doubt, kind_of_doubt
from overtile.prediction import Plane, Tile, stream, tiles
from overtile.prediction.cells import Cells
from overtile.runners import TorchRunner, pick_device, pick_precision
from overtile.workflows.model import Model
from overtile.workflows.predict import FileListener, output_names
from overtile.workflows.slide import with_channels

TILE_PX = 1024
CELLS_PER_BOX = 4
BOXES_PER_IMAGE = 3
"""Regions of one image are alike; more of them teach less than one of another image."""


@dataclass(frozen=True)
class Region:
    """A box worth annotating.

    Attributes:
        image: that it lies in.
        plane: of a stack, counted from 0; None in a single image.
        y: first row, in pixels.
        x: first column.
        height: in pixels.
        width: in pixels.
        doubt: mean over its pixels, 0 to 1.
    """

    image: Path
    plane: int | None
    y: int
    x: int
    height: int
    width: int
    doubt: float


@dataclass(frozen=True)
class Suggestions:
    """What to annotate next.

    Attributes:
        measure: what the doubt is.
        images: all images with their mean doubt, most first.
        regions: the boxes with the most doubt, most first.
        failed: images that could not be looked at, with the reason.
    """

    measure: str
    images: tuple[tuple[Path, float], ...]
    regions: tuple[Region, ...]
    failed: tuple[tuple[Path, str], ...]


def suggest(
    model: Model,
    images: str | Path,
    output: str | Path,
    *,
    count: int = 10,
    box_px: int | None = None,
    device: str = "auto",
    overwrite: bool = False,
    on_progress: FileListener = lambda _path, _fraction: None,
) -> Suggestions:
    """Rank images, and regions in them, by how much the network's opinions differ about them.

    Opinions are those of the members of an ensemble (see `train_folds`), or of the heads of deep supervision; of a network
    with one opinion it is the entropy, which also rises where every annotator would hesitate. Writes OUTPUT/images.csv,
    OUTPUT/regions.csv, and for QuPath OUTPUT/regions/NAME.geojson. Images stay on disk and are read tile by tile.

    Args:
        model: see overtile.load.
        images: an image, a folder of images, or a pattern such as "slides/*.tif"; without labels.
        output: folder to write to.
        count: of regions, at most three of them in one plane.
        box_px: side of a region; the size of the training patches where none is given.
        device: "auto", "cpu", "cuda", ...
        overwrite: replace files in the output folder.
        on_progress: told as the work goes on.

    Raises:
        DataError: no image is found, or two have one name.
        OptionError: no region is wanted, or a region smaller than a pixel for each of its cells.
        OutputExistsError: a file to be written exists.
    """
    side = box_px or int(model.manifest.training.get("recipe", {}).get("patch_px", 256))
    if count < 1 or side < CELLS_PER_BOX:
        raise OptionError(f"expected at least 1 region of at least {CELLS_PER_BOX} px, got {count} of {side} px")
    paths, folder = find_images(images), Path(output)
    names = output_names(paths)
    for file in ("images.csv", "regions.csv"):
        refuse_overwrite(folder / file, overwrite=overwrite)
    look = _Look(model, side, device)
    ranked, regions, failed = [], list[Region](), []
    for done, path in enumerate(paths):
        on_progress(path, done / len(paths))
        try:
            with open_image(path) as image:
                doubt, found = look.at(path, with_channels(image, model, path))
        except OvertileError as error:
            failed.append((path, str(error)))
            continue
        ranked.append((path, doubt))
        regions += found
    ranked.sort(key=lambda entry: -entry[1])
    regions = sorted(regions, key=lambda region: -region.doubt)[:count]
    suggestions = Suggestions(kind_of_doubt(model.network), tuple(ranked), tuple(regions), tuple(failed))
    _write(folder, suggestions, dict(zip(paths, names, strict=True)), overwrite=overwrite)
    return suggestions


class _Look:
    """Looks at images tile by tile."""

    def __init__(self, model: Model, box_px: int, device: str) -> None:
        place = pick_device(device)
        self.model = model
        self.run = TorchRunner(Doubt(model.network), device=place, precision=pick_precision(place))
        self.cell_px = box_px // CELLS_PER_BOX

    def at(self, path: Path, image: LazyImage) -> tuple[float, list[Region]]:
        """Mean doubt about an image, and its best regions."""
        shape = image.array.shape
        planes: Sequence[int | None] = [None] if len(shape) == 3 else range(shape[1])
        means, regions = [], []
        for plane in planes:
            lead = (slice(None),) if plane is None else (slice(None), plane)
            cells = self._cells(Plane(image.array, lead), str(path))
            means.append(cells.mean)
            regions += [
                Region(path, plane, box.y, box.x, box.height, box.width, box.mean)
                for box in cells.best_boxes(self.cell_px * CELLS_PER_BOX, BOXES_PER_IMAGE)
            ]
        return float(np.mean(means)), regions

    def _cells(self, plane: Plane, name: str) -> Cells:
        prepare = self.model.manifest.normalization.fitted_to(plane)
        cells = Cells(tuple(plane.shape[-2:]), self.cell_px)

        def read(tile: Tile) -> NDArray[np.float32]:
            part = read_mirrored(plane, tile.read)
            check_finite(part, name)
            return prepare(part)

        stream(list(tiles(cells.size, tiling_for(self.model.geometry, TILE_PX))), read, self.run, cells.write)
        return cells


def _write(folder: Path, found: Suggestions, names: dict[Path, str], *, overwrite: bool) -> None:
    images = [(rank, str(path), f"{doubt:.6f}") for rank, (path, doubt) in enumerate(found.images, start=1)]
    _write_text(folder / "images.csv", _csv(("rank", "image", "doubt"), images), overwrite)
    rows = [
        (rank, str(r.image), "" if r.plane is None else r.plane, r.y, r.x, r.height, r.width, f"{r.doubt:.6f}")
        for rank, r in enumerate(found.regions, start=1)
    ]
    columns = ("rank", "image", "plane", "y", "x", "height", "width", "doubt")
    _write_text(folder / "regions.csv", _csv(columns, rows), overwrite)
    for path in dict.fromkeys(region.image for region in found.regions):
        own = [(rank, r) for rank, r in enumerate(found.regions, start=1) if r.image == path]
        page = json.dumps(geojson(_outline(rank, region) for rank, region in own))
        _write_text(folder / "regions" / f"{names[path]}.geojson", page, overwrite=True)


def _outline(rank: int, region: Region) -> Outline:
    y, x, bottom, right = region.y, region.x, region.y + region.height, region.x + region.width
    ring = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
    return Outline(rank, "annotate", ((ring,),), region.plane)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _write_text(path: Path, text: str, overwrite: bool) -> None:
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
