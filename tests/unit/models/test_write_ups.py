"""Weights of the write-ups' networks, and of the papers' code, written here as plain modules from their descriptions."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtile.core.errors import ModelFileError
from overtile.models import heads_of, load_foreign_state, preset

W = 2
WIDTHS = [W * 2**level for level in range(5)]


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.5 if name.endswith("var") else torch.randn(value.shape) * 0.3)
    return module.eval()


def double(i: int, o: int, *, padding: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (i, o):
        layers += [nn.Conv2d(before, o, 3, padding=padding), *([nn.BatchNorm2d(o)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers)


def cropped(x: Tensor, like: Tensor) -> Tensor:
    y, x_ = ((a - b) // 2 for a, b in zip(x.shape[2:], like.shape[2:], strict=True))
    return x[:, :, y : y + like.shape[2], x_ : x_ + like.shape[3]]


class JasonLee(nn.Module):
    """Valid convolutions with bias, skip before up, nothing after the up-convolutions, which come last here."""

    def __init__(self) -> None:
        super().__init__()
        for level, (i, o) in enumerate(pairwise([1, *WIDTHS]), start=1):
            self.add_module(f"contract{level}", double(i, o, padding=0, norm=False))
        for level, (i, o) in enumerate(pairwise(WIDTHS[::-1]), start=1):
            self.add_module(f"expand{level}", double(i, o, padding=0, norm=False))
        self.final = nn.Conv2d(W, 3, 1)
        for level, (i, o) in enumerate(pairwise(WIDTHS[::-1]), start=1):
            self.add_module(f"up{level}", nn.ConvTranspose2d(i, o, 2, 2))

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level in range(1, 6):
            x = self.get_submodule(f"contract{level}")(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        for level in range(1, 5):
            up = self.get_submodule(f"up{level}")(x)
            x = self.get_submodule(f"expand{level}")(torch.cat([cropped(skips.pop(), up), up], 1))
        return self.final(x)


class Bpius(nn.Module):
    """Padded convolutions with bias and batch normalisation, also after the up-convolutions; up before skip."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(double(i, o, padding=1, norm=True) for i, o in pairwise([1, *WIDTHS]))
        self.ups = nn.ModuleList(
            nn.ModuleDict(
                {
                    "up": nn.Sequential(nn.ConvTranspose2d(i, o, 2, 2), nn.BatchNorm2d(o), nn.ReLU()),
                    "convs": double(i, o, padding=1, norm=True),
                }
            )
            for i, o in pairwise(WIDTHS[::-1])
        )
        self.out = nn.Conv2d(W, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for block in self.down:
            x = block(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        for step in self.ups:
            x = step["convs"](torch.cat([step["up"](x), skips.pop()], 1))
        return self.out(x)


class LectureNested(nn.Module):
    """The U-Net++ of the AITech write-up: batch normalisation, bilinear upsampling with aligned corners, skips first.

    Nodes are registered by column, as they are computed, or by row.
    """

    def __init__(self, *, by_row: bool) -> None:
        super().__init__()
        nodes = [(i, j) for j in range(5) for i in range(5 - j)]
        for i, j in sorted(nodes) if by_row else nodes:
            before = ([1, *WIDTHS][i]) if j == 0 else j * WIDTHS[i] + WIDTHS[i + 1]
            self.add_module(f"conv{i}_{j}", double(before, WIDTHS[i], padding=1, norm=True))
        self.heads = nn.ModuleList(nn.Conv2d(W, 3, 1) for _ in range(4))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        nodes: dict[tuple[int, int], Tensor] = {}
        for j in range(5):
            for i in range(5 - j):
                if j:
                    below = nodes[i + 1, j - 1]
                    up = F.interpolate(below, scale_factor=2, mode="bilinear", align_corners=True)
                    given = torch.cat([*(nodes[i, k] for k in range(j)), up], 1)
                else:
                    given = F.max_pool2d(nodes[i - 1, 0], 2) if i else x
                nodes[i, j] = self.get_submodule(f"conv{i}_{j}")(given)
        return tuple(head(nodes[0, j + 1]) for j, head in enumerate(self.heads))


class FullScale(nn.Module):
    """The papers' U-Net 3+ with deep supervision; convolutions and normalisations are attributes of their own.

    `guided` adds the classification-guided branch, after all heads.
    """

    def __init__(self, *, guided: bool) -> None:
        super().__init__()
        for level, (i, o) in enumerate(pairwise([1, *WIDTHS]), start=1):
            self.add_module(f"conv{level}", double(i, o, padding=1, norm=True))
        for node in (4, 3, 2, 1):
            for source in range(1, 6):
                before = WIDTHS[source - 1] if source <= node or source == 5 else 5 * W
                self._unit(f"h{source}_hd{node}", before, W)
            self._unit(f"conv{node}d", 5 * W, 5 * W)
        for level in range(1, 6):
            self.add_module(f"outconv{level}", nn.Conv2d(5 * W if level < 5 else WIDTHS[4], 3, 3, padding=1))
        if guided:
            self.cls = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(WIDTHS[4], 2, 1), nn.AdaptiveMaxPool2d(1))

    def _unit(self, name: str, i: int, o: int) -> None:
        self.add_module(f"{name}_conv", nn.Conv2d(i, o, 3, padding=1))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(o))

    def _run(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(f"{name}_conv")(x)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps: dict[int, Tensor] = {}
        for level in range(1, 6):
            maps[level] = self.get_submodule(f"conv{level}")(F.max_pool2d(maps[level - 1], 2) if level > 1 else x)
        for node in (4, 3, 2, 1):
            parts = []
            for source in range(1, 6):
                factor = 2.0 ** (source - node)
                m = maps[source]
                if source < node:
                    m = F.max_pool2d(m, 2 ** (node - source))
                elif source > node:
                    m = F.interpolate(m, scale_factor=factor, mode="bilinear", align_corners=False)
                parts.append(self._run(f"h{source}_hd{node}", m))
            maps[node] = self._run(f"conv{node}d", torch.cat(parts, 1))
        out = [self.get_submodule(f"outconv{level}")(maps[level]) for level in range(1, 6)]
        return tuple(
            F.interpolate(o, scale_factor=2.0**level, mode="bilinear", align_corners=False) if level else o
            for level, o in enumerate(out)
        )


NETWORKS = [
    ("unet-jasonlee", JasonLee(), 204),
    ("unet-bpius", Bpius(), 32),
    ("unet-plus-plus-aitech", LectureNested(by_row=False), 32),
    ("unet-plus-plus-aitech", LectureNested(by_row=True), 32),
    ("unet3plus-deepsup", FullScale(guided=False), 32),
    ("unet3plus-cgm", FullScale(guided=True), 32),
]


@pytest.mark.parametrize(("name", "theirs", "size"), NETWORKS)
def test_their_weights_give_their_outputs(name: str, theirs: nn.Module, size: int) -> None:
    shaken(theirs)
    ours = preset(name, 1, 3, width=W).eval()

    names = load_foreign_state(ours, theirs.state_dict())

    assert set(names.values()) == {k for k in theirs.state_dict() if not k.endswith("num_batches_tracked")}
    image = torch.randn(1, 1, size, size + 16)
    ours.training = True  # all heads, while every layer stays in evaluation
    with torch.no_grad():
        found = heads_of(ours(image))
        heads = found.logits if hasattr(found, "logits") else found
        for mine, other in zip(heads, heads_of(theirs(image)), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4 * other.abs().max().item())


@pytest.mark.parametrize(("name", "theirs", "size"), NETWORKS)
def test_a_tensor_of_another_shape_is_named(name: str, theirs: nn.Module, size: int) -> None:
    state = theirs.state_dict()
    key = next(k for k in reversed(state) if state[k].ndim == 4)
    state[key] = torch.zeros(*state[key].shape[:3], size)
    with pytest.raises(
        ModelFileError, match=rf"Not in the network: {key.removesuffix('.weight')} .*{size}\]"
    ) as caught:
        load_foreign_state(preset(name, 1, 3, width=W), state)
    assert "Not in the checkpoint: " in str(caught.value)
    with pytest.raises(ModelFileError, match=r"Choose the preset, its width, the channels and the classes"):
        load_foreign_state(preset(name, 1, 3, width=2 * W), theirs.state_dict())


def test_the_published_jasonlee_state_lacks_its_up_convolutions() -> None:
    state = {k: v for k, v in JasonLee().state_dict().items() if not k.startswith("up")}
    with pytest.raises(ModelFileError, match=r"Not in the checkpoint: decoder.merges.0.up.0 \[32, 16, 2, 2\] \[16\];"):
        load_foreign_state(preset("unet-jasonlee", 1, 3, width=W), state)
