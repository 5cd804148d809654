"""Labels that lie beside what they mean: shifted, transposed or flipped against their image."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import hypot

import numpy as np

from overtile.data.alignment import Fit, fit_of
from overtile.data.checks.common import MOST_SHOWN, Commands, shown, whole
from overtile.data.dataset import Sample
from overtile.data.finding import Finding

GOOD = 0.1
"""A fit of this much is one; label edges that follow no edge of the image say nothing."""

CLEARLY_WORSE = 0.5
"""Labels are out of place where they fit at most this share as well as elsewhere; loose outlines lose less."""

SMALLEST_SHIFT = 4
"""Smaller shifts than so many of the pixels that are compared are within the accuracy of annotation."""

CONTRAST = 10.0
"""What a single image must show, in standard deviations; a whole folder must agree instead."""

FEWEST, AGREEING, WITHIN = 4, 0.6, 1.5
"""A folder agrees where this share of at least so many images wants the same turn, or the same shift up to so many
pixels."""

MOST_COMPARED = 200
"""Images that are compared, evenly spread over the folder."""


def check_registration(samples: Sequence[Sample], commands: Commands) -> Iterator[Finding]:
    """Report labels that would fit their image clearly better after a shift or a turn, in all images or in some."""
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), MOST_COMPARED)).astype(int))
    fits = {}
    for sample in (samples[i] for i in chosen):
        fit = fit_of(sample.image.array, sample.labels, sample.valid)
        if fit is not None:
            fits[sample.name] = fit
    shapes = {sample.name: sample.labels.shape for sample in samples}
    found = all_turned(fits) or all_shifted(fits)
    if found:
        yield _finding(found, list(fits), shapes, commands, every=True)
        return
    alone = {name: fix for name, fit in fits.items() if (fix := _turned(fit) or _shifted(fit))}
    for fix in dict.fromkeys(alone.values()):
        yield _finding(fix, [name for name in alone if alone[name] == fix], shapes, commands, every=False)


def all_turned(fits: dict[str, Fit]) -> str | None:
    """The fix with which most images fit better, turned all alike."""
    better = Counter(fit.turn for fit in fits.values() if fit.turned > fit.shifted)
    if len(fits) < FEWEST or not better:
        return None
    turn, count = better.most_common(1)[0]
    turned = float(np.median([fit.turned for fit in fits.values()]))
    ratio = float(np.median([fit.in_place / max(fit.turned, 1e-9) for fit in fits.values()]))
    agreed = count >= AGREEING * len(fits) and turned >= GOOD and ratio <= CLEARLY_WORSE
    return f"turn={turn}" if agreed else None


def all_shifted(fits: dict[str, Fit]) -> str | None:
    """The fix with which most images fit better, shifted all by the same amount."""
    if len(fits) < FEWEST:
        return None
    shifts = np.array([fit.shift for fit in fits.values()], float)
    pixel = float(np.median([fit.pixel for fit in fits.values()]))
    middle = np.median(shifts, axis=0)
    near = np.abs(shifts - middle).max(axis=1) <= WITHIN * pixel
    ratio = float(np.median([_elsewhere(fit) for fit in fits.values()]))
    best = float(np.median([fit.shifted for fit in fits.values()]))
    agreed = near.mean() >= AGREEING and ratio <= CLEARLY_WORSE and best >= GOOD
    mean = shifts[near].mean(axis=0) if near.any() else middle
    return "shift={:.0f},{:.0f}".format(*mean) if agreed and hypot(*mean) >= SMALLEST_SHIFT * pixel else None


def _elsewhere(fit: Fit) -> float:
    """How well the labels fit in place, or after the opposite shift, compared to the best shift."""
    return max(fit.in_place, fit.opposite) / max(fit.shifted, 1e-9)


def _turned(fit: Fit) -> str | None:
    sure = fit.turned >= GOOD and fit.contrast(fit.turned) >= CONTRAST
    worse = max(fit.shifted, fit.in_place) <= CLEARLY_WORSE * fit.turned
    return f"turn={fit.turn}" if sure and worse else None


def _shifted(fit: Fit) -> str | None:
    sure = fit.shifted >= GOOD and fit.contrast(fit.shifted) >= CONTRAST
    far = hypot(*fit.shift) >= SMALLEST_SHIFT * fit.pixel
    return "shift={},{}".format(*fit.shift) if sure and far and _elsewhere(fit) <= CLEARLY_WORSE else None


def _finding(
    fix: str, names: Sequence[str], shapes: dict[str, tuple[int, ...]], commands: Commands, *, every: bool
) -> Finding:
    how, _, amount = fix.partition("=")
    if how == "turn":
        what = f"the labels fit the image clearly better after the turn {amount!r}"
    else:
        rows, columns = amount.split(",")
        what = f"the labels fit the image clearly better when moved by about {rows} rows and {columns} columns"
    return Finding(
        "warning",
        "all images" if every else shown(names),
        f"{what}, {'in all images' if every else f'in {len(names)} image(s)'}",
        "Look at the pictures; if the outlines lie beside the objects, move the labels.",
        "turned-labels" if how == "turn" else "shifted-labels",
        commands.mend(fix, only=() if every else names),
        tuple(whole(name, shapes[name]) for name in names[:MOST_SHOWN]),
    )
