"""overtile: from a handful of annotated biomedical images to a U-Net, and to segmentations of images of any size.

    model = overtile.train("cells", "cells.overtile", budget="10m")
    labels = overtile.load("cells.overtile").predict(image)

`import overtile` is light: PyTorch is imported when it is first needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from overtile.data import check as check
    from overtile.data import from_arrays as from_arrays
    from overtile.data import load as read
    from overtile.training import recipe_named as recipe
    from overtile.workflows.evaluate import evaluate as evaluate
    from overtile.workflows.evaluate import evaluate_predictions as evaluate_predictions
    from overtile.workflows.model import Model as Model
    from overtile.workflows.model import load as load
    from overtile.workflows.predict import predict as predict
    from overtile.workflows.train import train as train

_PUBLIC = {
    "Model": ("overtile.workflows.model", "Model"),
    "check": ("overtile.data", "check"),
    "evaluate": ("overtile.workflows.evaluate", "evaluate"),
    "evaluate_predictions": ("overtile.workflows.evaluate", "evaluate_predictions"),
    "from_arrays": ("overtile.data", "from_arrays"),
    "load": ("overtile.workflows.model", "load"),
    "predict": ("overtile.workflows.predict", "predict"),
    "read": ("overtile.data", "load"),
    "recipe": ("overtile.training", "recipe_named"),
    "train": ("overtile.workflows.train", "train"),
}

__all__ = [  # noqa: PLE0604 - the names are made on first use
    *_PUBLIC,
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'overtile' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
