"""The reference is complete, and is what the code says today."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from overtile.augment import AUGMENTATIONS
from overtile.cli.main import make_app
from overtile.data import LAYOUTS
from overtile.losses import LOSSES
from overtile.metrics import METRICS
from overtile.models import ARCHITECTURES, PRESETS
from overtile.prediction.tta import TRANSFORMS
from overtile.targets import WEIGHT_MAPS
from overtile.training import RECIPES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_pages_are_fresh(generate: ModuleType) -> None:
    made = generate.pages()
    stored = {page.name: page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")}
    stale = [name for name in made | stored if made.get(name) != stored.get(name)]
    assert stale == [], "run: python docs/generate.py"


@pytest.mark.parametrize(
    "names",
    [ARCHITECTURES, PRESETS, LOSSES, METRICS, RECIPES, AUGMENTATIONS, WEIGHT_MAPS, TRANSFORMS, LAYOUTS],
    ids=["architectures", "presets", "losses", "metrics", "recipes", "augmentations", "weight maps", "tta", "layouts"],
)
def test_every_name_is_documented(names: dict[str, Any], documentation: str) -> None:
    words = set(re.findall(r"(?:`|^#+ )([\w-]+)(?:`|$)", documentation, re.MULTILINE))
    assert sorted(set(names) - words) == []


def test_every_option_is_documented(documentation: str) -> None:
    app: Any = typer.main.get_command(make_app())
    options = {
        name
        for command in (app, *app.commands.values())
        for param in command.params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }
    assert len(options) > 20
    assert sorted(name for name in options if f"`{name}`" not in documentation) == []


def test_parameter_counts_of_the_papers(documentation: str) -> None:
    # The numbers themselves, so that a change of a network does not pass by making the pages anew.
    for name, count in {"unet-2015": "31,030,658", "unet-milesial": "31,036,546", "unet3plus": "26,973,506"}.items():
        assert re.search(rf"^\| `{name}` \| `\w+` \| {count} \|", documentation, re.MULTILINE), name


def test_a_stale_page_would_be_found(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOSSES, "made_up", LOSSES["focal"])
    assert "## made_up" in generate.loss_functions()
