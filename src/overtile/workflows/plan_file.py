"""A plan as a TOML file, which can be read, changed, and trained by again."""

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from overtile.core import OptionError
from overtile.core.atomic import atomic_file
from overtile.runners import Precision
from overtile.training import Recipe
from overtile.workflows.plan import Plan

RUN = {"budget_s": (int, float), "steps": (int,), "seed": (int,), "precision": (str,)}
"""Entries of the table [run], and their types."""


@dataclass(frozen=True)
class StoredPlan:
    """What a plan file says.

    Attributes:
        recipe: all settings; none of them is fitted again.
        budget_s: time budget, or None.
        steps: number of steps, or None.
        seed: of everything random.
        precision: to compute in.
    """

    recipe: Recipe
    budget_s: float | None = None
    steps: int | None = None
    seed: int = 0
    precision: Precision | None = None


def write_plan(path: Path, plan: Plan, *, overwrite: bool = False) -> None:
    """Write a plan that `read_plan` reads, each line with its reason."""
    run = {"budget_s": plan.seconds, "steps": plan.steps, "seed": plan.seed, "precision": plan.precision}
    reasons = {choice.setting: choice.reason for choice in plan.choices}
    settings = asdict(plan.recipe)
    del settings["chosen"]
    tables = {name: settings.pop(name) for name in ("arguments", "loss")}
    lines = ["# overtile train DATA -o MODEL --plan FILE trains by this plan.", "", "[run]"]
    lines += _entries(run, {**reasons, "budget_s": reasons.get("budget", "")})
    lines += ["", "[recipe]", *_entries(settings, reasons)]
    for name, table in tables.items():
        known = {entry: reasons.get(f"{name}.{entry}", "") for entry in table}
        lines += ["", f"[recipe.{name}]", *_entries(table, known)]
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _entries(table: dict[str, Any], reasons: dict[str, str]) -> list[str]:
    """Lines of TOML; what is None is left out, since TOML has no word for it."""
    lines = []
    for name, value in table.items():
        if value is not None:
            reason = f"  # {reasons[name]}" if reasons.get(name) else ""
            lines.append(f"{name} = {json.dumps(value)}{reason}")
    return lines


def read_plan(path: Path) -> StoredPlan:
    """Read a plan file.

    Raises:
        OptionError: it cannot be read, or has entries that a plan has not.
        UnknownNameError: a setting of the recipe does not exist.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"the plan {path} cannot be read ({error}): write one with --plan-only") from error
    run, settings = content.get("run", {}), content.get("recipe", {})
    wrong = [name for name in content if name not in ("run", "recipe")]
    wrong += [f"run.{name}" for name, value in run.items() if not isinstance(value, RUN.get(name, ()))]
    if run.get("precision", "float32") not in get_args(Precision):
        wrong.append("run.precision")
    if wrong or not settings:
        raise OptionError(
            f"{path} is no plan: expected the tables [run] and [recipe] as --plan-only writes them"
            + (f", got {', '.join(wrong)}" if wrong else "")
        )
    loss = {"cross_entropy": 0.0} | settings.pop("loss", {})  # which a recipe has where nothing is said
    return StoredPlan(Recipe().changed(loss=loss, **settings), **run)
