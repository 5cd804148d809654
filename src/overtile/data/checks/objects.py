"""Objects: ids in several pieces, objects merged into one, specks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.spatial import KDTree
from skimage.measure import label as label_regions

from overtile.data.checks.common import MOST_SHOWN, Commands, region_around, shown
from overtile.data.dataset import Sample
from overtile.data.finding import Finding, Region
from overtile.data.summary import ObjectSummary, Summary

SMALLEST_OBJECT_PX = 10
"""Objects of fewer pixels than this are more likely specks of the annotation tool."""

FAR_APART = 0.5
"""Two pieces are two objects where the gap between them is more than this share of the larger one's diameter..."""

LARGE_PIECE = 0.1
"""...and the smaller one has at least this share of its area."""

OVERSIZED, OVERSIZED_DEVIATIONS, FEWEST_OBJECTS = 8.0, 6.0, 10
"""An object is called merged from several where its area is so many times the median of its image, which has at least so
many objects, and lies so many robust standard deviations (of log area) above it."""


@dataclass(frozen=True)
class Odd:
    """An object that is not as the others.

    Attributes:
        amount: how odd it is.
        region: where it is.
    """

    amount: float
    region: Region

    def __str__(self) -> str:
        return f"id {self.region.label} of {self.region.sample}"


@dataclass(frozen=True)
class InPieces(Odd):
    """An id with several pieces; the amount is the gap between the two largest, in pixels.

    Attributes:
        diameter_px: of the circle that has the area of the largest.
        areas_px: of the two largest.
    """

    diameter_px: float
    areas_px: tuple[int, int]

    @property
    def are_objects(self) -> bool:
        """Whether the pieces are objects of their own: far apart, and the second no speck."""
        largest, second = self.areas_px
        large = second >= max(LARGE_PIECE * largest, SMALLEST_OBJECT_PX)
        return large and self.amount > FAR_APART * self.diameter_px


def check_objects(samples: Sequence[Sample], summary: Summary, commands: Commands) -> Iterator[Finding]:
    """Look at the object ids of all images."""
    objects = summary.objects
    if objects is None or objects.count == 0:
        return
    yield from _pieces([one for sample in samples for one in in_pieces(sample)], objects.count, commands)
    yield from _oversized([one for sample in samples for one in oversized(sample)])
    if 0 < objects.smallest_px < SMALLEST_OBJECT_PX:
        yield _specks(samples, objects, commands)


def _pieces(odd: Sequence[InPieces], count: int, commands: Commands) -> Iterator[Finding]:
    far = sorted((one for one in odd if one.are_objects), key=lambda one: -one.amount)
    near = sorted((one for one in odd if not one.are_objects), key=lambda one: -one.areas_px[1])
    if far:
        names = list(dict.fromkeys(one.region.sample for one in far))
        yield Finding(
            "warning",
            shown(names),
            f"{len(far)} of {count} object ids stand for several objects far apart, such as {far[0]}, whose pieces are "
            f"{far[0].amount:.0f} px apart",
            "Give every object its own id.",
            "merged-ids",
            commands.mend("split", only=names),
            tuple(one.region for one in far[:MOST_SHOWN]),
        )
    if near:
        yield Finding(
            "warning",
            shown(dict.fromkeys(one.region.sample for one in near)),
            f"{len(near)} of {count} object ids consist of several separate pieces",
            "Give every object its own id; remove the small pieces if they are specks.",
            "pieces",
            commands.mend(f"specks={SMALLEST_OBJECT_PX}", "split"),
            tuple(one.region for one in near[:MOST_SHOWN]),
        )


def _oversized(large: Sequence[Odd]) -> Iterator[Finding]:
    if large:
        worst = sorted(large, key=lambda one: -one.amount)
        yield Finding(
            "warning",
            shown(dict.fromkeys(one.region.sample for one in worst)),
            f"{len(large)} object(s) have {OVERSIZED:.0f} times the area that is usual in their image or more, such as "
            f"{worst[0]} ({worst[0].amount:.0f} times): several objects may be merged",
            "Look at them, and draw the borders between the objects.",
            "oversized-objects",
            regions=tuple(one.region for one in worst[:MOST_SHOWN]),
        )


def _specks(samples: Sequence[Sample], objects: ObjectSummary, commands: Commands) -> Finding:
    specks = {sample.name: _small(sample.labels) for sample in samples}
    names = [name for name, count in specks.items() if count]
    return Finding(
        "warning",
        shown(names),
        f"the smallest object has {objects.smallest_px} pixel(s), {sum(specks.values())} have fewer than "
        f"{SMALLEST_OBJECT_PX}; the median diameter is {objects.median_diameter_px:.0f} pixels",
        "Remove specks from the annotation.",
        "specks",
        commands.mend(f"specks={SMALLEST_OBJECT_PX}"),
    )


def _small(labels: NDArray[np.int32]) -> int:
    areas = np.bincount(labels.ravel())[1:]
    return int(((areas > 0) & (areas < SMALLEST_OBJECT_PX)).sum())


def in_pieces(sample: Sample) -> Iterator[InPieces]:
    """Ids with more than one piece; pieces that touch at a corner are one."""
    pieces = label_regions(sample.labels, connectivity=2, background=0)
    areas = np.bincount(pieces.ravel())[1:]
    owners = np.zeros(len(areas), np.int64)
    owners[pieces[pieces > 0] - 1] = sample.labels[pieces > 0]
    several = np.flatnonzero(np.bincount(owners, minlength=1) > 1)
    boxes = find_objects(pieces) if len(several) else []
    for owner in several.tolist():
        mine = np.flatnonzero(owners == owner)
        largest, second = mine[np.argsort(-areas[mine], kind="stable")][:2].tolist()
        one, other = (_pixels(pieces, boxes[i], i + 1) for i in (largest, second))
        both = np.concatenate([one, other])
        (top, left), (bottom, right) = both.min(0).tolist(), both.max(0).tolist()
        yield InPieces(
            amount=float(KDTree(one).query(other)[0].min()) - 1,
            region=region_around(sample.name, sample.labels.shape, (top, bottom + 1), (left, right + 1), owner),
            diameter_px=2 * sqrt(len(one) / pi),
            areas_px=(len(one), len(other)),
        )


def _pixels(pieces: NDArray[np.int64], box: tuple[slice, slice], number: int) -> NDArray[np.int64]:
    """Rows and columns of a piece, (n, 2)."""
    return np.asarray(np.argwhere(pieces[box] == number) + np.array([part.start for part in box]))


def oversized(sample: Sample) -> Iterator[Odd]:
    """Objects that are far larger than the others of their image; `amount` is area over median area."""
    areas = np.bincount(sample.labels.ravel())
    areas[0] = 0
    ids = np.flatnonzero(areas)
    if len(ids) < FEWEST_OBJECTS:
        return
    logarithms = np.log(areas[ids])
    middle = float(np.median(logarithms))
    spread = max(1.4826 * float(np.median(np.abs(logarithms - middle))), 0.2)
    odd = (logarithms > middle + np.log(OVERSIZED)) & (logarithms > middle + OVERSIZED_DEVIATIONS * spread)
    if not odd.any():
        return
    boxes = find_objects(sample.labels)
    for owner in ids[odd]:
        rows, columns = ((part.start, part.stop) for part in boxes[owner - 1])
        place = region_around(sample.name, sample.labels.shape, rows, columns, int(owner))
        yield Odd(float(areas[owner] / np.exp(middle)), place)
