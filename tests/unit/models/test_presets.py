"""Published networks: parameter counts and what tells them apart."""

import pytest
import torch
from torch import nn

from overtile.core.errors import UnknownNameError
from overtile.models import ARCHITECTURES, PRESETS, arguments_of, build, geometry, preset, preset_arguments, summary


@pytest.mark.parametrize(
    ("name", "channels", "count"),
    [
        ("unet-2015", (1, 2), 31_030_658),
        ("unet-2015-caffe", (1, 2), 31_100_354),
        ("unet-aitech", (3, 11), 30_953_867),
        ("unet-bpius", (3, 2), 31_045_506),
        ("unet-jasonlee", (3, 10), 31_032_330),
        ("unet-milesial", (3, 2), 31_037_698),
        ("unet-milesial-bilinear", (3, 2), 17_263_042),
        ("unet-plus-plus-keras", (1, 1), 9_041_700),
        ("unet-plus-plus-aitech", (3, 1), 36_629_828),
        ("unet3plus", (3, 1), 26_971_777),
        ("unet3plus-deepsup", (3, 1), 26_989_637),
        ("unet3plus-cgm", (3, 1), 26_991_687),
        ("residual-unet-2018", (3, 1), 8_220_993),
    ],
)
def test_parameter_counts(name: str, channels: tuple[int, int], count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in preset(name, *channels).parameters()) == count


def test_the_nested_write_up_at_the_papers_width() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in preset("unet-plus-plus-aitech", 3, 1, width=32).parameters()) == 9_163_428


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_an_architecture_with_arguments(name: str) -> None:
    architecture, arguments = preset_arguments(name, width=4)
    assert architecture in ARCHITECTURES
    assert set(arguments) <= set(arguments_of(architecture))
    with torch.device("meta"):
        small, full = preset(name, 2, 3, width=4), preset(name, 2, 3)
        assert (small.in_channels, small.num_classes) == (2, 3)
        rebuilt = build(architecture, 2, 3, **arguments).state_dict()
    assert {k: v.shape for k, v in small.state_dict().items()} == {k: v.shape for k, v in rebuilt.items()}
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in full.parameters())


def test_jasonlee_without_its_unregistered_up_convolutions() -> None:
    with torch.device("meta"):
        model = preset("unet-jasonlee", 3, 10)
    ups = sum(p.numel() for m in model.modules() if isinstance(m, nn.ConvTranspose2d) for p in m.parameters())
    assert sum(p.numel() for p in model.parameters()) - ups == 28_246_090


def test_keras_network_drops_out_after_every_convolution() -> None:
    with torch.device("meta"):
        model = preset("unet-plus-plus-keras", 1, 1)
    assert sum(isinstance(m, nn.Dropout) for m in model.modules()) == 2 * 15


def test_efficientnet_is_normalised_as_in_tensorflow() -> None:
    with torch.device("meta"):
        norms = [m for m in preset("eff-unet-b0", 3, 2).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("unet-2015", True),
        ("unet3plus", True),
        ("eff-unet-lite0", True),
        ("eff-unet-b0", False),
        ("unet3plus-cgm", False),
    ],
)
def test_tile_exactness(name: str, exact: bool) -> None:
    with torch.device("meta"):
        assert geometry(preset(name, 1, 2, width=4)).tile_exact is exact


def test_unknown_preset() -> None:
    with pytest.raises(UnknownNameError, match="unknown preset 'unet2015': did you mean 'unet-2015'"):
        preset("unet2015", 1, 2)


def test_summary_counts_multiply_adds() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(4, 2, 2, stride=2))
    cost = summary(model, (6, 8))
    assert cost.parameters == 3 * 4 * 9 + 4 + 4 * 2 * 4 + 2
    assert cost.multiply_adds == 48 * 4 * 3 * 9 + 48 * 4 * 2 * 4
    assert summary(build("unet", 1, 2, base_width=2)).input_size == (444, 444)
