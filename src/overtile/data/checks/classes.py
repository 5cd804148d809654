"""Classes: images with a single one, and rare ones."""

from collections.abc import Iterator

from overtile.data.checks.common import MOST_SHOWN, Commands, shown, whole
from overtile.data.dataset import AnnotatedImages
from overtile.data.finding import Finding
from overtile.data.summary import Summary

MOST_NAMED = 20
"""More images than this are not left out one by one: they are planes of stacks, or the labels mean something else."""

RARE_SHARE = 0.005
"""A class that covers less than this share of the pixels is called rare."""


def check_classes(data: AnnotatedImages, summary: Summary, commands: Commands) -> Iterator[Finding]:
    """Look at which classes the images hold."""
    single = [s for s in data.samples if (s.labels == s.labels.flat[0]).all()]
    if single:
        names = [sample.name for sample in single]
        yield Finding(
            "warning",
            shown(names),
            f"{len(single)} of {len(data.samples)} images hold a single class",
            "Check that these annotations are complete; leave them out if they were never annotated.",
            "single-class",
            commands.mend(leave_out=names) if len(single) < min(len(data.samples), MOST_NAMED) else "",
            tuple(whole(s.name, s.labels.shape) for s in single[:MOST_SHOWN]),
        )
    for one in summary.classes:
        if one.share < RARE_SHARE:
            yield Finding(
                "note", "all images", f"{one.name} covers only {one.share:.2%} of the pixels", kind="rare-class"
            )
    if len(data.samples) == 1:
        yield Finding(
            "note",
            data.samples[0].name,
            "there is one image: a strip of it is held out for validation",
            kind="one-image",
        )
