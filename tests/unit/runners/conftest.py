"""Networks of every architecture, small and with statistics of their own."""

from typing import Any

import pytest
import torch
from torch import nn

from overtile.models import Ensemble, build

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "unet valid": ("unet", {"base_width": 2, "depth": 2}),
    "unet same": ("unet", {"base_width": 2, "depth": 2, "padding": "same", "norm": "batch"}),
    "unet group norm": ("unet", {"base_width": 4, "depth": 1, "padding": "same", "norm": "group"}),
    "unet bilinear": (
        "unet",
        {"base_width": 2, "depth": 2, "padding": "same", "upsampling": "bilinear", "align_corners": True},
    ),
    "unet_plus_plus": ("unet_plus_plus", {"base_width": 2, "depth": 2}),
    "unet3plus": ("unet3plus", {"base_width": 2, "depth": 2, "guidance": "cgm"}),
    "residual_unet": ("residual_unet", {"base_width": 2, "depth": 2}),
    "mobile_unet": ("mobile_unet", {"width_multiplier": 0.1}),
    "eff_unet": ("eff_unet", {"width_multiplier": 0.1, "variant": "b0"}),
}


def make(name: str, *, seed: int = 0) -> nn.Module:
    """A network in evaluation mode whose normalisations have seen a batch."""
    torch.manual_seed(seed)
    if name == "ensemble":
        return Ensemble([make("unet same", seed=0), make("unet same", seed=1)]).eval()
    architecture, arguments = NETWORKS[name]
    network = build(architecture, 2, 3, **arguments)
    with torch.no_grad():
        network.train()(torch.randn(2, 2, 64, 64))
    return network.eval()


@pytest.fixture(params=[*NETWORKS, "ensemble"])
def network(request: pytest.FixtureRequest) -> nn.Module:
    return make(request.param)
