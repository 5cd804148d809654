"""Import libraries that would otherwise report to their makers."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from overtile.core import OptionError

PACKAGES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime", "int8": "nncf"}
"""What each runner, and making one of integers, needs: the first is always there, the others are extras of these names."""


def is_installed(runner: str) -> bool:
    """Whether the package that a runner needs is here."""
    return find_spec(PACKAGES[runner]) is not None


def require(runner: str) -> None:
    """Stop where a runner's package is missing.

    Raises:
        OptionError: it is not installed.
    """
    if not is_installed(runner):
        raise OptionError(f'{PACKAGES[runner]} is not installed: pip install "overtile[{runner}]"')


def import_openvino() -> Any:
    """OpenVINO without `openvino_telemetry`, which counts its imports and writes to the home folder.

    OpenVINO has a substitute that does nothing for where that package is missing; here it is made to seem missing.

    Raises:
        OptionError: OpenVINO is not installed.
    """
    require("openvino")
    modules: dict[str, Any] = sys.modules
    modules.setdefault("openvino_telemetry", None)
    return import_module("openvino")


def import_onnxruntime() -> Any:
    """ONNX Runtime with its telemetry switched off, which it reads from the environment when it is imported.

    Raises:
        OptionError: ONNX Runtime is not installed.
    """
    require("onnx")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return import_module("onnxruntime")
