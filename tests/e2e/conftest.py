"""The command line, run as a user types it, in one process."""

import sys
from dataclasses import dataclass

import pytest

from overtile.cli.main import main


@dataclass(frozen=True)
class Outcome:
    code: int
    text: str


@pytest.fixture
def overtile(monkeypatch, capsys, tmp_path):
    """Run `overtile ARGUMENTS` in an empty folder; give its exit status and all that it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["overtile", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, " ".join((captured.out + captured.err).split()))

    return run
