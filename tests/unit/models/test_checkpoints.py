"""Weights from elsewhere: other people's U-Nets, and ImageNet encoders in the layouts of timm and torchvision."""

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from overtile.core.errors import ModelFileError
from overtile.models import build, load_foreign_state, load_imagenet, preset, read_checkpoint
from overtile.models.inverted import EFFICIENTNET_B0, MOBILENET_V2


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.5 if name.endswith("var") else torch.randn(value.shape) * 0.2)
    return module.eval()


def conv_bn(i: int, o: int, *, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=bias), nn.BatchNorm2d(o), nn.ReLU())


class MilesialPart(nn.Module):
    """A module with one child, as that repository nests them."""

    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)

    @staticmethod
    def double(i: int, o: int) -> "MilesialPart":
        pair = (*conv_bn(i, o, bias=False), *conv_bn(o, o, bias=False))
        return MilesialPart(double_conv=nn.Sequential(*pair))


class Milesial(nn.Module):
    """The names and the order of milesial/Pytorch-UNet."""

    def __init__(self, w: int = 4) -> None:
        super().__init__()
        self.inc = MilesialPart.double(1, w)
        for i in range(1, 5):
            down = nn.Sequential(nn.MaxPool2d(2), MilesialPart.double(w * 2 ** (i - 1), w * 2**i))
            self.add_module(f"down{i}", MilesialPart(maxpool_conv=down))
        for i in range(1, 5):
            o = w * 2 ** (4 - i)
            up = MilesialPart(up=nn.ConvTranspose2d(2 * o, o, 2, 2), conv=MilesialPart.double(2 * o, o))
            self.add_module(f"up{i}", up)
        self.outc = MilesialPart(conv=nn.Conv2d(w, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.inc.double_conv(x)]
        for i in range(1, 5):
            pool, double = getattr(self, f"down{i}").maxpool_conv
            skips.append(double.double_conv(pool(skips[-1])))
        x = skips.pop()
        for i in range(1, 5):
            part = getattr(self, f"up{i}")
            x = part.conv.double_conv(torch.cat([skips.pop(), part.up(x)], 1))
        return self.outc.conv(x)


class Lecture(nn.Module):
    """The AITech write-up's channels; `ups_last` registers the up-convolutions after everything else."""

    def __init__(self, w: int = 4, *, ups_last: bool) -> None:
        super().__init__()
        widths = [1, *(w * 2**i for i in range(5))]
        self.enc = nn.ModuleList(nn.ModuleList([conv_bn(i, o), conv_bn(o, o)]) for i, o in pairwise(widths))
        outs = [8 * w, 4 * w, w, w]
        ups = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 2, 2) for i, o in zip([16 * w, *outs[:-1]], [8 * w, 4 * w, 2 * w, w], strict=True)
        )
        if not ups_last:
            self.ups = ups
        self.dec = nn.ModuleList(
            nn.ModuleList([conv_bn(2 * m, m), conv_bn(m, o)])
            for m, o in zip([8 * w, 4 * w, 2 * w, w], outs, strict=True)
        )
        self.head = nn.Conv2d(w, 2, 1)
        if ups_last:
            self.ups = ups

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, (first, second) in enumerate(self.enc):
            x = second(first(F.max_pool2d(x, 2) if level else x))
            skips.append(x)
        skips.pop()
        for up, (first, second) in zip(self.ups, self.dec, strict=True):
            x = second(first(torch.cat([up(x), skips.pop()], 1)))
        return self.head(x)


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        (Milesial(), "unet-milesial"),
        (Lecture(ups_last=False), "unet-aitech"),
        (Lecture(ups_last=True), "unet-aitech"),
    ],
)
def test_other_peoples_unets(theirs: nn.Module, name: str) -> None:
    shaken(theirs)
    ours = preset(name, 1, 2, width=4).eval()
    names = load_foreign_state(ours, theirs.state_dict())
    assert set(names) == {k for k in ours.state_dict() if not k.endswith("num_batches_tracked")}
    image = torch.randn(1, 1, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image))


def test_a_different_network_is_refused_and_what_differs_is_named() -> None:
    theirs = preset("unet-jasonlee", 1, 2, width=4).state_dict()
    without_ups = {k: v for k, v in theirs.items() if ".up." not in k}
    with pytest.raises(
        ModelFileError, match=r"Not in the checkpoint: decoder.merges.0.up.0 \[64, 32, 2, 2\] .*4 in all"
    ):
        load_foreign_state(preset("unet-jasonlee", 1, 2, width=4), without_ups)
    with pytest.raises(ModelFileError, match=r"Not in the network: head.conv \[2, 4, 1, 1\] \[2\] \(1 in all\)"):
        load_foreign_state(preset("unet-jasonlee", 1, 3, width=4), theirs)


