"""What the tests of the documentation share: its pages, and the generator of the reference."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    """docs/generate.py, which is no part of the package."""
    sys.path.insert(0, str(DOCS))
    try:
        specification = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


@pytest.fixture(scope="session")
def documentation() -> str:
    """All that users can read, in one text."""
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted([ROOT / "README.md", *DOCS.rglob("*.md")]))
