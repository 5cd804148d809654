"""The command line: one binary, one sub-command per verb."""

import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from overtile import __version__
from overtile.cli.check import check
from overtile.cli.compare import compare
from overtile.cli.convert import convert
from overtile.cli.evaluate import evaluate
from overtile.cli.export import export
from overtile.cli.import_weights import import_weights
from overtile.cli.info import info
from overtile.cli.mend import mend
from overtile.cli.models import models
from overtile.cli.predict import predict
from overtile.cli.prune import prune
from overtile.cli.suggest import suggest
from overtile.cli.synthesize import synthesize
from overtile.cli.train import train
from overtile.core import OvertileError

VERBS: dict[str, Callable[..., None]] = {
    "check": check,
    "mend": mend,
    "convert": convert,
    "train": train,
    "predict": predict,
    "suggest": suggest,
    "evaluate": evaluate,
    "compare": compare,
    "prune": prune,
    "models": models,
    "import-weights": import_weights,
    "export": export,
    "info": info,
    "synthesize": synthesize,
}
"""Every sub-command, in the order of a project."""

EXIT_ERROR, EXIT_INTERRUPTED = 2, 130


def version(show: bool) -> None:
    """Print the version and stop."""
    if show:
        typer.echo(f"overtile {__version__}")
        raise typer.Exit


def root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is done.")] = False,
    _version: Annotated[
        bool | None, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a handful of annotated images to a U-Net, and to segmentations of images of any size."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")


def make_app() -> typer.Typer:
    """The command-line application."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        rich_markup_mode=None,
    )
    app.callback()(root)
    for name, verb in VERBS.items():
        app.command(name)(verb)
    return app


def main() -> None:
    """Run the command line; errors that overtile raises on purpose are printed without a traceback."""
    try:
        make_app()()
    except OvertileError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"error: {error}")
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
