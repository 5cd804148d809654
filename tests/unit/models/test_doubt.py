"""How unsure a network is."""

import math

import pytest
import torch
from torch import nn

from overtile.models import Doubt, Ensemble, build, kind_of_doubt


class Constant(nn.Module):
    """Gives the same probability of class 1 everywhere."""

    def __init__(self, probability):
        super().__init__()
        self.logits = torch.tensor([1 - probability, probability]).log()

    def forward(self, image):
        return self.logits.view(1, 2, 1, 1).expand(len(image), 2, *image.shape[2:])


def entropy(p):
    return -(p * math.log(p) + (1 - p) * math.log(1 - p)) / math.log(2)


def test_members_that_agree_leave_no_doubt_however_unsure_they_are():
    image = torch.zeros(2, 1, 3, 4)
    agreeing = Doubt(Ensemble([Constant(0.5), Constant(0.5)]))(image)
    assert agreeing.shape == (2, 1, 3, 4)
    assert agreeing.abs().max() < 1e-6
    differing = Doubt(Ensemble([Constant(0.9), Constant(0.1)]))(image)
    assert differing.max().item() == pytest.approx(1 - entropy(0.9), abs=1e-5)


def test_a_single_opinion_is_judged_by_its_entropy():
    assert Doubt(Constant(0.9))(torch.zeros(1, 1, 1, 1)).item() == pytest.approx(entropy(0.9), abs=1e-5)


@pytest.mark.parametrize("name", ["unet_plus_plus", "unet3plus"])
def test_heads_of_deep_supervision_are_opinions(name):
    torch.manual_seed(0)
    network = build(name, 1, 3, base_width=4, depth=2).eval()
    doubt = Doubt(network)
    image = torch.randn(1, 1, 16, 16)
    before = network(image)
    with torch.no_grad():
        heads = doubt.opinions(image)
        found = doubt(image)
    assert len(heads) > 1
    assert not network.training
    assert torch.equal(network(image), before)  # the running statistics were left alone
    p = torch.stack([head.softmax(1) for head in heads])
    whole, each = (torch.special.entr(q).sum(-3) for q in (p.mean(0), p))
    assert torch.allclose(found[:, 0], (whole - each.mean(0)).clamp(min=0) / math.log(3), atol=1e-5)
    assert kind_of_doubt(network) == "disagreement of the heads"


def test_what_is_measured_is_said():
    single = build("unet", 1, 2, base_width=4, depth=2)
    assert kind_of_doubt(single) == "entropy of the probabilities"
    assert kind_of_doubt(Ensemble([single, single])) == "disagreement of 2 networks"
