"""Pruned U-Net++: smaller, and bit for bit the head that was kept."""

import pytest
import torch

from overtile.core.errors import ShapeError
from overtile.models import build, preset, prune, summary


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(32, 48), (21, 30)])
def test_pruned_output_is_that_head(depth: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    arguments = {"base_width": 2, "upsampling": "bilinear"}
    model = build("unet_plus_plus", 1, 2, **arguments).eval()
    image = torch.randn(1, 1, *size)
    model.training = True
    with torch.no_grad():
        expected = model(image)[depth - 1]
    model.training = False

    small = prune(model, depth)

    with torch.no_grad():
        assert torch.equal(small(image), expected)
    rebuilt = build("unet_plus_plus", 1, 2, **arguments, pruned_to=depth).eval()
    rebuilt.load_state_dict(small.state_dict())
    assert torch.equal(rebuilt(image), expected)


def test_pruning_drops_parameters_and_leaves_the_original_alone() -> None:
    model = preset("unet-plus-plus-aitech", 3, 1)
    counts = [408_833, 2_070_401, 8_932_865, 36_629_633]
    multiply_adds = [2.225e9, 5.792e9, 11.398e9, 19.382e9]
    for depth, (count, macs) in enumerate(zip(counts, multiply_adds, strict=True), start=1):
        cost = summary(prune(model, depth), (96, 96))
        assert cost.parameters == count
        assert cost.multiply_adds == pytest.approx(macs, rel=2e-4)
    assert sum(p.numel() for p in model.parameters()) == 36_629_828


def test_what_cannot_be_pruned_is_named() -> None:
    with pytest.raises(ShapeError, match="build it with deep_supervision=True"):
        prune(build("unet", 1, 2, base_width=2, depth=1), 1)
    with pytest.raises(ShapeError, match="depth between 1 and 2, got 3"):
        prune(build("unet_plus_plus", 1, 2, base_width=2, depth=2), 3)
