"""The page: everything put together, without a reference to anything outside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overtile.report.examples import class_legend, error_legend, example_rows
from overtile.report.facts import data_facts, origin_facts, recipe_facts
from overtile.report.figures import loss_curve, score_curve
from overtile.report.glossary import GLOSSARY, better, title
from overtile.report.page import template, write_page
from overtile.report.scores import Score, by_class, overall
from overtile.report.verdict import ROLES, Role, verdict
from overtile.workflows.evaluation import Evaluation


@dataclass(frozen=True)
class MetricRow:
    """A metric in the tables: its key, its name, the direction that is good, and its total."""

    key: str
    title: str
    better: str
    score: Score
    definition: str


@dataclass(frozen=True)
class ImageRow:
    """An image in the table of all images; one score per metric."""

    name: str
    role: Role | None
    scores: list[Score]


def write_report(evaluation: Evaluation, path: str | Path, *, overwrite: bool = False) -> None:
    """Write an evaluation as one HTML page that needs nothing but a browser.

    Args:
        evaluation: see overtile.workflows.evaluation.
        path: the file to write, such as report.html.
        overwrite: replace the file if it exists.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
    """
    write_page(path, lambda: render(evaluation), overwrite=overwrite)


def render(evaluation: Evaluation) -> str:
    """The page as text."""
    manifest = evaluation.manifest
    training: dict[str, Any] = manifest.training if manifest is not None else {}
    validations = training.get("validations", [])
    curves = {
        "Loss": loss_curve(training.get("losses", []), validations),
        "Score": score_curve(validations),
    }
    return template("report.html").render(
        name=_name(evaluation),
        verdict=verdict(evaluation),
        notes=evaluation.notes,
        metrics=_metric_rows(evaluation),
        classes=_class_table(evaluation),
        examples=example_rows(evaluation),
        class_legend=class_legend(evaluation),
        error_legend=error_legend(evaluation),
        images=_image_rows(evaluation),
        ranked_by=title(evaluation.ranked_by),
        curves={name: svg for name, svg in curves.items() if svg},
        training_notes=training.get("notes", []),
        data=data_facts(evaluation),
        recipe=recipe_facts(manifest),
        runs={
            name: (run.get("command", ""), origin_facts(run))
            for name, run in (("Training", training), ("Evaluation", evaluation.provenance))
            if run
        },
    )


def _name(evaluation: Evaluation) -> str:
    """The model's name; where nobody gave one, what it is."""
    named = evaluation.provenance.get("model")
    if named:
        return str(named)
    return "Predictions from elsewhere" if evaluation.manifest is None else f"{evaluation.manifest.architecture} model"


def _metric_rows(evaluation: Evaluation) -> list[MetricRow]:
    return [
        MetricRow(
            key=key,
            title=f"{title(key)}, class mean" if by_class(evaluation.total[key]) else title(key),
            better=better(key),
            score=overall(evaluation.total[key]),
            definition=GLOSSARY[key].definition if key in GLOSSARY else "",
        )
        for key in _metrics(evaluation)
    ]


def _metrics(evaluation: Evaluation) -> list[str]:
    """The keys of the metrics, the one that ranks the images first."""
    return sorted(evaluation.total, key=lambda key: key != evaluation.ranked_by)


def _class_table(evaluation: Evaluation) -> tuple[list[str], dict[str, list[Score]]]:
    """Names of the metrics that are known per class, and for each class its scores."""
    found = {title(key): by_class(evaluation.total[key]) for key in _metrics(evaluation)}
    metrics = {name: classes for name, classes in found.items() if classes}
    names = dict.fromkeys(name for classes in metrics.values() for name in classes)
    nothing = Score(float("nan"))
    return list(metrics), {name: [classes.get(name, nothing) for classes in metrics.values()] for name in names}


def _image_rows(evaluation: Evaluation) -> list[ImageRow]:
    """Best first, as the examples are; images without example follow."""
    roles = {example.name: example.role for example in evaluation.examples}
    names = dict.fromkeys([*(name for name in roles if name in evaluation.images), *evaluation.images])
    return [
        ImageRow(
            name=name,
            role=ROLES.get(roles[name], Role(roles[name], "")) if name in roles else None,
            scores=[overall(evaluation.images[name].get(key, {})) for key in _metrics(evaluation)],
        )
        for name in names
    ]
