"""Where the results of one image go."""

from dataclasses import dataclass
from pathlib import Path

from overtile.core.atomic import refuse_overwrite
from overtile.workflows.challenge import frame_of

UNFINISHED = ".unfinished"
"""Folder within the output that holds what an interrupted prediction goes on from."""

OBJECT_FILES = {"csv": "{}_objects.csv", "geojson": "{}.geojson", "rois": "{}_rois.zip"}
"""Name of the file for each format of objects."""


@dataclass(frozen=True)
class Target:
    """Where the results of one image go.

    Attributes:
        folder: of all results.
        name: of the image.
        format: of label images: "tif", "ome.zarr", "png" or "ctc".
        overwrite: replace results.
    """

    folder: Path
    name: str
    format: str
    overwrite: bool = False

    @property
    def labels(self) -> Path:
        """The label image."""
        return self.folder / (f"mask{frame_of(self.name)}.tif" if self.is_challenge else f"{self.name}.{self.format}")

    @property
    def is_challenge(self) -> bool:
        """Whether labels are written as results of the Cell Tracking Challenge."""
        return self.format == "ctc"

    @property
    def probabilities(self) -> Path:
        """The class probabilities."""
        return self.folder / "probabilities" / f"{self.name}.{'tif' if self.is_challenge else self.format}"

    @property
    def work(self) -> Path:
        """Folder for what is unfinished of this image."""
        return self.folder / UNFINISHED / self.name

    @property
    def tiles(self) -> Path:
        """The record of the tiles that are finished."""
        return self.work / "tiles.txt"

    def refuse_overwrite(self, *, probabilities: bool, objects: tuple[str, ...]) -> None:
        """Stop before any work when a result would replace a file.

        Raises:
            OutputExistsError: it would.
        """
        wanted = [self.labels, *(self.folder / OBJECT_FILES[kind].format(self.name) for kind in objects)]
        for path in [*wanted, self.probabilities] if probabilities else wanted:
            refuse_overwrite(path, overwrite=self.overwrite)
