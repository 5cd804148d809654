"""Write docs/reference from the code: `python docs/generate.py`. `mkdocs build` does it too.

What a page says comes from the docstrings and dictionaries of the package. A test fails when the pages are stale.
"""

import importlib
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import typer
from docstrings import code, constant, described, doc, entries, first, line, prose, said_in, table, target, without

import overtile
from overtile import augment, losses, metrics, models, targets, training
from overtile.cli.main import VERBS, make_app
from overtile.metrics import matching
from overtile.metrics.evaluate import FEW_IMAGES
from overtile.models.layers import NAMED, Layers
from overtile.prediction.tta import TRANSFORMS
from overtile.report.glossary import GLOSSARY

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
MADE = "<!-- Made from the code by docs/generate.py; changes here are lost. -->"

ROOMS = (
    "data", "targets", "augment", "models", "losses", "training", "bundle", "runners", "prediction", "instances",
    "metrics", "report", "core",
)  # fmt: skip
"""In the order in which an image goes through them."""

METRIC_FUNCTIONS: dict[str, Any] = {
    "pixel_error": metrics.pixel_error, "pixel_error_f": metrics.pixel_error_f, "rand_error": metrics.rand_error,
    "warping_error": metrics.warping_error, "warping_error_challenge": metrics.warping_error_challenge,
    "v_rand": metrics.v_rand, "v_info": metrics.InformationSums.f_score, "pixel_accuracy": metrics.pixel_accuracy,
    "iou": metrics.iou, "dice": metrics.dice, "boundary_iou": metrics.boundary_iou,
    "hausdorff_95": metrics.hausdorff_95, "seg": metrics.seg, "det": metrics.det, "op_csb": metrics.op_csb,
    "ap_50": metrics.average_precision, "ap_75": metrics.average_precision,
    "ap_mean": metrics.mean_average_precision, "f1_50": matching.f1, "precision_50": matching.precision,
    "recall_50": matching.recall, "pq_50": metrics.panoptic_quality,
}  # fmt: skip
"""Where each metric is defined."""

PARTIAL_LOSSES = {
    "ms_ssim_unet3plus": "`ms_ssim` with the luminance at every scale (Huang et al. 2020, Eq. 3).",
    "cross_entropy_dice": "The sum of `cross_entropy` and `soft_dice`.",
}
"""Losses that are made of others and have no docstring of their own."""


def index() -> str:
    """The way into the reference."""
    return """
# Reference

- [Commands](commands.md): every verb with its options, defaults and exit codes
- [Python](python.md): every public function
- [Architectures](architectures.md): networks, presets and their parameter counts
- [Recipes](recipes.md): what a training does, setting by setting; weight maps
- [Losses](losses.md): definitions and sources
- [Metrics](metrics.md): definitions, directions, sources, empty cases
- [Augmentation](augmentation.md): what is varied in training, and test-time augmentation

[How-to](../how-to.md) shows them at work.
"""


def commands() -> str:
    """The command line."""
    app: Any = typer.main.get_command(make_app())
    parts = [
        "# Commands",
        line(app.help),
        options(app.params),
        "`-h` or `--help` after any verb says what is below. `overtile VERB` works on folders; the functions of the "
        "same names in [Python](python.md) work on folders and arrays.",
        "## Exit codes",
        table(
            ("code", "meaning"),
            [
                ("0", "done; also a training that Ctrl-C ended, which keeps the best network so far"),
                ("1", "`check` found what would stop a training, or `predict` could not segment every image"),
                ("2", "an error, said in one message, or a wrong command line"),
                ("130", "interrupted with Ctrl-C"),
            ],
        ),
    ]
    for name in VERBS:
        verb: Any = app.commands[name]
        parts += [f"## overtile {name}", line(verb.help), code(usage(name, verb.params)), options(verb.params)]
    return "\n\n".join(parts)


def usage(verb: str, params: Iterable[Any]) -> str:
    """What must be typed at least."""
    words = [f"overtile {verb}"]
    for param in params:
        name = param.name.upper()
        if not param.opts[0].startswith("-"):
            words.append(name if param.required else f"[{name}]")
        elif param.required:
            words.append(f"{min(param.opts, key=len)} {name}")
    return " ".join([*words, "[OPTIONS]"])


def options(params: Iterable[Any]) -> str:
    """A table of arguments and options."""
    rows = []
    for param in params:
        names = sorted([*param.opts, *param.secondary_opts], key=lambda name: name.startswith("--"))
        is_option = param.opts[0].startswith("-")
        shown_names = ", ".join(f"`{name}`" for name in names) if is_option else f"`{param.name.upper()}`"
        rows.append((shown_names, default_of(param), line(re.sub(r"\s*\[default: .*\]", "", param.help or ""))))
    return table(("option", "default", "meaning"), rows)


def default_of(param: Any) -> str:
    """A default as users write it."""
    stated = re.search(r"\[default: (.*)\]", param.help or "")
    if stated:
        return f"`{stated[1]}`"
    if param.required:
        return "must be given"
    if param.default is None or isinstance(param.default, bool):
        return "on" if param.default else ""
    return f"`{param.default}`"


