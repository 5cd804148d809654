"""What the command line says about the time that is left."""

import time

import pytest

from overtile.cli.console import Bar


def test_the_time_left_follows_from_the_speed_of_this_attempt(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Bar("predicting", None)
    for now[0], fraction in ((101.0, 0.5), (121.0, 0.6)):  # half was done by an attempt that was interrupted
        progress.update(fraction, "slide")
    assert capsys.readouterr().out == "predicting  60%, 80 s left  slide\n"
