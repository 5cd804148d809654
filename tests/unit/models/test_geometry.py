"""Geometry against numbers by hand, and against the network itself: which outputs one input pixel reaches."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from overtile.core.errors import ShapeError
from overtile.models import Geometry, build, geometry
from overtile.models.tracing import UnknownOperationError


class Lit(nn.Module):
    """1 where there is light, 0 elsewhere; in place of normalisations and activations."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x)


def reached(model: nn.Module, size: int, pixels: list[int]) -> list[Any]:
    """Columns of the output that light up when one column of a black image is lit, for each of `pixels`.

    Every weight is positive and every bias zero, so that exactly what depends on the lit pixels is not black.
    """
    lighten(model)
    images = torch.zeros(len(pixels), 1, 32 if size >= 512 else size, size)
    for image, pixel in zip(images, pixels, strict=True):
        image[..., pixel] = 1
    with torch.no_grad():
        return [np.flatnonzero(y.numpy().sum((0, 1)) > 0) for part in images.split(8) for y in model.eval()(part)]


def lighten(model: nn.Module) -> None:
    for name, value in model.named_parameters():
        nn.init.constant_(value, 0 if name.endswith("bias") else 1 / max(value[0].numel(), 1))
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU | nn.ReLU6 | nn.SiLU | nn.BatchNorm2d):
                setattr(parent, name, Lit())


def check(model: nn.Module, size: int, *, exact: bool = True) -> Geometry:
    """Compare a network's geometry with what single pixels reach, along x, at all phases of the stride."""
    found = geometry(model, 1)
    stride, margin = found.stride[-1], found.margin[-1]
    first = (size // 2) // stride * stride
    pixels = [first + phase for phase in range(stride)]
    distances = np.concatenate(
        [out + margin - pixel for out, pixel in zip(reached(model, size, pixels), pixels, strict=True)]
    )
    assert 0 < -distances.min() < size // 2, "the image is too small for this test"
    assert distances.max() < size // 2 - margin, "the image is too small for this test"
    if exact:
        assert max(distances.max(), -distances.min(), margin) == found.halo[-1]
    else:
        assert max(distances.max(), -distances.min()) <= found.halo[-1]
    return found


SAME = {"padding": "same", "base_width": 1}


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("unet", SAME, 256),
        ("unet", SAME | {"upsampling": "bilinear"}, 320),
        ("unet", SAME | {"upsampling": "nearest_conv", "depth": 3}, 256),
        ("unet_plus_plus", {"base_width": 1, "depth": 3}, 256),
        ("unet3plus", {"base_width": 1, "depth": 3}, 256),
        ("residual_unet", {"base_width": 1}, 256),
        ("mobile_unet", {"width_multiplier": 0.1, "decoder_widths": [1, 8, 8, 8, 8]}, 640),
        ("eff_unet", {"width_multiplier": 0.1, "decoder_widths": [1] * 5}, 1280),
    ],
)
def test_halo_is_exactly_what_a_pixel_reaches(name: str, arguments: dict[str, Any], size: int) -> None:
    found = check(build(name, 1, 1, **arguments), size)
    assert found.tile_exact
    assert found.reason is None
    assert found.margin == (0, 0)
    assert found.output_size((7, 1)) == (7, 1)


@pytest.mark.parametrize(
    ("arguments", "size", "margin"),
    [
        ({"base_width": 1}, 508, 92),
        ({"base_width": 1, "depth": 2}, 200, 20),
        ({"base_width": 1, "depth": 2, "upsampling": "bilinear_conv"}, 200, 23),
    ],
)
def test_valid_networks(arguments: dict[str, Any], size: int, margin: int) -> None:
    model = build("unet", 1, 1, **arguments)
    found = geometry(model)
    assert found.margin == (margin, margin)
    assert found.tile_exact
    size = found.input_size((size - 2 * margin,) * 2)[0]
    check(model, size)
    for n in (found.smallest[0], found.smallest[0] + found.size_step[0]):
        output = model.eval()(torch.zeros(1, 1, n, n))
        assert output.shape[2:] == found.output_size((n, n))


