"""The page of a learning curve: what the score does with more images, and what twice as many would bring."""

from pathlib import Path

import numpy as np

from overtile.report.facts import origin_facts
from overtile.report.figures import FIRST, INK, SECOND, as_svg, new_axes
from overtile.report.glossary import GLOSSARY, title
from overtile.report.page import template, write_page
from overtile.report.scores import Score
from overtile.workflows.learning_curve import LearningCurve


def write_learning_curve(found: LearningCurve, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a learning curve as one HTML page that needs nothing but a browser.

    Args:
        found: see overtile.workflows.learning_curve.
        path: the file to write, such as cells.learning-curve.html.
        overwrite: replace the file if it exists.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
    """
    write_page(path, lambda: render_learning_curve(found, Path(path).name.partition(".")[0]), overwrite=overwrite)


def render_learning_curve(found: LearningCurve, name: str) -> str:
    """The page as text; `name` is what it is called."""
    return template("learning_curve.html").render(
        name=name,
        found=found,
        metric=title(found.metric),
        definition=GLOSSARY[found.metric].definition if found.metric in GLOSSARY else "",
        scores=[Score(point.score, point.low, point.high) for point in found.points],
        figure=curve_figure(found),
        origin=origin_facts(found.provenance),
    )


def curve_figure(found: LearningCurve) -> str:
    """Score against the number of training images as SVG, with intervals and the extrapolation."""
    figure, axes = new_axes(title(found.metric))
    axes.set_xlabel("training images", color=INK, fontsize=9)
    sizes = [point.images for point in found.points]
    scores = [point.score for point in found.points]
    below = [max(point.score - point.low, 0.0) for point in found.points]
    above = [max(point.high - point.score, 0.0) for point in found.points]
    axes.errorbar(sizes, scores, yerr=[below, above], color=FIRST, marker="o", linestyle="none", capsize=3,
                  label="measured, 95 % interval")  # fmt: skip
    ticks = sizes
    if found.law is not None and found.doubling is not None:
        ticks = [*sizes, found.doubling.images]
        inside, beyond = (np.geomspace(a, b, 60) for a, b in ((sizes[0], sizes[-1]), (sizes[-1], ticks[-1])))
        axes.plot(inside, [found.law(n) for n in inside], color=FIRST, linewidth=1.4)
        axes.plot(beyond, [found.law(n) for n in beyond], color=SECOND, linewidth=1.4, linestyle="--",
                  label="twice as many: power law")  # fmt: skip
        last = found.law(sizes[-1])
        ends = [last + found.doubling.low, last + found.doubling.high]
        axes.plot([ticks[-1]] * 2, ends, color=SECOND, linewidth=2.0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.minorticks_off()
    axes.margins(x=0.08, y=0.15)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    return as_svg(figure, "learning curve")