def python() -> str:
    """The public functions."""
    public = {name: getattr(overtile, name) for name in overtile.__all__ if not name.startswith("_")}
    of_model = [name for name in vars(overtile.Model) if not name.startswith("_")]
    return "\n\n".join(
        [
            "# Python",
            "`import overtile` gives the verbs. It is light: PyTorch is loaded when it is first needed.",
            *(described(f"overtile.{name}", value) for name, value in public.items()),
            "## Methods of overtile.Model",
            *(described(f"Model.{name}", getattr(overtile.Model, name), level=3) for name in of_model),
            "## The rooms below",
            "Each room is a package, `overtile.ROOM`, whose functions work on arrays or tensors and can be used alone. "
            "Their docstrings hold shapes, units, sources and errors: `help(overtile.models.geometry)`.",
            *map(room, ROOMS),
        ]
    )


def room(name: str) -> str:
    """A table of the public names of a package."""
    package = importlib.import_module(f"overtile.{name}")
    rows = [(f"`{public}`", line(said_in(package, public))) for public in sorted(package.__all__, key=str.lower)]
    return f"### overtile.{name}\n\n{line(first(doc(package)))}\n\n{table(('name', 'what it is'), rows)}"


def architectures() -> str:
    """Networks and presets."""
    return "\n\n".join(
        [
            "# Architectures",
            "`--architecture NAME` and `overtile.models.build(name, in_channels, num_classes, **arguments)` take these "
            "names. Parameters are counted for one channel and two classes, everything else as by default.",
            table(
                ("architecture", "parameters", "stride", "halo", "tile-exact", "what it is"),
                [architecture_row(name) for name in models.ARCHITECTURES],
            ),
            "*Stride* and *halo* are in pixels; [Concepts](../concepts.md) says what they mean. A network is not "
            "tile-exact where something in it sees the whole tile; `overtile info` says so for each model.",
            *(described(name, builder) for name, builder in models.ARCHITECTURES.items()),
            "## Arguments that they share",
            "The defaults hold where the builder does not say otherwise. An argument that a builder does not take is "
            "refused.",
            layer_choices(),
            "## Presets",
            presets(),
        ]
    )


def architecture_row(name: str) -> tuple[str, ...]:
    """One line about an architecture as it is by default."""
    with torch.device("meta"):
        network = models.build(name, 1, 2)
    shape = models.geometry(network)
    return (
        f"[`{name}`](#{name})",
        f"{parameters(network):,}",
        f"{shape.stride[0]}",
        f"{max(*shape.halo, *shape.margin)}",
        "yes" if shape.tile_exact else "no",
        line(first(doc(models.ARCHITECTURES[name]))),
    )


def layer_choices() -> str:
    """The arguments that every builder hands to `Layers`."""
    said = entries(doc(Layers), "Attributes")
    rows = [
        (
            f"`{f.name}`",
            ", ".join(f"`{choice}`" for choice in get_args(NAMED.get(f.name))),
            f"`{f.default}`",
            taken_by(f.name),
            line(said[f.name]),
        )
        for f in fields(Layers)
    ]
    return table(("argument", "choices", "default", "taken by", "meaning"), rows)


def taken_by(argument: str) -> str:
    """The architectures that take an argument."""
    names = [f"`{name}`" for name in models.ARCHITECTURES if argument in models.arguments_of(name)]
    return "all" if len(names) == len(models.ARCHITECTURES) else ", ".join(names)


def presets() -> str:
    """The published networks with their parameter counts."""
    rows = []
    for name, one in models.PRESETS.items():
        with torch.device("meta"):
            network = models.preset(name, 1, 2)
        rows.append((f"`{name}`", f"`{one.architecture}`", f"{parameters(network):,}", line(one.source)))
    return "\n\n".join(
        [
            "Published networks, rebuilt exactly: `overtile.models.preset(name, in_channels, num_classes)`. "
            "`preset_arguments(name)` gives the architecture and its arguments, as a recipe holds them.",
            table(("preset", "architecture", "parameters", "what it is"), rows),
            "Not tile-exact are those with `align_corners=True`, with the classification-guided module "
            "(`unet3plus-cgm`) and with squeeze-excitation (`eff-unet-b0` to `eff-unet-b7`; the lite variants have "
            "none).",
        ]
    )


def parameters(network: torch.nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in network.parameters())


def recipes() -> str:
    """The settings of a training."""
    made = {name: target(make((1.0, 1.0))) for name, make in targets.WEIGHT_MAPS.items()}
    return "\n\n".join(
        [
            "# Recipes",
            "`--recipe NAME` chooses one, `--set NAME=VALUE` changes it; so does `overtile.recipe(name, **changes)`. "
            "The recipe that was used is in the model file.",
            settings(training.Recipe, training.RECIPES),
            "Where the images are smaller than `patch_px`, training takes smaller patches and as many more of them per "
            "step as keep the number of pixels, and says so.",
            "## Weight maps",
            "`weight_map` names one of these. With object ids the distances are those of the objects as annotated.",
            *(described(name, function, level=3) for name, function in made.items()),
        ]
    )