def test_the_network_of_the_paper() -> None:
    with torch.device("meta"):
        found = geometry(build("unet", 1, 2))
    assert found.stride == (16, 16)
    assert found.margin == (92, 92)
    assert found.smallest == (188, 188)
    assert found.size_step == (16, 16)
    assert found.output_size((572, 188)) == (388, 4)
    assert found.input_size((388, 5)) == (572, 204)
    assert found.input_size((1, 4)) == (188, 188)
    assert found.nearest_sizes((512, 600)) == ((508, 588), (524, 604))
    assert found.nearest_sizes((572, 10)) == ((572, 188),)
    with pytest.raises(
        ShapeError, match=r"expected sizes of 188 \+ 16 k, got \(512, 572\): use \(508, 572\) or \(524, 572\)"
    ):
        found.output_size((512, 572))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("inside", [True, False])
def test_a_guided_network_without_values(ndim: int, inside: bool) -> None:
    with torch.device("meta"):
        model = build("unet3plus", 1, 2, base_width=2, depth=2, guidance="cgm", ndim=ndim)
        found = geometry(model) if inside else None
    found = found or geometry(model)
    plain = geometry(build("unet3plus", 1, 2, base_width=2, depth=2, ndim=ndim))
    assert (found.halo, found.stride, found.tile_exact) == (plain.halo, plain.stride, False)


def layer(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules)


