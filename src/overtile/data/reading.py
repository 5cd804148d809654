"""How a folder is to be read, where that shall not be found out."""

from dataclasses import dataclass

from overtile.data.palette import Palette


@dataclass(frozen=True)
class Reading:
    """What the user said about a folder.

    Attributes:
        layout: "auto", or a key of `LAYOUTS`.
        labels: name of the folder, group or dataset with the labels, where there are several.
        allow_unlabelled: leave out images without labels instead of stopping.
        palette: which colour of a mask is which class; None where masks hold numbers.
        channels: names or numbers from 0 of the image channels to use, in their order; empty for all.
    """

    layout: str = "auto"
    labels: str | None = None
    allow_unlabelled: bool = False
    palette: Palette | None = None
    channels: tuple[str, ...] = ()
