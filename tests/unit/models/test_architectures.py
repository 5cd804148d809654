"""The six builders: parameter counts, sizes, gradients, options and errors."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from overtile.core.errors import ShapeError, UnknownNameError
from overtile.models import ARCHITECTURES, Guided, arguments_of, build, heads_of

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"base_width": 4, "depth": 2, "padding": "same", "norm": "batch"},
    "unet_plus_plus": {"base_width": 4, "depth": 3},
    "unet3plus": {"base_width": 4, "depth": 2, "guidance": "cgm"},
    "residual_unet": {"base_width": 4, "depth": 2},
    "mobile_unet": {"width_multiplier": 0.25},
    "eff_unet": {"width_multiplier": 0.25, "variant": "b0", "drop_connect": 0.0},
}


def small(name: str, in_channels: int = 2, num_classes: int = 3, **more: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(name, in_channels, num_classes, **SMALL[name] | more)


def parameters(name: str, in_channels: int, num_classes: int, **arguments: Any) -> int:
    with torch.device("meta"):
        model = build(name, in_channels, num_classes, **arguments)
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "channels", "arguments", "count"),
    [
        ("unet", (1, 1), {}, 31_030_593),
        ("unet", (1, 2), {}, 31_030_658),
        ("unet", (3, 1), {}, 31_031_745),
        ("unet", (3, 2), {}, 31_031_810),
        ("unet", (3, 10), {}, 31_032_330),
        ("unet", (3, 11), {}, 31_032_395),
        ("unet", (3, 2), {"norm": "batch", "conv_bias": True}, 31_043_586),
        ("unet", (1, 1), {"base_width": 32}, 7_759_521),
        ("unet", (1, 1), {"widths": [35, 70, 140, 280, 560]}, 9_282_246),
        ("unet", (3, 1), {"base_width": 32, "norm": "batch"}, 7_763_041),
        ("unet_plus_plus", (1, 1), {"norm": "none"}, 9_041_700),
        ("unet_plus_plus", (1, 1), {"norm": "none", "deep_supervision": False}, 9_041_601),
        *[
            ("unet_plus_plus", (1, 1), {"norm": "none", "pruned_to": level}, count)
            for level, count in ((1, 100_961), (2, 511_105), (3, 2_204_961), (4, 9_041_601))
        ],
        ("unet3plus", (3, 1), {"deep_supervision": False}, 26_971_777),
        ("unet3plus", (3, 1), {}, 26_989_637),
        ("unet3plus", (3, 1), {"guidance": "cgm"}, 26_991_687),
        ("unet3plus", (1, 1), {"deep_supervision": False}, 26_970_625),
        ("unet3plus", (1, 1), {}, 26_988_485),
        ("unet3plus", (1, 1), {"guidance": "cgm"}, 26_990_535),
        ("residual_unet", (3, 1), {}, 8_220_993),
        ("residual_unet", (3, 1), {"shortcut": "projection_norm"}, 8_223_809),
        ("residual_unet", (3, 1), {"upsampling": "transposed"}, 8_220_993 + 1_377_152),
        ("residual_unet", (3, 1), {"upsampling": "transposed", "shortcut": "convolution_norm"}, 13_043_009),
    ],
)
def test_parameter_counts(name: str, channels: tuple[int, int], arguments: dict[str, Any], count: int) -> None:
    assert parameters(name, *channels, **arguments) == count


def test_residual_unet_main_path_is_the_papers_7_8_million() -> None:
    with torch.device("meta"):
        model = build("residual_unet", 3, 1)
    shortcuts = sum(p.numel() for name, p in model.named_parameters() if ".shortcut." in name)
    assert sum(p.numel() for p in model.parameters()) - shortcuts == 7_789_313


@pytest.mark.parametrize(
    ("variant", "count", "blocks", "widths"),
    [
        ("b0", 3_595_388, 16, (16, 24, 40, 112, 320)),
        ("b1", 6_101_024, 23, (16, 24, 40, 112, 320)),
        ("b2", 7_202_562, 23, (16, 24, 48, 120, 352)),
        ("b3", 10_103_336, 26, (24, 32, 48, 136, 384)),
        ("b4", 16_742_216, 32, (24, 32, 56, 160, 448)),
        ("b5", 27_288_112, 39, (24, 40, 64, 176, 512)),
        ("b6", 39_403_992, 45, (32, 40, 72, 200, 576)),
        ("b7", 62_143_440, 55, (32, 48, 80, 224, 640)),
    ],
)
def test_efficientnet_encoders(variant: str, count: int, blocks: int, widths: tuple[int, ...]) -> None:
    with torch.device("meta"):
        encoder = build("eff_unet", 3, 2, variant=variant).encoder
    assert sum(p.numel() for p in encoder.parameters()) == count
    assert sum(type(m).__name__ == "InvertedResidual" for m in encoder.modules()) == blocks
    assert encoder.widths == (3, *widths)


def test_mobilenet_encoder() -> None:
    with torch.device("meta"):
        encoder = build("mobile_unet", 3, 2).encoder
    assert sum(p.numel() for p in encoder.parameters()) == 1_811_712
    assert encoder.widths == (3, 16, 24, 32, 96, 320)


def test_unet_2015_has_23_convolutions_and_maps_572_to_388() -> None:
    with torch.device("meta"):
        model = build("unet", 1, 2).eval()
        kinds = [type(m).__name__ for m in model.modules()]
        assert (kinds.count("Conv2d"), kinds.count("ConvTranspose2d")) == (19, 4)
        pyramid = model.encoder(torch.empty(1, 1, 572, 572))
        assert [tuple(m.shape[1:]) for m in pyramid] == [
            (64, 568, 568),
            (128, 280, 280),
            (256, 136, 136),
            (512, 64, 64),
            (1024, 28, 28),
        ]
        assert [m.shape[-1] for m in model.decoder(pyramid)] == [388, 196, 100, 52, 28]
        for size, out in ((188, 4), (204, 20), (284, 100), (444, 260), (700, 516)):
            assert model(torch.empty(1, 1, size, 572)).shape == (1, 2, out, 388)


def test_dropout_closes_the_contracting_path() -> None:
    model = build("unet", 1, 2, base_width=4)
    places = [name for name, m in model.named_modules() if isinstance(m, nn.Dropout)]
    assert places == ["encoder.stages.3.2", "encoder.stages.4.2"]
    assert all(m.p == 0.5 for m in model.modules() if isinstance(m, nn.Dropout))


def test_he_initialisation_of_convolutions_and_transposed_convolutions() -> None:
    torch.manual_seed(0)
    model = build("unet", 1, 2, base_width=32, depth=2)
    convs = {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)}
    conv, up = convs["encoder.stages.1.1.1.0"], convs["decoder.merges.0.up.0"]
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)
    assert up.weight.std().item() == pytest.approx((2 / (4 * 64)) ** 0.5, rel=0.03)
    assert all(torch.count_nonzero(c.bias) == 0 for c in convs.values())


@pytest.mark.parametrize("size", [188, 220])
def test_valid_bilinear_upsampling_uses_no_pixel_twice_at_the_edge(size: int) -> None:
    model = build("unet", 1, 2, base_width=4, upsampling="bilinear_conv").eval()
    if size == 188:
        with pytest.raises(ShapeError, match=r"expected sizes of 220 \+ 16 k per axis, got \(188, 188\).* 188 to 220"):
            model(torch.zeros(1, 1, size, size))
    else:
        assert model(torch.zeros(1, 1, size, size)).shape[2:] == (6, 6)


def test_valid_network_names_the_nearest_sizes() -> None:
    model = build("unet", 1, 2, base_width=4)
    with pytest.raises(ShapeError, match=r"188 \+ 16 k per axis, got \(512, 188\).* 512 to 508 or 524"):
        model(torch.zeros(1, 1, 512, 188))


def test_wrong_channels_are_named() -> None:
    with pytest.raises(ShapeError, match=r"expected images \(batch, 2, \*size\), got \(1, 3, 8, 8\)"):
        small("unet")(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_any_size(name: str) -> None:
    model = small(name).eval()
    with torch.no_grad():
        for size in ((1, 1), (1, 37), (33, 50), (64, 32)):
            assert model(torch.randn(1, 2, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("name", "norm"),
    [("unet", "instance"), ("unet_plus_plus", "group"), ("unet3plus", "none"), ("residual_unet", "batch")],
)
def test_three_dimensions_and_norms(name: str, norm: str) -> None:
    model = small(name, ndim=3, norm=norm).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 2, 3, 9, 4)).shape == (1, 3, 3, 9, 4)
        assert model(torch.randn(1, 2, 1, 1, 1)).shape == (1, 3, 1, 1, 1)


@pytest.mark.parametrize("name", ["mobile_unet", "eff_unet"])
def test_inverted_encoders_in_three_dimensions(name: str) -> None:
    with torch.device("meta"):
        model = small(name, ndim=3).eval()
        assert model(torch.empty(1, 2, 5, 33, 4)).shape == (1, 3, 5, 33, 4)


def loss_of(output: Any) -> Tensor:
    heads = heads_of(output)
    if isinstance(heads, Guided):
        return sum(h.square().sum() for h in heads.logits) + heads.guidance.square().sum()
    return sum((h.square().sum() for h in heads), torch.zeros(()))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_reach_every_parameter(name: str) -> None:
    model = small(name)
    loss_of(model(torch.randn(2, 2, 64, 64))).backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert dead == []
    assert sum(bool(p.grad.abs().sum() > 0) for p in model.parameters()) > 0.95 * len(list(model.parameters()))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_evaluation_is_deterministic_and_takes_channels_last_and_bfloat16(name: str) -> None:
    model = small(name).eval()
    image = torch.randn(1, 2, 40, 33)
    with torch.no_grad():
        expected = model(image)
        assert torch.equal(model(image), expected)
        last = model.to(memory_format=torch.channels_last)(image.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last, expected, atol=1e-3, rtol=1e-3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = model(image)
    assert low.isfinite().all()
    assert (low.float() - expected).abs().mean() < 0.1 * expected.abs().mean() + 0.1


@pytest.mark.usefixtures("as_installed")
def test_unknown_names_are_answered_with_the_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown architecture 'unett': did you mean 'unet'"):
        build("unett", 1, 2)
    with pytest.raises(UnknownNameError, match="unknown argument of unet 'base_widht': did you mean 'base_width'"):
        build("unet", 1, 2, base_widht=8)
    with pytest.raises(UnknownNameError, match="unknown argument of unet3plus 'after_up'"):
        build("unet3plus", 1, 2, after_up="activation")
    with pytest.raises(UnknownNameError, match="unknown norm 'bath': did you mean 'batch'"):
        build("unet", 1, 2, norm="bath")
    with pytest.raises(UnknownNameError, match="unknown variant 'b8'"):
        build("eff_unet", 1, 2, variant="b8")
    with pytest.raises(UnknownNameError, match="unknown mode 'acurate': did you mean 'accurate'"):
        build("unet_plus_plus", 1, 2, mode="acurate")
    with pytest.raises(UnknownNameError, match="unknown guidance 'cmg'"):
        build("unet3plus", 1, 2, guidance="cmg")
    with pytest.raises(UnknownNameError, match="unknown upsampling 'transposed'"):
        build("unet3plus", 1, 2, upsampling="transposed")
    with pytest.raises(UnknownNameError, match="unknown shortcut 'conv'"):
        build("residual_unet", 1, 2, shortcut="conv")


def test_impossible_arguments() -> None:
    with pytest.raises(ValueError, match="ndim must be 2 or 3, got 4"):
        build("unet", 1, 2, ndim=4)
    with pytest.raises(ValueError, match="pruned_to between 1 and the depth 4, got 5"):
        build("unet_plus_plus", 1, 2, pruned_to=5)
    with pytest.raises(ValueError, match="guidance='cgm' was given with deep_supervision=False"):
        build("unet3plus", 1, 2, guidance="cgm", deep_supervision=False)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_arguments_are_listed(name: str) -> None:
    assert set(SMALL[name]) | {"ndim", "norm", "upsampling"} <= set(arguments_of(name))


def test_options_change_the_network() -> None:
    image = torch.randn(1, 1, 32, 32)
    outputs = []
    for options in (
        {},
        {"upsampling": "bilinear_conv"},
        {"upsampling": "nearest_conv"},
        {"upsampling": "bilinear", "align_corners": True},
        {"activation": "leaky_relu"},
        {"activation": "silu"},
        {"after_up": "activation"},
        {"skip_order": "up_first"},
    ):
        torch.manual_seed(0)
        outputs.append(build("unet", 1, 1, base_width=4, depth=2, padding="same", **options).eval()(image))
    for one, other in itertools.combinations(outputs, 2):
        assert not torch.allclose(one, other)
