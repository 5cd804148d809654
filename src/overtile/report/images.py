"""Images as a screen shows them: contrast, size, PNG inside the page."""

import base64
import io
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLIPPED_PERCENT = 0.5
"""Share of the darkest and of the brightest pixels that the contrast stretch saturates."""

CHANNEL_COLOURS = {
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "green": (0, 255, 0),
    "red": (255, 0, 0),
    "blue": (80, 80, 255),
}
"""In which channels are added up where there are not one or three; after the last the first comes again."""

RGB = tuple[int, int, int]


def displayed(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Stretch the contrast of an image and give it colours.

    Args:
        image: (channel, y, x), any real dtype; NaN and infinities show as 0.

    Returns:
        (y, x) grey for one channel, else (y, x, 3): three channels are red, green and blue, any other number is
        added up in CHANNEL_COLOURS. Colour photographs (three channels of uint8) keep their hues: one stretch for all.

    >>> displayed(np.array([[[0, 1, 2]]])).tolist()
    [[0, 128, 255]]
    """
    samples = np.nan_to_num(image.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if len(samples) == 3 and image.dtype == np.uint8:
        return _to_uint8(np.moveaxis(_stretched(samples), 0, -1))
    channels = np.stack([_stretched(channel) for channel in samples])
    if len(channels) == 1:
        return _to_uint8(channels[0])
    if len(channels) == 3:
        return _to_uint8(np.moveaxis(channels, 0, -1))
    colours = np.array(list(islice(cycle(CHANNEL_COLOURS.values()), len(channels))), np.float32) / 255
    return _to_uint8(np.clip(np.einsum("cyx,cr->yxr", channels, colours), 0, 1))


def channel_note(channels: int) -> str:
    """Which colours stand for the channels, where that is not plain to see.

    >>> channel_note(3), channel_note(2)
    ('', ': channels in cyan, magenta')
    """
    if channels in (1, 3):
        return ""
    return ": channels in " + ", ".join(islice(cycle(CHANNEL_COLOURS), channels))


def _stretched(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.percentile(samples, (CLIPPED_PERCENT, 100 - CLIPPED_PERCENT))
    if high <= low:
        low, high = samples.min(), samples.max()
    return np.asarray(np.clip((samples - low) / max(float(high - low), 1e-12), 0, 1), np.float32)


def _to_uint8(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(shares * 255), np.uint8)


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luminance of a picture (y, x) or (y, x, 3)."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def shown_size(size: tuple[int, ...], longest_px: int) -> tuple[int, int]:
    """Size (y, x) at which a picture is embedded: its own, or scaled down to a longest side.

    >>> shown_size((100, 1000), 500), shown_size((100, 100), 500)
    ((50, 500), (100, 100))
    """
    scale = min(1.0, longest_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrunk(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a picture down to (y, x); each pixel is the mean of what it covers."""
    if picture.shape[:2] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BOX))


def sampled(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Scale labels down to (y, x); each pixel is the one in the middle of what it covers.

    >>> sampled(np.arange(9).reshape(3, 3), (1, 1))
    array([[4]])
    """
    y, x = ((np.arange(n) + 0.5) * old // n for n, old in zip(size, labels.shape, strict=True))
    return labels[np.ix_(y.astype(np.intp), x.astype(np.intp))]


def png(picture: NDArray[np.uint8]) -> str:
    """A picture, (y, x) grey or (y, x, 3) colours, as a data URI."""
    return _data_uri(Image.fromarray(picture))


def indexed_png(indices: NDArray[np.uint8], palette: list[RGB]) -> str:
    """A picture of at most 256 colours, (y, x) indices into a palette, as a data URI."""
    picture = Image.fromarray(indices)
    picture.putpalette([value for colour in palette for value in colour])
    return _data_uri(picture)


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