def settings(kind: type[Any], named: dict[str, Any]) -> str:
    """A table of the fields of a dataclass, with their values in several named instances."""
    said = entries(doc(kind), "Attributes")
    rows = [
        (f"`{f.name}`", *(f"`{getattr(one, f.name)}`" for one in named.values()), line(said[f.name]))
        for f in fields(kind)
    ]
    return table(("setting", *(f"`{name}`" for name in named), "meaning"), rows)


def loss_functions() -> str:
    """The losses."""
    combine = importlib.import_module("overtile.losses.combine")
    parts = [
        "# Losses",
        "`--set loss.NAME=FACTOR` trains with a weighted sum of these; `overtile.losses` holds them as "
        "functions of (logits, target, weight=None) that return a scalar. Pixels of weight 0 are ignored: whatever "
        "their target holds, they neither change the loss nor receive a gradient.",
    ]
    for name, loss in losses.LOSSES.items():
        text = PARTIAL_LOSSES.get(name) or constant(combine, name)
        parts.append(f"## {name}\n\n{prose(text)}" if text else described(name, loss))
    parts.append("## Several heads")
    parts += [
        described(function.__name__, function, level=3) for function in (losses.deep_supervision, losses.guidance)
    ]
    return "\n\n".join(parts)


def metric_definitions() -> str:
    """The metrics."""
    truth, found = np.array([[1, 1, 0, 1]]), np.array([[1, 1, 0, 0]])
    families = {task: metrics.score_image(truth, found, task=task).statistics for task in metrics.TASKS}
    rows = []
    for name, metric in metrics.METRICS.items():
        tasks = ", ".join(task for task, statistics in families.items() if metric.family in statistics)
        rows.append((f"[`{name}`](#{name})", GLOSSARY[name].title, metric.better, tasks))
    parts = [
        "# Metrics",
        "`overtile evaluate` gives every metric that the labels allow. *binary* means two classes; their 4-connected "
        "pieces are the objects.",
        table(("metric", "in words", "better", "labels"), rows),
        "`iou`, `dice`, `boundary_iou` and `hausdorff_95` are given per class and as the mean over the classes, "
        "background included.",
        line(doc(metrics.aggregate).split("\n\n")[1]).replace("FEW_IMAGES", str(FEW_IMAGES)),
        "A value that nothing measures, such as the Rand error of images without objects, is `null` in JSON and `-` in "
        "tables; what else happens in empty images stands below.",
    ]
    for name, function in METRIC_FUNCTIONS.items():
        definition = code(without(doc(function), "Args", "Raises"))
        parts += [f"## {name}", f"{GLOSSARY[name].title}. {line(GLOSSARY[name].definition)}", definition]
    return "\n\n".join(parts)


def augmentation() -> str:
    """What is varied in training, and test-time augmentation."""
    named = augment.AUGMENTATIONS
    said = constant(importlib.import_module("overtile.prediction.tta"), "TRANSFORMS")
    return "\n\n".join(
        [
            "# Augmentation",
            "`--set augmentation=NAME` chooses one. Image, labels and weights are deformed together, in one "
            "interpolation, on the device that trains.",
            f"`paper`: {line(constant(importlib.import_module('overtile.augment.compose'), 'PAPER'))}",
            "## Geometric",
            settings(augment.Geometric, {name: one.geometric for name, one in named.items()}),
            "## Intensity",
            "Images are normalised to about zero mean and unit standard deviation; amounts are in units of that "
            "standard deviation.",
            settings(augment.Intensity, {name: one.intensity for name, one in named.items()}),
            described("apply", augment.apply),
            "## Test-time augmentation",
            "`--tta NAME` averages the probabilities over turned and mirrored copies of each tile.",
            table(("name", "passes"), [(f"`{name}`", str(len(turns))) for name, turns in TRANSFORMS.items()]),
            line(said.split("\n\n")[1]),
        ]
    )


PAGES = {
    "index.md": index,
    "commands.md": commands,
    "python.md": python,
    "architectures.md": architectures,
    "recipes.md": recipes,
    "losses.md": loss_functions,
    "metrics.md": metric_definitions,
    "augmentation.md": augmentation,
}
"""The pages of docs/reference and what makes them."""


def pages() -> dict[str, str]:
    """The text of every page, by its file name."""
    return {name: f"{MADE}\n\n{make().strip()}\n" for name, make in PAGES.items()}


def write() -> None:
    """Write the pages that changed."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def on_config(config: Any) -> Any:
    """Write the pages when mkdocs starts, and put all pages into the order in which they are best read."""
    write()
    names = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    top = ["index.md", "tutorial.md", "concepts.md", "how-to.md"]
    top += [name for name in names if "/" not in name and name not in top]
    folders = {
        "Reference": [f"reference/{name}" for name in PAGES],
        "Decisions": [name for name in names if name.startswith("decisions/")],
    }
    config["nav"] = [*top, *({title: inside} for title, inside in folders.items() if inside)]
    return config


if __name__ == "__main__":
    write()
