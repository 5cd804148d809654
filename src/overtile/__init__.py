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
    from overtile.workflows.convert import convert as convert
    from overtile.workflows.evaluate import evaluate as evaluate
    from overtile.workflows.evaluate import evaluate_predictions as evaluate_predictions
    from overtile.workflows.export import export_model as export_model
    from overtile.workflows.folds import train_folds as train_folds
    from overtile.workflows.import_weights import Meaning as Meaning
    from overtile.workflows.import_weights import import_weights as import_weights
    from overtile.workflows.learning_curve import learning_curve as learning_curve
    from overtile.workflows.mend import mend as mend
    from overtile.workflows.model import Model as Model
    from overtile.workflows.model import load as load
    from overtile.workflows.options import TrainOptions as TrainOptions
    from overtile.workflows.predict import predict as predict
    from overtile.workflows.predict_options import PredictOptions as PredictOptions
    from overtile.workflows.protocol import Protocol as Protocol
    from overtile.workflows.prune import prune_model as prune_model
    from overtile.workflows.quantize import quantize_model as quantize_model
    from overtile.workflows.suggest import suggest as suggest
    from overtile.workflows.train import train as train

_PUBLIC = {
    "Meaning": ("overtile.workflows.import_weights", "Meaning"),
    "Model": ("overtile.workflows.model", "Model"),
    "OvertileError": ("overtile.core", "OvertileError"),
    "PredictOptions": ("overtile.workflows.predict_options", "PredictOptions"),
    "Protocol": ("overtile.workflows.protocol", "Protocol"),
    "TrainOptions": ("overtile.workflows.options", "TrainOptions"),
    "check": ("overtile.data", "check"),
    "compare": ("overtile.workflows.compare", "compare"),
    "convert": ("overtile.workflows.convert", "convert"),
    "evaluate": ("overtile.workflows.evaluate", "evaluate"),
    "evaluate_predictions": ("overtile.workflows.evaluate", "evaluate_predictions"),
    "export_model": ("overtile.workflows.export", "export_model"),
    "from_arrays": ("overtile.data", "from_arrays"),
    "import_weights": ("overtile.workflows.import_weights", "import_weights"),
    "learning_curve": ("overtile.workflows.learning_curve", "learning_curve"),
    "load": ("overtile.workflows.model", "load"),
    "mend": ("overtile.workflows.mend", "mend"),
    "predict": ("overtile.workflows.predict", "predict"),
    "prune_model": ("overtile.workflows.prune", "prune_model"),
    "quantize_model": ("overtile.workflows.quantize", "quantize_model"),
    "read": ("overtile.data", "load"),
    "recipe": ("overtile.training", "recipe_named"),
    "suggest": ("overtile.workflows.suggest", "suggest"),
    "train": ("overtile.workflows.train", "train"),
    "train_folds": ("overtile.workflows.folds", "train_folds"),
}

__all__ = [
    "Meaning",
    "Model",
    "OvertileError",
    "PredictOptions",
    "Protocol",
    "TrainOptions",
    "__version__",
    "check",
    "compare",
    "convert",
    "evaluate",
    "evaluate_predictions",
    "export_model",
    "from_arrays",
    "import_weights",
    "learning_curve",
    "load",
    "mend",
    "predict",
    "prune_model",
    "quantize_model",
    "read",
    "recipe",
    "suggest",
    "train",
    "train_folds",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'overtile' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
