"""From the maps that a network predicts to instances: seeds, watershed, minimum size, filled holes.

A method says which map is high in the middle of objects. Seeds are the connected pieces where that map exceeds the seed
threshold, the foreground is where the probability of any object class exceeds the foreground threshold, and the
watershed of the inverted map, limited to the foreground, gives every seed its object.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtile.core.errors import DataError, ShapeError, UnknownNameError
from overtile.instances.components import connected_components, fill_holes
from overtile.instances.flood import flood
from overtile.instances.grid import Window
from overtile.instances.ids import relabel_sequential, remove_small
from overtile.instances.stitch import fill_holes_tiled, scan_components
from overtile.instances.stitched_flood import Basin, TiledFlood, scan_flood


@dataclass(frozen=True)
class Relief:
    """What a method makes of the maps.

    Attributes:
        foreground: (*S), probability that a pixel belongs to any object.
        centre: (*S), high inside objects, low where two of them meet.
    """

    foreground: NDArray[np.float32]
    centre: NDArray[np.float32]


def foreground_relief(maps: NDArray[Any]) -> Relief:
    """Class probabilities (K, *S) with background first: objects are where any other class is likely."""
    foreground = (1 - maps[0]).astype(np.float32)
    return Relief(foreground, foreground)


def middle_relief(maps: NDArray[Any]) -> Relief:
    """Probabilities (3, *S) of background, middle and rim of objects: the middle is the centre.

    Where distances were trained, the probability of the middle is the distance to the border, as a share of the
    largest one in the object.
    """
    return Relief((1 - maps[0]).astype(np.float32), maps[1].astype(np.float32))


METHODS: dict[str, Callable[[NDArray[Any]], Relief]] = {
    "foreground": foreground_relief,
    "boundary": middle_relief,
    "distance": middle_relief,
}
"""What is the foreground and what is the centre of objects, by the name of the target that was trained."""

MAPS = {"boundary": 3, "distance": 3}
"""Number of maps that a method needs; the others take two or more."""


@dataclass(frozen=True)
class PostProcessing:
    """How maps become instances. The thresholds are tuned on validation images and travel with the model.

    Attributes:
        method: one of METHODS.
        foreground_threshold: pixels with a larger foreground probability belong to objects.
        seed_threshold: pixels with a larger value of the centre map are seeds; at or below the foreground threshold of
            the method "foreground", objects are simply the connected components of the foreground.
        min_seed_px: smaller seeds are noise.
        min_size_px: smaller objects are left out.
        fill_holes: whether background enclosed by one object becomes part of it.

    Raises:
        UnknownNameError: there is no such method.
        DataError: a threshold is not a finite number, or a size is negative.
    """

    method: str = "foreground"
    foreground_threshold: float = 0.5
    seed_threshold: float = 0.5
    min_seed_px: int = 1
    min_size_px: int = 1
    fill_holes: bool = True

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("method of post-processing", self.method, METHODS)
        if not np.isfinite([self.foreground_threshold, self.seed_threshold]).all():
            raise DataError(f"expected finite thresholds, got {self.foreground_threshold} and {self.seed_threshold}")
        if min(self.min_seed_px, self.min_size_px) < 0:
            raise DataError(f"expected sizes of 0 or more pixels, got {self.min_seed_px} and {self.min_size_px}")

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold.

        >>> PostProcessing.from_dict(PostProcessing(min_size_px=9).to_dict()).min_size_px
        9
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PostProcessing":
        """Make from what `to_dict` gave.

        Raises:
            UnknownNameError: a key is not known, or the method is not.
            DataError: a value is out of its range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownNameError("parameter of post-processing", name, known)
        return cls(**values)

    def relief(self, maps: NDArray[Any]) -> Relief:
        """Foreground and centre of maps (K, *S).

        Raises:
            ShapeError: the number of maps does not fit the method.
        """
        expected = MAPS.get(self.method)
        if maps.ndim < 3 or len(maps) < 2 or (expected and len(maps) != expected):
            raise ShapeError(
                f"the method {self.method!r} needs maps of shape ({expected or 'two or more'}, [z], y, x), "
                f"got {maps.shape}: predict with a model that was trained for it, or choose among {', '.join(METHODS)}"
            )
        return METHODS[self.method](maps)

    def is_foreground(self, relief: Relief) -> NDArray[np.bool_]:
        """Pixels that belong to objects."""
        return relief.foreground > self.foreground_threshold

    def is_seed(self, relief: Relief) -> NDArray[np.bool_]:
        """Pixels that belong to seeds, before small ones are left out."""
        return (relief.centre > self.seed_threshold) & self.is_foreground(relief)


def segment(maps: NDArray[Any], post: PostProcessing) -> NDArray[Any]:
    """Instances of one image in memory.

    Args:
        maps: (K, *S), what the method of `post` needs.
        post: thresholds and sizes.

    Returns:
        (*S), ids 1, 2, 3, ... in reading order of the seeds, unsigned, of the smallest type from 16 bits on; all 0
        where nothing exceeds the thresholds.

    Raises:
        ShapeError: the number of maps does not fit the method.

    >>> inside = np.array([[0.1, 0.9, 0.6, 0.8, 0.0]])
    >>> segment(np.stack([1 - inside, inside]), PostProcessing(seed_threshold=0.7))
    array([[0, 1, 1, 2, 0]], dtype=uint16)
    """
    relief = post.relief(maps)
    seeds = connected_components(post.is_seed(relief), min_size_px=post.min_seed_px)
    instances = remove_small(flood(-relief.centre, post.is_foreground(relief), seeds), post.min_size_px)
    return relabel_sequential(fill_holes(instances) if post.fill_holes else instances)


def segment_tiled(
    read: Callable[[Window], NDArray[Any]],
    target: Any,
    post: PostProcessing,
    *,
    shape: tuple[int, ...],
    tile: tuple[int, ...],
) -> int:
    """Instances of an image that does not fit in memory, equal to `segment` of the whole up to the numbering.

    Args:
        read: maps (K, *W) of a window; called three times for every tile, and must answer the same.
        target: takes the ids; anything of shape (*S) that gives and takes slices (NumPy, memory map, Zarr), of a type
            wide enough for the number of objects, such as uint32.
        post: thresholds and sizes.
        shape: (*S), size of the image.
        tile: (*T), size of a tile; larger ones are faster, any gives the same objects.

    Returns:
        Number of objects; their ids are 1 .. number.

    Raises:
        ShapeError: the number of maps does not fit the method, or the tile not the image.
        DataError: the type of the target cannot hold the ids.
    """
    found = scan_instances(read, post, shape=shape, tile=tile)
    if np.iinfo(target.dtype).max < found.count:
        raise DataError(f"{found.count} objects do not fit into {target.dtype}: give a target of a wider type")
    found.write(target)
    if post.fill_holes:
        fill_holes_tiled(target, shape, tile)
    return found.count


def scan_instances(
    read: Callable[[Window], NDArray[Any]], post: PostProcessing, *, shape: tuple[int, ...], tile: tuple[int, ...]
) -> TiledFlood:
    """Find the instances of `segment_tiled` without writing them, so that their number is known first."""
    seeds = scan_components(
        lambda window: post.is_seed(post.relief(read(window))), shape, tile, min_size_px=post.min_seed_px
    )

    def basin(window: Window) -> Basin:
        relief = post.relief(read(window))
        return Basin(-relief.centre, post.is_foreground(relief), seeds.number(post.is_seed(relief), window))

    return scan_flood(basin, shape, tile, min_size_px=post.min_size_px)
