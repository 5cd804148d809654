"""What every room shares: errors, images, mirrored context, normalisation, seeds."""

from overtile.core.errors import (
    DataError,
    FormatError,
    ModelFileError,
    OptionError,
    OutputExistsError,
    OvertileError,
    PredictionError,
    ShapeError,
    TrainingError,
    UnknownNameError,
)
from overtile.core.image import Image, with_channel_axis
from overtile.core.mirror import mirrored_indices, read_mirrored
from overtile.core.normalize import Normalization
from overtile.core.regions import Regions
from overtile.core.seeds import generator

__all__ = [
    "DataError",
    "FormatError",
    "Image",
    "ModelFileError",
    "Normalization",
    "OptionError",
    "OutputExistsError",
    "OvertileError",
    "PredictionError",
    "Regions",
    "ShapeError",
    "TrainingError",
    "UnknownNameError",
    "generator",
    "mirrored_indices",
    "read_mirrored",
    "with_channel_axis",
]