class TimmBlock(nn.Module):
    """An inverted residual with timm's names."""

    def __init__(self, i: int, o: int, k: int, s: int, t: int, *, squeeze: bool) -> None:
        super().__init__()
        h = i * t
        if t > 1:
            self.conv_pw, self.bn1 = nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h)
        self.conv_dw = nn.Conv2d(h, h, k, s, k // 2, groups=h, bias=False)
        self.bn2 = nn.BatchNorm2d(h)
        if squeeze:
            self.se = MilesialPart(conv_reduce=nn.Conv2d(h, i // 4, 1), conv_expand=nn.Conv2d(i // 4, h, 1))
        self.conv_pwl, self.bn3 = nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o)
        self.adds = s == 1 and i == o

    def forward(self, x: Tensor, act: Any) -> Tensor:
        h = act(self.bn1(self.conv_pw(x))) if hasattr(self, "conv_pw") else x
        h = act(self.bn2(self.conv_dw(h)))
        if hasattr(self, "se"):
            h = h * self.se.conv_expand(act(self.se.conv_reduce(h.mean((2, 3), keepdim=True)))).sigmoid()
        h = self.bn3(self.conv_pwl(h))
        return x + h if self.adds else h


class Timm(nn.Module):
    """MobileNetV2 or EfficientNet-B0, each from its table, with timm's names and its classifier."""

    def __init__(self, *, efficient: bool) -> None:
        super().__init__()
        self.act = F.silu if efficient else F.relu6
        self.conv_stem, self.bn1 = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32)
        stages, i = [], 32
        for row in EFFICIENTNET_B0 if efficient else MOBILENET_V2:
            blocks = []
            for n in range(row.repeats):
                s = 1 if n else row.stride
                blocks.append(TimmBlock(i, row.channels, row.kernel_size, s, row.expansion, squeeze=efficient))
                i = row.channels
            stages.append(nn.ModuleList(blocks))
        self.blocks = nn.ModuleList(stages)
        self.conv_head, self.bn2 = nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, 10)

    def forward(self, x: Tensor) -> list[Tensor]:
        x, maps = self.act(self.bn1(self.conv_stem(x))), []
        for stage in self.blocks:
            for block in stage:
                x = block(x, self.act)
            maps.append(x)
        return [maps[i] for i in (0, 1, 2, 4, 6)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mobile_unet", {}),
        ("eff_unet", {"variant": "b0", "same_padding": "symmetric", "norm_eps": 1e-5}),
    ],
)
def test_imagenet_encoders(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    theirs = shaken(Timm(efficient=name == "eff_unet"))
    path = tmp_path / "imagenet.pth"
    torch.save(theirs.state_dict(), path)

    colour = build(name, 3, 2, **arguments).eval()
    names = load_imagenet(colour, path)

    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for ours, expected in zip(colour.encoder(image)[1:], theirs(image), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    assert names["stages.1.0.0.weight"] == "conv_stem.weight"

    grey = build(name, 1, 2, **arguments).eval()
    load_imagenet(grey, path)
    one = torch.randn(1, 1, 64, 32)
    with torch.no_grad():
        expected = colour.encoder(one.expand(1, 3, 64, 32))[5]
        torch.testing.assert_close(grey.encoder(one)[5], expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    four = build(name, 4, 2, **arguments)
    load_imagenet(four, path)
    weight = four.encoder.state_dict()["stages.1.0.0.weight"]
    torch.testing.assert_close(weight[:, 3], theirs.conv_stem.weight[:, 0] * 0.75)


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"state_dict": nn.Sequential(nn.Conv2d(3, 8, 3)).state_dict()}, path)
    with pytest.raises(
        ModelFileError, match=r"at place 0 expected stages.1.0.0 \[32, 3, 3, 3\].*got 0 \[8, 3, 3, 3\] \[8\]"
    ):
        load_imagenet(build("mobile_unet", 3, 2), path)
    theirs = Timm(efficient=False)
    torch.save(
        {k: v for k, v in theirs.state_dict().items() if not k.startswith(("blocks.6", "conv_h", "bn2", "cl"))}, path
    )
    with pytest.raises(ModelFileError, match="ends after 48 of the 51 convolutions"):
        load_imagenet(build("mobile_unet", 3, 2), path)
    with pytest.raises(ModelFileError, match="expected a network with an encoder, got Conv2d"):
        load_imagenet(nn.Conv2d(1, 1, 1), path)


class Code:
    """Something that a checkpoint of tensors does not hold."""


def test_an_absent_checkpoint_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(ModelFileError, match=rf"there is no checkpoint {path}: expected a file of torch.save"):
            read_checkpoint(path)


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.pth"
    torch.save(nn.Conv2d(1, 2, 3).state_dict(), path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for end in range(10, len(whole), 37):
        path.write_bytes(whole[:end])
        with pytest.raises(ModelFileError, match=r"broken\.pth cannot be read as a PyTorch checkpoint of tensors"):
            read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", pickle.dumps(Code(), protocol=2)])
def test_unreadable_checkpoints(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"broken\.pth cannot be read as a PyTorch checkpoint of tensors"):
        read_checkpoint(path)


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "timm.safetensors"
    save_file({"a.weight": torch.ones(2)}, path)
    assert read_checkpoint(path)["a.weight"].tolist() == [1, 1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"cannot be read as a PyTorch checkpoint .*SafetensorError"):
        read_checkpoint(path)


def test_checkpoints_within_training_states(tmp_path: Path) -> None:
    path = tmp_path / "training.pth"
    torch.save({"epoch": 3, "model_state_dict": {"a.weight": torch.ones(1), "mask_values": [0, 1]}}, path)
    assert list(read_checkpoint(path)) == ["a.weight"]
    torch.save([1, 2], path)
    with pytest.raises(ModelFileError, match=r"training\.pth holds no state dictionary"):
        read_checkpoint(path)
