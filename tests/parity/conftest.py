"""Reference numbers from independent implementations, where the machine has them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def oracle() -> Callable[[str], tuple[dict[str, Any], dict[str, Any]]]:
    """Load `name`.npz: its arrays and its meta data; skips where the file is absent."""

    def load(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        data = ROOT / os.environ.get("OVERTILE_DATA", "../shared/data")
        path = data.parent / "oracles" / f"{name}.npz"
        if not path.exists():
            pytest.skip(f"reference file {path.name} is not on this machine (looked in {path.parent})")
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        return arrays, json.loads(arrays.pop("meta_json").tobytes())

    return load
