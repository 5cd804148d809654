"""Every error that overtile raises on purpose.

OvertileError
├── DataError            images or labels that cannot be used as they are
│   └── FormatError      a file that cannot be read
├── ShapeError           an array or a size that does not fit
├── ModelFileError       a file that is no usable model
├── OptionError          an option has a value that it cannot have
├── OutputExistsError    a result would overwrite something
├── PredictionError      a prediction cannot go on; what it finished is kept
├── TrainingError        training cannot start or go on
└── UnknownNameError     a name that is not in the list, with the close matches

A message says what was expected, what came, and what to do. The command line prints it and exits with status 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class OvertileError(Exception):
    """Base class of all errors raised on purpose."""


class DataError(OvertileError, ValueError):
    """Images or labels cannot be used as they are."""


class FormatError(DataError):
    """A file cannot be read as what its name says it is."""


class ShapeError(OvertileError, ValueError):
    """An array or a size does not fit."""


class ModelFileError(OvertileError, ValueError):
    """A file is no model that this version can load."""


class OptionError(OvertileError, ValueError):
    """An option has a value that it cannot have, or that does not go with another."""


class OutputExistsError(OvertileError, FileExistsError):
    """A result would overwrite something."""


class PredictionError(OvertileError, RuntimeError):
    """A prediction cannot go on; what it finished is kept."""


class TrainingError(OvertileError, RuntimeError):
    """Training cannot start or cannot go on."""


class UnknownNameError(OvertileError, ValueError):
    """A name is not among the known ones.

    >>> str(UnknownNameError("architecture", "unett", ["unet", "mobile_unet"]))
    "unknown architecture 'unett': did you mean 'unet'? Known: unet, mobile_unet"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        close = get_close_matches(name, known)
        guess = f": did you mean {' or '.join(map(repr, close))}?" if close else "."
        super().__init__(f"unknown {kind} {name!r}{guess} Known: {', '.join(known)}")
