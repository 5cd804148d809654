"""What a prediction is asked for, besides the model and the images."""

from dataclasses import dataclass

from overtile.core import OptionError, UnknownNameError
from overtile.core.memory import available_bytes, parse_bytes
from overtile.prediction import TRANSFORMS
from overtile.prediction.cluster import Workers

FORMATS = ("auto", "tif", "ome.zarr", "nii.gz", "png", "ctc")
"""Of label images: "auto" is OME-Zarr for OME-Zarr images, NIfTI for NIfTI, and TIFF for all others; "ctc" is
mask000.tif, ... and res_track.txt of the Cell Tracking Challenge."""

STREAMED = ("tif", "ome.zarr", "ctc")
"""Formats that can be written part by part."""

OBJECT_FORMATS = ("csv", "geojson", "rois")
"""Of objects: a table, outlines for QuPath, outlines for ImageJ and Fiji."""


@dataclass(frozen=True)
class PredictOptions:
    """Settings of a prediction.

    Attributes:
        probabilities: also write class probabilities as float16, (class, y, x).
        objects: what to write about each object, some of OBJECT_FORMATS.
        format: of the label images, one of FORMATS.
        tta: test-time augmentation, a key of overtile.prediction.TRANSFORMS.
        tile_px: output pixels per tile and axis; None for what the memory allows. Results do not depend on it.
        max_memory: bytes, or text such as "2GB", that this process may hold; None for half of what is free.
        skip_flat: tiles whose samples differ by no more than this are background without a look; None looks everywhere.
        workers: who works on images that do not fit in memory; None for this process alone.
        match_pixel_size: rescale images to the pixel size of the training, and the results back; in memory only.

    Raises:
        OptionError: a value that an option cannot have.
        UnknownNameError: no such format or test-time augmentation.
    """

    probabilities: bool = False
    objects: tuple[str, ...] = ()
    format: str = "auto"
    tta: str = "none"
    tile_px: int | None = None
    max_memory: int | str | None = None
    skip_flat: float | None = None
    workers: Workers | None = None
    match_pixel_size: bool = False

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("format of label images", self.format, FORMATS),
            ("test-time augmentation", self.tta, TRANSFORMS),
            *(("format of objects", name, OBJECT_FORMATS) for name in self.objects),
        ):
            if name not in known:
                raise UnknownNameError(kind, name, known)
        if self.tile_px is not None and self.tile_px < 1:
            raise OptionError(f"a tile needs at least 1 pixel per axis, got {self.tile_px}")
        if self.skip_flat is not None and self.skip_flat < 0:
            raise OptionError(f"samples cannot differ by less than 0, got {self.skip_flat} for skip_flat")
        if self.format == "png" and self.probabilities:
            raise OptionError("PNG cannot hold probabilities: choose the format tif or ome.zarr")
        self.budget()

    def budget(self) -> int:
        """Bytes of main memory that the prediction may hold."""
        if self.max_memory is None:
            return available_bytes() // 2
        return parse_bytes(self.max_memory) if isinstance(self.max_memory, str) else self.max_memory
