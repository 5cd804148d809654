"""What all pages have in common: how templates become text, and text a file."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from overtile.core.atomic import atomic_file, refuse_overwrite

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str, **filters: Callable[..., str]) -> Template:
    """A template of this folder; what goes into it is escaped, and a name that it does not get is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)


def write_page(path: str | Path, render: Callable[[], str], *, overwrite: bool) -> None:
    """Write a page; names that are no valid text are shown with escapes.

    Args:
        path: the file to write.
        render: gives the page, after it is clear that it may be written.
        overwrite: replace the file if it exists.

    Raises:
        OutputExistsError: the file exists and may not be overwritten.
    """
    refuse_overwrite(Path(path), overwrite=overwrite)
    page = render()
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(page.encode("utf-8", errors="backslashreplace"))
