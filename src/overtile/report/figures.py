"""Training curves, as SVG that takes its colours and its font from the page."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

THEME = {"#010101": "var(--muted)", "#020202": "var(--rule)", "#030303": "var(--accent)", "#040404": "var(--warm)"}
"""Placeholders that are drawn with, and the colours of the page that replace them in light and dark."""

INK, GRID, FIRST, SECOND = THEME
MOST_BINS = 80
STEPS_PER_BIN = 5
LOG_FROM_RATIO = 10.0
"""A loss that falls by more than this is drawn on a logarithmic axis."""


@dataclass(frozen=True)
class Smoothed:
    """Values gathered into bins of neighbouring steps: the median, and the 10th and 90th percentile."""

    step: NDArray[np.float64]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def smoothed(losses: Sequence[float]) -> Smoothed:
    """Gather the losses of single steps, which vary a lot, into at most MOST_BINS bins; NaN is left out.

    >>> smoothed([1.0, 2.0, 9.0, 2.0, 1.0]).median.tolist()
    [2.0]
    """
    values = np.asarray(losses, np.float64)
    steps = np.arange(1, len(values) + 1)[np.isfinite(values)]
    values = values[np.isfinite(values)]
    bins = max(1, min(MOST_BINS, len(values) // STEPS_PER_BIN))
    parts = [part for part in np.array_split(values, bins) if part.size]
    quantiles = np.array([np.percentile(part, (10, 50, 90)) for part in parts]).reshape(-1, 3)
    middles = np.array([part.mean() for part in np.array_split(steps, bins) if part.size])
    return Smoothed(middles, quantiles[:, 1], quantiles[:, 0], quantiles[:, 2])


def loss_curve(losses: Sequence[float], validations: Sequence[dict[str, Any]]) -> str:
    """Loss against steps, with the validation loss, as SVG; empty where there are no losses."""
    curve = smoothed(losses)
    if not curve.step.size:
        return ""
    figure, axes = new_axes("loss")
    axes.fill_between(curve.step, curve.low, curve.high, color=FIRST, alpha=0.18, linewidth=0)
    axes.plot(curve.step, curve.median, color=FIRST, linewidth=1.8, label="training: median, 10 to 90 % band")
    points = [(v["step"], v["loss"]) for v in validations if math.isfinite(v.get("loss", math.nan))]
    if points:
        axes.plot(*zip(*points, strict=True), color=SECOND, linewidth=1.4, marker="o", markersize=3.5,
                  label="held out: cross-entropy")  # fmt: skip
    if curve.low.min() > 0 and curve.median.max() > LOG_FROM_RATIO * curve.median.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return as_svg(figure, "loss")


def score_curve(validations: Sequence[dict[str, Any]]) -> str:
    """Score on the held-out images against steps, the best one marked, as SVG; empty where there are none."""
    points = [(v["step"], v["score"]) for v in validations if math.isfinite(v.get("score", math.nan))]
    if not points:
        return ""
    figure, axes = new_axes("Dice on held-out images")
    axes.plot(*zip(*points, strict=True), color=SECOND, linewidth=1.8, marker="o", markersize=3.5)
    step, score = max(points, key=lambda point: (point[1], point[0]))
    axes.plot([step], [score], color=SECOND, marker="o", markersize=9, fillstyle="none", linestyle="none",
              label=f"kept: {score:.3f} at step {step:,}")  # fmt: skip
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    return as_svg(figure, "score")


def new_axes(ylabel: str) -> tuple[Figure, Axes]:
    """An empty figure in the style of the report, with its axes."""
    figure = Figure(figsize=(5.6, 3.1), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel("step", color=INK, fontsize=9)
    axes.set_ylabel(ylabel, color=INK, fontsize=9)
    axes.tick_params(colors=INK, which="both", length=0, labelsize=9)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure, axes


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an <svg> element without size, colours, font and foreign references of its own."""
    figure.patch.set_alpha(0)
    figure.axes[0].patch.set_alpha(0)
    buffer = io.StringIO()
    # Text stays text, and names inside the file depend on nothing but the figure; both have no other switch.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 role="img">', svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg).replace("xlink:href", "href")
    for placeholder, colour in THEME.items():
        svg = svg.replace(placeholder, colour)
    return svg
