"""Images: constant, saturated, of different scales, types or pixel sizes."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from overtile.data.checks.common import MOST_SHOWN, Commands, shown, whole
from overtile.data.dataset import AnnotatedImages, Sample
from overtile.data.finding import Finding
from overtile.data.normalization import IntensityStatistics

WIDE_SCALES = 4.0
"""Ratio of intensity ranges from which images are called differently exposed."""

PIXEL_SIZE_TOLERANCE = 0.25
"""Pixel sizes that differ by more than this share are reported."""

SATURATED_SHARE = 0.05
"""Share of the annotated pixels at the highest value from which an image is called saturated."""


def check_intensity(data: AnnotatedImages, statistics: IntensityStatistics, commands: Commands) -> Iterator[Finding]:
    """Look at the values of the images, and at their pixel sizes."""
    yield from _constant(data.samples, statistics, commands)
    yield from _saturated(data.samples)
    yield from _scales(data.samples, statistics)
    yield from _types(data.samples)
    yield from _pixel_sizes(data.samples, commands)


def _constant(samples: Sequence[Sample], statistics: IntensityStatistics, commands: Commands) -> Iterator[Finding]:
    for sample, ranges in zip(samples, statistics.image_ranges, strict=True):
        if all(low == high for low, high in ranges):
            yield Finding(
                "warning",
                sample.name,
                f"the image is constant ({ranges[0][0]:g})",
                "Remove it or export it again.",
                "constant-image",
                commands.mend(leave_out=[sample.name]),
            )


def saturated_share(sample: Sample) -> float:
    """Share of the annotated pixels, those of class 0 aside, that are at the image's highest value, 0 to 1.

    A value is cut off where many pixels share it, and of a colour photograph only where all its channels have it: a
    white background that is meant to be white is not annotated as anything.

    >>> from overtile.core.image import Image
    >>> saturated_share(Sample("a", Image(np.array([[[1, 9, 9, 9]]])), np.array([[0, 0, 1, 1]], np.int32)))
    1.0
    """
    array, annotated = sample.image.array, sample.labels > 0
    colours = len(array) in (3, 4) and array.dtype == np.uint8
    channels = [channel for channel in (array[:3] if colours else array) if channel.min() < channel.max()]
    if not channels or not annotated.any():
        return 0.0
    at_top = np.array([channel == channel.max() for channel in channels])[:, annotated]
    return float(at_top.all(axis=0).mean() if colours else at_top.mean(axis=1).max())


def _saturated(samples: Sequence[Sample]) -> Iterator[Finding]:
    shares = {sample.name: saturated_share(sample) for sample in samples}
    worst = sorted((name for name, share in shares.items() if share > SATURATED_SHARE), key=lambda name: -shares[name])
    if worst:
        size = {sample.name: sample.labels.shape for sample in samples}
        yield Finding(
            "warning",
            shown(worst),
            f"in {len(worst)} of {len(samples)} images more than {SATURATED_SHARE:.0%} of the annotated pixels have the "
            f"highest value ({shares[worst[0]]:.0%} in {worst[0]}): what was brighter is cut off",
            "Expose shorter or convert without clipping; what is cut off cannot be restored.",
            "saturated",
            regions=tuple(whole(name, size[name]) for name in worst[:MOST_SHOWN]),
        )


def _scales(samples: Sequence[Sample], statistics: IntensityStatistics) -> Iterator[Finding]:
    if statistics.scale_ratio <= WIDE_SCALES:
        return
    widths = np.diff(np.array(statistics.image_ranges), axis=2)[..., 0].max(1)
    ratio = widths / np.median(widths[widths > 0])
    odd = [s.name for s, r in zip(samples, ratio, strict=True) if not 1 / WIDE_SCALES**0.5 < r < WIDE_SCALES**0.5]
    narrow, wide = (f"{samples[int(i)].name} ({widths[i]:.4g})" for i in (ratio.argmin(), ratio.argmax()))
    yield Finding(
        "warning",
        shown(odd),
        f"intensity ranges differ {statistics.scale_ratio:.0f}-fold between images, from {narrow} to {wide}: training "
        "will normalise each image by itself",
        "Export all images with the same scaling, if their brightness means something.",
        "intensity-scales",
    )


def _types(samples: Sequence[Sample]) -> Iterator[Finding]:
    kinds = Counter(str(sample.image.array.dtype) for sample in samples)
    if len(kinds) > 1:
        found = ", ".join(f"{n} x {kind}" for kind, n in kinds.items())
        rare = min(kinds, key=lambda kind: kinds[kind])
        yield Finding(
            "warning",
            shown(sample.name for sample in samples if str(sample.image.array.dtype) == rare),
            f"images differ in type: {found}",
            "Export all images with the same depth.",
            "types",
        )


def _pixel_sizes(samples: Sequence[Sample], commands: Commands) -> Iterator[Finding]:
    sizes = {s.name: s.image.pixel_size_um[-1] for s in samples if s.image.pixel_size_um is not None}
    if not sizes or max(sizes.values()) <= (1 + PIXEL_SIZE_TOLERANCE) * min(sizes.values()):
        return
    low, high = min(sizes.values()), max(sizes.values())
    usual = float(np.median(list(sizes.values())))
    odd = [name for name, one in sizes.items() if not 1 / (1 + PIXEL_SIZE_TOLERANCE) <= one / usual <= 1.25]
    unknown = len(samples) - len(sizes)
    rest = f"; {unknown} images have none" if unknown else ""
    yield Finding(
        "warning",
        shown(odd),
        f"pixel sizes differ, from {low:.4g} to {high:.4g} um{rest}: the same object has different sizes in pixels",
        f"Rescale the images to one pixel size, such as {usual:.4g} um.",
        "pixel-sizes",
        "" if unknown else commands.mend(f"pixel-size={usual:.4g}"),
    )
