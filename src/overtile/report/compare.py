"""The page of a comparison: what each network is worth, what it costs, and which differences mean something."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from overtile.report.facts import Facts, origin_facts, plain
from overtile.report.figures import FIRST, INK, SECOND, as_svg, new_axes
from overtile.report.glossary import GLOSSARY, better, title
from overtile.report.page import template, write_page
from overtile.report.scores import number
from overtile.workflows.compare import Comparison, Contender

GIBIBYTE = 2**30

COSTS: dict[str, Callable[[Contender], float | None]] = {
    "prediction, seconds per megapixel": lambda row: row.seconds_per_megapixel,
    "peak memory of the training, GiB": lambda row: (
        None if row.peak_memory_bytes is None else row.peak_memory_bytes / GIBIBYTE
    ),
}
"""What the score is drawn against."""


@dataclass(frozen=True)
class MetricRow:
    """A metric, and its mean over the folds for each contender."""

    title: str
    better: str
    values: list[str]


def write_comparison(comparison: Comparison, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a comparison as one HTML page that needs nothing but a browser.

    Args:
        comparison: see overtile.compare.
        path: the file to write, such as comparison.html.
        overwrite: replace the file if it exists.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
    """
    write_page(path, lambda: render_comparison(comparison), overwrite=overwrite)


def render_comparison(comparison: Comparison) -> str:
    """The page as text."""
    rows = comparison.contenders
    page = template("compare.html", number=shown, gib=lambda size: shown(None if size is None else size / GIBIBYTE))
    return page.render(
        found=comparison,
        metric=title(comparison.metric),
        folds=len(rows[0].runs),
        sentences=list(reading(rows)),
        figures={
            name: svg for name, cost in COSTS.items() if (svg := score_against(rows, name, cost, comparison.metric))
        },
        metrics=list(_metric_rows(rows)),
        definition=GLOSSARY[comparison.metric].definition if comparison.metric in GLOSSARY else "",
        protocol=_protocol_facts(comparison),
        arguments={row.architecture: plain(row.arguments) for row in rows},
        origin=origin_facts(comparison.provenance),
    )


def shown(value: float | None) -> str:
    """A value as it is printed.

    >>> shown(0.91234), shown(None)
    ('0.912', '-')
    """
    return number(math.nan if value is None else value)


def reading(rows: Sequence[Contender]) -> Iterator[str]:
    """What the table says, without making more of it than it is."""
    first, *others = [row for row in rows if row.score is not None] or rows[:1]
    if first.score is None or not others:
        return
    ahead = {row.architecture: wins(row, first) for row in others}
    unsure = [f"{name} ({count} of {len(first.runs)})" for name, count in ahead.items() if count]
    if unsure:
        yield (
            f"{first.architecture} has the highest mean, but in some folds these were at least as good: {', '.join(unsure)}. "
            "Between them, these images do not decide."
        )
    else:
        yield f"{first.architecture} was the best in each of the {len(first.runs)} folds."
    fast = min(rows, key=lambda row: row.seconds_per_megapixel)
    if fast is not first and fast.score is not None:
        times = first.seconds_per_megapixel / fast.seconds_per_megapixel
        yield f"{fast.architecture} predicts {times:.1f} times faster, at a mean score {first.score - fast.score:.3f} lower."


def wins(row: Contender, first: Contender) -> int:
    """In how many folds a contender was at least as good as the first.

    Args:
        row: the contender.
        first: another one, with the same folds.
    """
    pairs = [(one.score, other.score) for one, other in zip(row.runs, first.runs, strict=True)]
    return sum(a is not None and b is not None and a >= b for a, b in pairs)


def score_against(rows: Sequence[Contender], name: str, cost: Callable[[Contender], float | None], metric: str) -> str:
    """Score against a cost as SVG: the mean, and a line from the worst to the best fold; empty without points."""
    points = [(x, row.score, row) for row in rows if (x := cost(row)) is not None and row.score is not None]
    if not points:
        return ""
    figure, axes = new_axes(title(metric))
    axes.set_xlabel(name, color=INK, fontsize=9)
    points.sort(key=lambda point: point[:2])
    for place, (x, y, row) in enumerate(points):
        axes.plot([x, x], [min(row.scores), max(row.scores)], color=FIRST, linewidth=1.4, alpha=0.5)
        axes.plot([x], [y], color=SECOND, marker="o", markersize=6, linestyle="none")
        axes.annotate(row.architecture, (x, y), xytext=(6, 5 if place % 2 else -11), textcoords="offset points",
                      color=INK, fontsize=9)  # fmt: skip
    axes.set_xlim(0, 1.35 * points[-1][0])  # room for the last name
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.2)
    return as_svg(figure, name)


def _metric_rows(rows: Sequence[Contender]) -> Iterator[MetricRow]:
    for key in rows[0].runs[0].scores:
        values = [[one for run in row.runs if (one := run.scores.get(key)) is not None] for row in rows]
        yield MetricRow(title(key), better(key), [shown(sum(v) / len(v)) if v else "-" for v in values])


def _protocol_facts(comparison: Comparison) -> Facts:
    """The settings in words; those that say nothing are left out."""
    known = {name: value for name, value in comparison.protocol.items() if value not in (None, {}, "auto")}
    return {name.replace("_", " "): plain(value) for name, value in known.items() if name != "images"}
