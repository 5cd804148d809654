"""What the documentation tells people to type works."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from overtile.cli.main import make_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[list[str]]:
    lines = [line for code in blocks(page, "", "bash", "sh") for line in code.replace("\\\n", " ").splitlines()]
    parts = [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]
    return [words for words in parts if words[:1] == ["overtile"]]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.stem)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an empty folder
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    # When the blocks of a page run one after the other, then none of them fails
    for number, code in enumerate(blocks(page, "python")):
        exec(compile(code, f"{page.name}, block {number}", "exec"), namespace)
    assert namespace


def test_printed_comments_are_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(ROOT / "docs" / "how-to.md", "python"))
    promised = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE) + re.findall(
        r"^    print\(.*\)  # (.*)$", code, re.MULTILINE
    )
    exec(compile(code, "how-to.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(promised) >= 4
    assert [line for line in promised if line not in printed] == []


@pytest.mark.parametrize(("page", "words"), [(p.stem, w) for p in PAGES for w in commands(p)], ids=" ".join)
def test_commands_are_accepted(page: str, words: list[str]) -> None:
    app: Any = typer.main.get_command(make_app())
    verb = app.commands[words[1]]
    context = verb.make_context(words[1], words[2:])  # parses; an unknown or missing option raises
    assert context.params


def test_there_are_commands_to_test() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20
