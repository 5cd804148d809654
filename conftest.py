"""Test-wide set-up: annotations are checked while testing, and the real data are found."""

import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from jaxtyping import install_import_hook

install_import_hook("overtile", "beartype.beartype")


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Switch the checks of annotations off: wrong values reach the code's own checks, and compilers see the code."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real annotated images; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("OVERTILE_DATA", Path(__file__).parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder} (set OVERTILE_DATA)")
    return folder
