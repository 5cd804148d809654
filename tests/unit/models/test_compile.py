"""Networks go through torch.compile in one graph and through torch.export with sizes left open."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from overtile.models import Guided, architectures, build, heads_of, inverted
from overtile.models.inverted import EFFICIENTNET_B0, MOBILENET_V2, Stage

NETWORKS: list[tuple[str, dict[str, Any], int]] = [
    ("unet", {"base_width": 2, "depth": 2, "padding": "same", "norm": "batch"}, 4),
    ("unet_plus_plus", {"base_width": 2, "depth": 2}, 4),
    ("unet3plus", {"base_width": 2, "depth": 2, "guidance": "cgm"}, 4),
    ("residual_unet", {"base_width": 2, "depth": 2}, 4),
    ("mobile_unet", {"width_multiplier": 0.1}, 32),
    ("eff_unet", {"width_multiplier": 0.1, "variant": "b0"}, 32),
]


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One block per row of the papers' tables, two in the second, which has a residual; compiling takes a while."""

    def cut(table: tuple[Stage, ...]) -> tuple[Stage, ...]:
        return tuple(replace(stage, repeats=2 if i == 1 else 1) for i, stage in enumerate(table))

    monkeypatch.setattr(architectures, "MOBILENET_V2", cut(MOBILENET_V2))
    monkeypatch.setattr(inverted, "EFFICIENTNET_B0", cut(EFFICIENTNET_B0))


@pytest.mark.usefixtures("as_installed", "shallow")
@pytest.mark.parametrize(("name", "arguments", "stride"), NETWORKS)
def test_compiles_in_one_graph(name: str, arguments: dict[str, Any], stride: int) -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = build(name, 1, 2, **arguments)
    image = torch.randn(2, 1, stride + 1, stride)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    heads = heads_of(compiled(image))
    assert isinstance(heads, Guided) == ("guidance" in arguments)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(compiled(image), model(image))


@pytest.mark.usefixtures("as_installed", "shallow")
@pytest.mark.parametrize(("name", "arguments", "stride"), NETWORKS)
def test_exports_with_open_sizes(name: str, arguments: dict[str, Any], stride: int) -> None:
    torch.manual_seed(0)
    model = build(name, 1, 2, **arguments).eval()
    sizes = {
        2: stride * torch.export.Dim("rows", min=2, max=64),
        3: stride * torch.export.Dim("columns", min=2, max=64),
    }
    image = torch.randn(1, 1, 2 * stride, 3 * stride)
    exported = torch.export.export(model, (image,), dynamic_shapes=(sizes,)).module()
    other = torch.randn(1, 1, 4 * stride, 2 * stride)
    with torch.no_grad():
        torch.testing.assert_close(exported(other), model(other))