class Joined(nn.Module):
    """Several things that other people's networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 1, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.one(x)
        coarse = self.up(self.one(self.pool(fine)))
        both = torch.cat([fine, coarse], 1).sum(1, keepdim=True)
        return torch.relu(both * 2 + x)[:, :, 1:-1, 1:-1] + torch.stack([x, x]).amax(0)[..., 1:-1, 1:-1]


@pytest.mark.parametrize(
    ("model", "halo", "stride"),
    [
        (layer(nn.Conv2d(1, 1, 5, padding=2)), 2, 1),
        (layer(nn.Conv2d(1, 1, 3, padding=4, dilation=4)), 4, 1),
        (layer(nn.Conv2d(1, 1, 1), nn.AvgPool2d(3, 1, 1)), 1, 1),
        (layer(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)), 1, 2),
        (layer(nn.Conv2d(1, 1, 1), nn.MaxPool2d(4), nn.Upsample(scale_factor=4, mode="bilinear")), 5, 4),
        (layer(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bicubic")), 4, 2),
        (layer(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest-exact")), 1, 2),
        (layer(nn.Conv2d(1, 4, 3, padding=1, stride=2), nn.PixelShuffle(2)), 2, 2),
        (layer(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(1, 1, 3, stride=2), nn.ConvTranspose2d(1, 1, 2, 2)), 2, 2),
        (layer(nn.ReflectionPad2d(2), nn.Conv2d(1, 1, 5)), 2, 1),
        (layer(nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 4, stride=2, padding=1)), 1, 1),
        (layer(nn.Conv2d(1, 1, 3), nn.Softmax(1), nn.Dropout(), nn.BatchNorm2d(1)), 1, 1),
        (Joined(), 5, 2),
    ],
)
def test_other_peoples_layers(model: nn.Module, halo: int, stride: int) -> None:
    found = geometry(model, 1)
    assert (found.halo, found.stride) == ((halo, halo), (stride, stride))
    assert found.tile_exact
    if not any(isinstance(m, nn.Softmax) or getattr(m, "mode", "") == "bicubic" for m in model.modules()):
        check(model, 64)  # softmax lights everything, and bicubic interpolation has negative weights


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("eff_unet", {"variant": "b0", "width_multiplier": 0.1}, r"global pooling \(mean\)"),
        ("unet3plus", {"base_width": 1, "depth": 2, "guidance": "cgm"}, r"global pooling \(adaptive_max_pool2d\)"),
        ("unet", SAME | {"norm": "instance"}, "takes its statistics from the whole map"),
        ("unet", SAME | {"norm": "group"}, r"native_group_norm\) takes its statistics from the whole map"),
        ("unet", SAME | {"upsampling": "bilinear", "align_corners": True}, "align_corners=True depends on the size"),
    ],
)
def test_networks_that_are_not_tile_exact_say_why(name: str, arguments: dict[str, Any], reason: str) -> None:
    found = geometry(build(name, 1, 1, **arguments))
    assert not found.tile_exact
    assert re.search(reason, str(found.reason))


@pytest.mark.parametrize("name", ["unet", "eff_unet"])
def test_what_is_not_tile_exact_does_change_far_away(name: str) -> None:
    torch.manual_seed(0)
    arguments = {"unet": {"padding": "same", "base_width": 4, "depth": 1, "norm": "instance"}}
    model = build(name, 1, 1, **arguments.get(name, {"variant": "b0", "width_multiplier": 0.1})).eval()
    image = torch.randn(1, 1, 32, 1280)
    other = image.clone()
    other[..., :8] += 3
    with torch.no_grad():
        assert not torch.equal(model(image)[..., -8:], model(other)[..., -8:])


@pytest.mark.parametrize(
    ("name", "arguments", "width", "tile"),
    [
        ("unet", {"padding": "same", "base_width": 2, "norm": "batch"}, 400, 48),
        ("unet", {"padding": "same", "base_width": 2, "upsampling": "bilinear"}, 500, 48),
        ("unet_plus_plus", {"base_width": 2}, 400, 48),
        ("unet3plus", {"base_width": 2, "depth": 3}, 400, 48),
        ("residual_unet", {"base_width": 2}, 203, 24),
    ],
)
def test_a_tile_with_its_halo_equals_the_whole(name: str, arguments: dict[str, Any], width: int, tile: int) -> None:
    torch.manual_seed(0)
    model = build(name, 1, 2, **arguments).eval()
    found = geometry(model)
    stride = found.stride[1]
    halo = -(-found.tile_halo[1] // stride) * stride
    image = torch.randn(1, 1, 40, width)
    with torch.no_grad():
        whole = model(image)
        for start in ((width // 2) // stride * stride, (width - 1) // stride * stride):
            before, stop = max(start - halo, 0), min(start + tile, width)
            part = model(image[..., before : min(start + tile + halo, width)])[..., start - before : stop - before]
            torch.testing.assert_close(part, whole[..., start:stop], atol=1e-4, rtol=1e-4)


def test_three_dimensions_and_axes_that_differ() -> None:
    found = geometry(
        layer(
            nn.Conv3d(1, 1, (1, 3, 5), padding=(0, 1, 2)), nn.MaxPool3d((1, 2, 2)), nn.Upsample(scale_factor=(1, 2, 2))
        )
    )
    assert found.halo == (0, 2, 3)
    assert found.stride == (1, 2, 2)
    assert geometry(build("unet", 1, 1, base_width=1, depth=1, ndim=3)).margin == (8, 8, 8)


def test_modes_are_left_as_they_were() -> None:
    model = build("unet", 1, 1, base_width=1, depth=1)
    model.encoder.eval()
    geometry(model)
    assert model.training
    assert model.head.training
    assert not model.encoder.training


class Turned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).flip(-1)


class Written(Turned):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y[..., 4:] = x[..., :-4]
        return y


class Pair(Turned):
    def forward(self, x: Tensor) -> Any:
        return self.conv(x), x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Turned(), r"cannot tell which pixels aten\.flip\.default reads"),
        (Pair(), "expected a network that returns one map, got tuple"),
        (Written(), r"aten\.copy_\.default writes into a part of a map"),
        (
            layer(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(1)),
            r"returns a map, got \(1, 1, 1, 1\) without the image's axes",
        ),
        (
            layer(nn.Conv2d(1, 1, 3, stride=2, padding=1)),
            r"expected one output pixel per input pixel, got one per \['2', '2'\]",
        ),
        (layer(nn.ReLU()), "expected a convolutional network, got Sequential without Conv2d or Conv3d"),
        (
            layer(nn.Conv2d(2, 1, 1), nn.Conv2d(7, 1, 1)),
            r"no input of 512 to 639 pixels and 2 channel\(s\) goes through",
        ),
    ],
)
def test_networks_without_a_geometry(model: nn.Module, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        geometry(model)


class Mixed(Turned):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[..., 1:, 1:] + nn.functional.max_pool2d(x, 2, 1) + x[..., ::2, ::2][..., :1, :1]


def test_maps_of_different_resolutions_are_not_joined() -> None:
    with pytest.raises(UnknownOperationError, match=r"add joins maps of the sizes .* one resolution were expected"):
        geometry(Mixed())
