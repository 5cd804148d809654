"""Test-wide set-up: annotations are checked while testing, and the real data are found."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("overtile", "beartype.beartype")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real annotated images; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("OVERTILE_DATA", Path(__file__).parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder} (set OVERTILE_DATA)")
    return folder
