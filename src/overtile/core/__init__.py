"""What every room shares: errors, images, mirrored context, normalisation, seeds."""

from overtile.core.errors import (
    DataError,
    FormatError,
    ModelFileError,
    OptionError,
    OutputExistsError,
    OvertileError,
    ShapeError,
    TrainingError,
    UnknownNameError,
)
from overtile.core.image import Image, with_channel_axis
from overtile.core.mirror import mirrored_indices, read_mirrored
from overtile.core.normalize import Normalization
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
    "ShapeError",
    "TrainingError",
    "UnknownNameError",
    "generator",
    "mirrored_indices",
    "read_mirrored",
    "with_channel_axis",
]
