"""Images that show the same."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby

import numpy as np

from overtile.data.checks.common import MOST_SHOWN, Commands, shown, whole
from overtile.data.dataset import AnnotatedImages, Sample
from overtile.data.finding import Finding
from overtile.data.splits import find_groups


def check_likeness(data: AnnotatedImages, commands: Commands) -> Iterator[Finding]:
    """Report copies whose labels differ, and near-duplicates, planes of one stack aside."""
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
    names = find_groups(data.samples)
    order = np.argsort(np.array(names), kind="stable").tolist()
    for _, members in groupby(order, key=lambda i: names[i]):
        group = [data.samples[i] for i in members]
        stacks = {sample.group or sample.name: sample for sample in reversed(group)}
        if len(stacks) > 1:
            yield Finding(
                "note",
                shown(sorted(stacks)),
                f"{len(stacks)} images are nearly alike: they are kept on one side of a split",
                kind="near-duplicates",
                regions=tuple(whole(s.name, s.labels.shape) for _, s in sorted(stacks.items())[:MOST_SHOWN]),
            )


def _copies(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Groups of two and more samples with the same pixels."""
    groups: defaultdict[tuple[tuple[int, ...], bytes], list[Sample]] = defaultdict(list)
    for sample in samples:
        array = sample.image.array
        if array.min() < array.max():
            groups[array.shape, sha256(array.tobytes()).digest()].append(sample)
    return [group for group in groups.values() if len(group) > 1]
