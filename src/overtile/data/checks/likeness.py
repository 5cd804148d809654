"""Images that show the same."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np

from overtile.data.checks.common import MOST_SHOWN, Commands, shown, whole
from overtile.data.dataset import AnnotatedImages, Sample
from overtile.data.finding import Finding
from overtile.data.near_duplicates import near_duplicates


def check_likeness(data: AnnotatedImages, commands: Commands) -> Iterator[Finding]:
    """Report copies whose labels differ, and near-duplicates, those of one stack or group aside."""
    for same in _copies(data.samples):
        if any(not np.array_equal(one.labels, same[0].labels) for one in same[1:]):
            copies = [sample.name for sample in same]
            yield Finding(
                "warning",
                shown(copies),
                f"{len(same)} images are equal pixel by pixel, but their labels differ",
                "Keep the one whose labels are right, and leave out the others.",
                "copies",
                commands.mend(leave_out=copies[1:]),
                tuple(whole(s.name, s.labels.shape) for s in same[:MOST_SHOWN]),
            )
    for alike in _alike(data.samples):
        what = "images of different groups" if alike[0].grouped else "images"
        yield Finding(
            "note",
            shown(sample.name for sample in alike),
            f"{len(alike)} {what} are nearly alike: they are kept on one side of a split",
            kind="near-duplicates",
            regions=tuple(whole(sample.name, sample.labels.shape) for sample in alike[:MOST_SHOWN]),
        )


def _alike(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Near-duplicates from several groups, one of each; groups that share many of them are named once."""
    found: dict[frozenset[str], list[Sample]] = {}
    numbers = near_duplicates([s.image for s in samples], [s.valid for s in samples])
    for number in range(numbers.max() + 1):
        members = [sample for sample, own in zip(samples, numbers, strict=True) if own == number]
        of_group = {sample.group or sample.name: sample for sample in reversed(members)}
        found.setdefault(frozenset(of_group), sorted(of_group.values(), key=lambda sample: sample.name))
    return [alike for groups, alike in found.items() if len(groups) > 1]


def _copies(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Groups of two and more samples with the same pixels."""
    groups: defaultdict[tuple[tuple[int, ...], bytes], list[Sample]] = defaultdict(list)
    for sample in samples:
        array = sample.image.array
        if array.min() < array.max():
            groups[array.shape, sha256(array.tobytes()).digest()].append(sample)
    return [group for group in groups.values() if len(group) > 1]
