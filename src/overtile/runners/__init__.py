"""How a saved network is executed."""

from overtile.runners.torch import (
    Precision,
    TorchRunner,
    fold_batch_norm,
    has_bfloat16_units,
    pick_device,
    pick_precision,
)

__all__ = ["Precision", "TorchRunner", "fold_batch_norm", "has_bfloat16_units", "pick_device", "pick_precision"]
