"""What the reference takes from the source: docstrings, constants and signatures; and Markdown made of them."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

LINE = 100
"""Calls that are longer than this are written with one parameter per line."""


def target(function: Any) -> Any:
    """The function behind a partial application or a property."""
    if isinstance(function, property):
        return function.fget
    return function.func if isinstance(function, partial) else function


def doc(value: Any) -> str:
    """The docstring without indentation and doctest."""
    text = inspect.getdoc(target(value)) or ""
    return text.split("\n>>>")[0].rstrip()


def first(text: str) -> str:
    """The first sentence of a text."""
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", " ".join(text.split("\n\n")[0].split()))[0]


def without(text: str, *sections: str) -> str:
    """A docstring without some of its sections."""
    kept = [part for part in text.split("\n\n") if part.partition(":\n")[0] not in sections]
    return "\n\n".join(kept)


def entries(text: str, section: str) -> dict[str, str]:
    """The entries of a section of a docstring: name -> what is said about it."""
    after = text.partition(f"{section}:\n")[2]
    lines = textwrap.dedent(re.split(r"\n(?=\S)", after)[0])
    found = re.findall(r"^(\w+): (.*(?:\n[ ]+.*)*)", lines, re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in found}


def syntax(module: Any) -> ast.Module:
    """The parsed source of a module."""
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def constant(module: Any, name: str) -> str:
    """What is written under a constant of a module."""
    for statement, after in pairwise(syntax(module).body):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(after, ast.Expr):
            continue
        names = {ast.unparse(n) for n in ast.walk(statement) if isinstance(getattr(n, "ctx", None), ast.Store)}
        if name in names and isinstance(after.value, ast.Constant):
            return inspect.cleandoc(str(after.value.value))
    return ""


def said_in(package: Any, name: str) -> str:
    """What a package says about one of its public names, in one sentence."""
    value = getattr(package, name)
    if (inspect.isclass(value) or inspect.isfunction(value)) and doc(value):
        return first(doc(value))
    imports = [s for s in syntax(package).body if isinstance(s, ast.ImportFrom)]
    place = next(s.module for s in imports if name in {a.asname or a.name for a in s.names})
    return first(constant(importlib.import_module(str(place)), name))


def signature(name: str, value: Any) -> str:
    """A call as the source writes it."""
    function = inspect.unwrap(target(value))
    nodes: Iterable[Any] = syntax(importlib.import_module(function.__module__)).body
    for part in function.__qualname__.split("."):
        node = next(n for n in nodes if getattr(n, "name", None) == part)
        nodes = node.body
    parts = parameters_of(node.args)
    returns = ast.unparse(node.returns)
    one = f"{name}({', '.join(parts)}) -> {returns}"
    call = one if len(one) <= LINE else "\n".join([f"{name}(", *(f"    {part}," for part in parts), f") -> {returns}"])
    return call.replace("'", '"')


def parameters_of(arguments: ast.arguments) -> list[str]:
    """The parameters of a function, as they are written; `self` is left out."""

    def written(argument: ast.arg, default: ast.expr | None = None) -> str:
        annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
        return f"{argument.arg}{annotation}{f' = {ast.unparse(default)}' if default else ''}"

    missing = [None] * (len(arguments.args) - len(arguments.defaults))
    parts = [written(*pair) for pair in zip(arguments.args, [*missing, *arguments.defaults], strict=True)]
    parts = [part for part in parts if part != "self"]
    if arguments.kwonlyargs:
        keyword_only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        parts += ["*", *(written(*pair) for pair in keyword_only)]
    return [*parts, f"**{written(arguments.kwarg)}"] if arguments.kwarg else parts


def described(name: str, value: Any, *, level: int = 2) -> str:
    """A heading, the call, the first paragraph and the rest of the docstring."""
    is_call = not inspect.isclass(value) and not isinstance(value, property | cached_property)
    call = [code(signature(name.rpartition(".")[2], value), "python")] if is_call else []
    return "\n\n".join([f"{'#' * level} {name}", *call, prose(doc(value))])


def prose(text: str) -> str:
    """The first paragraph of a docstring as text, the rest as it stands, since it may hold equations."""
    head, _, rest = text.partition("\n\n")
    return "\n\n".join([line(head), *([code(rest)] if rest else [])])


def code(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"


def line(text: str) -> str:
    """Text in one line, with what Markdown would take for its own marks escaped outside of code."""
    parts = " ".join(text.split()).replace("|", r"\|").split("`")
    return "`".join(p if i % 2 else p.replace("<", "&lt;").replace("*", r"\*") for i, p in enumerate(parts))


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    heading = list(heading)
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))
