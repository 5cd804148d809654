"""overtile: from a handful of annotated biomedical images to a U-Net, and to segmentations of images of any size.

    model = overtile.train("cells", "cells.overtile", budget="10m")
    labels = overtile.load("cells.overtile").predict(image)

`import overtile` is light: PyTorch is imported when it is first needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from overtile.core import OvertileError as OvertileError
    from overtile.data import check as check
    from overtile.data import from_arrays as from_arrays
    from overtile.data import load as read
    from overtile.training import recipe_named as recipe
    from overtile.workflows.compare import compare as compare
    from overtile.workflows.evaluate import evaluate as evaluate
    from overtile.workflows.evaluate import evaluate_predictions as evaluate_predictions
    from overtile.workflows.import_weights import Meaning as Meaning
    from overtile.workflows.import_weights import import_weights as import_weights
    from overtile.workflows.model import Model as Model
    from overtile.workflows.model import load as load
    from overtile.workflows.predict import predict as predict
    from overtile.workflows.protocol import Protocol as Protocol
    from overtile.workflows.prune import prune_model as prune_model
    from overtile.workflows.train import train as train

_PUBLIC = {
    "Meaning": ("overtile.workflows.import_weights", "Meaning"),
    "Model": ("overtile.workflows.model", "Model"),
    "OvertileError": ("overtile.core", "OvertileError"),
    "Protocol": ("overtile.workflows.protocol", "Protocol"),
    "check": ("overtile.data", "check"),
    "compare": ("overtile.workflows.compare", "compare"),
    "evaluate": ("overtile.workflows.evaluate", "evaluate"),
    "evaluate_predictions": ("overtile.workflows.evaluate", "evaluate_predictions"),
    "from_arrays": ("overtile.data", "from_arrays"),
    "import_weights": ("overtile.workflows.import_weights", "import_weights"),
    "load": ("overtile.workflows.model", "load"),
    "predict": ("overtile.workflows.predict", "predict"),
    "prune_model": ("overtile.workflows.prune", "prune_model"),
    "read": ("overtile.data", "load"),
    "recipe": ("overtile.training", "recipe_named"),
    "train": ("overtile.workflows.train", "train"),
}

__all__ = [
    "Meaning",
    "Model",
    "OvertileError",
    "Protocol",
    "__version__",
    "check",
    "compare",
    "evaluate",
    "evaluate_predictions",
    "from_arrays",
    "import_weights",
    "load",
    "predict",
    "prune_model",
    "read",
    "recipe",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'overtile' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
