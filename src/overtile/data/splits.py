"""Splits into training and validation that keep groups and near-duplicates together and work from one image on."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.core.seeds import generator
from overtile.data.dataset import Sample
from overtile.data.near_duplicates import near_duplicates

logger = logging.getLogger(__name__)

LEAVE_ONE_OUT_UP_TO = 5
"""With at most this many images, every one is validated on once."""

SMALLEST_BLOCK_PX = 16
"""A strip of an image that is narrower than this is no validation set."""

SHUFFLES = 16
"""A hold-out set is the best of this many draws: validation and training should both see every class."""


@dataclass(frozen=True)
class Split:
    """Samples to train on and samples to validate on; nothing is in both."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]


def find_groups(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Name what must not be split: samples of one group or stack, and near-duplicates, directly or by a chain of others.

    Raises:
        DataError: the user named groups, and all of them are one.
    """
    alike = near_duplicates([s.image for s in samples], [s.valid for s in samples])
    parent = {f"alike {number}": f"alike {number}" for number in set(alike.tolist())}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for sample, number in zip(samples, alike, strict=True):
        stack = f"stack {sample.group or sample.name}"
        parent.setdefault(stack, stack)
        parent[root(stack)] = root(f"alike {number}")
    names = tuple(root(f"alike {number}") for number in alike)
    if samples[0].grouped and len(set(names)) == 1:
        raise DataError(_one_group(samples))
    return names


def _one_group(samples: Sequence[Sample]) -> str:
    named = {sample.group for sample in samples}
    if len(named) == 1:
        found, remedy = f"all images are of one group, {samples[0].group!r}", "Annotate an image of another group"
    else:
        found = f"near-duplicates join all {len(named)} groups to one"
        remedy = "Leave copies out, which `overtile check` names"
    return (
        f"{found}: it cannot be split into training and validation. {remedy}, train on all with --no-validate, or do "
        "without --groups and groups.csv."
    )


def k_folds(samples: Sequence[Sample], folds: int, seed: int) -> tuple[Split, ...]:
    """Split into folds; every sample is validated on exactly once, and no group is split, see `find_groups`.

    Two to five images are left out one at a time; a single image is cut into strips along its longer side.

    Args:
        samples: at least one.
        folds: wanted number of folds, at least 2; fewer where there are fewer groups.
        seed: decides which group goes where.

    Raises:
        DataError: fewer than two folds are asked for, a single image is too small to be cut, or all are of one group
            that the user named.
    """
    if folds < 2:
        raise DataError(f"expected at least 2 folds, got {folds}.")
    if not samples:
        raise DataError("expected at least one sample to split, got none.")
    if len(samples) == 1 and not samples[0].grouped:
        return spatial_blocks(samples[0], folds)
    names = _usable_groups(samples, folds)
    sizes = Counter(names)
    wanted = len(sizes) if len(samples) <= LEAVE_ONE_OUT_UP_TO else min(folds, len(sizes))
    shuffled = generator(seed, "folds").permutation(sorted(sizes)).tolist()
    load = [0] * wanted
    fold_of: dict[str, int] = {}
    for name in sorted(shuffled, key=lambda name: -sizes[name]):  # large groups first, into the emptiest fold
        fold_of[name] = load.index(min(load))
        load[fold_of[name]] += sizes[name]
    return tuple(_split(samples, [fold_of[name] == fold for name in names]) for fold in range(wanted))


def holdout(samples: Sequence[Sample], fraction: float, seed: int) -> Split:
    """Hold a share of the images out for validation: at least one group, never all; of a single image, a strip.

    Raises:
        DataError: the fraction is not between 0 and 1, a single image is too small to be cut, or all are of one group
            that the user named.
    """
    if not 0 < fraction < 1:
        raise DataError(f"expected a validation fraction between 0 and 1, got {fraction}.")
    if not samples:
        raise DataError("expected at least one sample to split, got none.")
    if len(samples) == 1 and not samples[0].grouped:
        return _held_out_strip(samples[0], fraction, seed)
    names = _usable_groups(samples, round(1 / fraction))
    rng = generator(seed, "holdout")
    present = [_classes(sample) for sample in samples]
    draws = [_draw(names, fraction, rng) for _ in range(SHUFFLES)]
    best = max(draws, key=lambda chosen: _coverage([name in chosen for name in names], present))
    return _split(samples, [name in best for name in names])


def _draw(names: Sequence[str], fraction: float, rng: np.random.Generator) -> frozenset[str]:
    """Draw groups until their samples reach the fraction; one group at least, one left at least."""
    sizes = Counter(names)
    order = rng.permutation(sorted(sizes)).tolist()
    target = max(1, round(fraction * len(names)))
    chosen: list[str] = []
    total = 0
    for name in order:
        if total + sizes[name] <= target and len(chosen) < len(sizes) - 1:
            chosen.append(name)
            total += sizes[name]
    return frozenset(chosen or [min(order, key=lambda name: sizes[name])])


def _classes(sample: Sample) -> frozenset[int]:
    """The classes of a sample; object ids count as one."""
    values = np.unique(sample.labels)
    return frozenset(values.tolist() if len(values) <= LEAVE_ONE_OUT_UP_TO * 8 else [0, 1])


def _coverage(held_out: Sequence[bool], present: Sequence[frozenset[int]]) -> float:
    """Share of all classes that the poorer of the two sides sees."""
    validation = frozenset().union(*(p for p, out in zip(present, held_out, strict=True) if out))
    train = frozenset().union(*(p for p, out in zip(present, held_out, strict=True) if not out))
    return min(len(validation), len(train)) / len(validation | train)


def _usable_groups(samples: Sequence[Sample], parts: int) -> tuple[str, ...]:
    """Groups by name; where all samples are alike, as in one stack, contiguous ranges of it."""
    names = find_groups(samples)
    if len(set(names)) > 1:
        return names
    logger.warning("all %d images are alike: they are split into ranges of neighbours", len(samples))
    ranges = min(max(2, parts), len(samples))
    return tuple(f"range {i * ranges // len(samples)}" for i in range(len(samples)))


def _split(samples: Sequence[Sample], held_out: Sequence[bool]) -> Split:
    pairs = list(zip(samples, held_out, strict=True))
    return Split(tuple(s for s, out in pairs if not out), tuple(s for s, out in pairs if out))


def spatial_blocks(sample: Sample, folds: int) -> tuple[Split, ...]:
    """Cut one image into strips along its longer side; each is validated on once, the rest trained on.

    Raises:
        DataError: the strips would be too narrow.
    """
    axis = int(np.argmax(sample.labels.shape))
    inner = [_cut(sample, axis, fold / folds) for fold in range(1, folds)]
    edges = [0, *inner, sample.labels.shape[axis]]
    return tuple(_strip(sample, axis, start, stop) for start, stop in pairwise(edges))


def _held_out_strip(sample: Sample, fraction: float, seed: int) -> Split:
    """Cut a strip from one of the four sides; a side with all classes in both parts is preferred."""
    strips = []
    for axis, length in enumerate(sample.labels.shape):
        for start, stop in ((0, _cut(sample, axis, fraction)), (_cut(sample, axis, 1 - fraction), length)):
            if stop - start >= SMALLEST_BLOCK_PX and length - (stop - start) >= SMALLEST_BLOCK_PX:
                strips.append(_strip(sample, axis, start, stop))
    if not strips:
        raise DataError(_too_small(sample))
    order = generator(seed, "holdout").permutation(len(strips)).tolist()
    best: Split = max((strips[i] for i in order), key=_block_coverage)
    return best


def _cut(sample: Sample, axis: int, share: float) -> int:
    """The row or column before which a share of the annotated pixels lies.

    >>> from overtile.core.image import Image
    >>> labels = np.zeros((4, 10), np.int32)
    >>> box = np.indices((4, 10))[1] >= 6
    >>> [_cut(Sample("a", Image(labels[np.newaxis]), labels, valid), 1, 0.5) for valid in (None, box)]
    [5, 8]
    """
    length: int = sample.labels.shape[axis]
    if sample.valid is None or sample.valid.all():
        return round(share * length)
    annotated = np.cumsum(sample.valid.sum(axis=1 - axis))
    return int(np.searchsorted(annotated, share * annotated[-1])) + 1


def _block_coverage(split: Split) -> float:
    parts = (*split.train, *split.validation)
    return _coverage([part in split.validation for part in parts], [_classes(part) for part in parts])


def _strip(sample: Sample, axis: int, start: int, stop: int) -> Split:
    length = sample.labels.shape[axis]
    if stop - start < SMALLEST_BLOCK_PX or length - (stop - start) < SMALLEST_BLOCK_PX:
        raise DataError(_too_small(sample))
    rest = [_crop(sample, axis, a, b) for a, b in ((0, start), (stop, length)) if b - a >= SMALLEST_BLOCK_PX]
    annotated = tuple(part for part in rest if part.valid is None or part.valid.any())
    return Split(
        annotated or (_crop(sample, axis, 0, length),),
        (_crop(sample, axis, start, stop),),
    )


def _crop(sample: Sample, axis: int, start: int, stop: int) -> Sample:
    window = (slice(start, stop), slice(None)) if axis == 0 else (slice(None), slice(start, stop))
    return replace(
        sample,
        name=f"{sample.name}_{'rows' if axis == 0 else 'columns'}{start}-{stop}",
        image=Image(sample.image.array[(slice(None), *window)], sample.image.pixel_size_um, sample.image.channel_names),
        labels=sample.labels[window],
        valid=None if sample.valid is None else sample.valid[window],
    )  # fmt: skip


def _too_small(sample: Sample) -> str:
    return (
        f"a single image of size {sample.labels.shape} is too small to be cut into training and validation: expected "
        f"strips of at least {SMALLEST_BLOCK_PX} pixels. Annotate a second image."
    )
