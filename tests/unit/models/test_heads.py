"""Heads: deep supervision, the two modes of U-Net++, and the classification-guided module."""

import pytest
import torch
from torch import nn

from overtile.models import Guided, build, heads_of
from overtile.models.heads import gate, mean_probability_logits


def test_all_heads_in_training_one_in_evaluation() -> None:
    for name, heads in (("unet_plus_plus", 3), ("unet3plus", 4)):
        model = build(name, 1, 2, base_width=2, depth=3)
        image = torch.randn(2, 1, 20, 16)
        assert [h.shape for h in model.train()(image)] == [(2, 2, 20, 16)] * heads
        assert model.eval()(image).shape == (2, 2, 20, 16)
        single = build(name, 1, 2, base_width=2, depth=3, deep_supervision=False)
        assert len(heads_of(single.train()(image))) == 1


@pytest.mark.parametrize("classes", [1, 3])
def test_accurate_mode_is_the_mean_of_probabilities(classes: int) -> None:
    def probabilities(logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid() if classes == 1 else logits.softmax(1)

    torch.manual_seed(0)
    model = build("unet_plus_plus", 1, classes, base_width=2, depth=3, norm="none").eval()
    image = torch.randn(1, 1, 16, 24)
    model.training = True  # all heads, while every layer stays in evaluation
    heads = model(image)
    model.training = False
    mean = torch.stack([probabilities(h) for h in heads]).mean(0)
    torch.testing.assert_close(probabilities(model(image)), mean)
    model.head.mode = "fast"
    assert torch.equal(model(image), heads[-1])


def test_accurate_mode_survives_extreme_logits() -> None:
    heads = (torch.full((1, 1, 2), 200.0), torch.full((1, 1, 2), 300.0))
    assert torch.isfinite(mean_probability_logits(heads)).all()


def guided(opens: float, classes: int) -> nn.Module:
    """A U-Net 3+ whose classification head says the same of every image."""
    torch.manual_seed(0)
    model = build("unet3plus", 1, classes, base_width=2, depth=2, guidance="cgm").eval()
    conv = model.head.guide[1]
    nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.bias.copy_(torch.tensor([0.0, opens]))
    return model


@pytest.mark.parametrize("classes", [1, 3])
def test_background_images_come_out_empty(classes: int) -> None:
    image = torch.randn(2, 1, 12, 16)
    with torch.no_grad():
        closed, opened = guided(-1.0, classes)(image), guided(1.0, classes)(image)
    if classes == 1:
        assert (closed.sigmoid() == 0).all()
    else:
        assert (closed.softmax(1)[:, 1:] == 0).all()
        assert (closed.softmax(1)[:, 0] == 1).all()
    plain = guided(1.0, classes)
    plain.head.guide = None
    assert torch.equal(opened, plain(image))


def test_guidance_is_returned_and_trained() -> None:
    torch.manual_seed(0)
    model = build("unet3plus", 1, 2, base_width=2, depth=2, guidance="cgm").train()
    output = model(torch.randn(3, 1, 13, 16))
    assert isinstance(output, Guided)
    assert [h.shape for h in output.logits] == [(3, 2, 13, 16)] * 3
    assert output.guidance.shape == (3, 2)
    nn.functional.cross_entropy(output.guidance, torch.tensor([0, 1, 1])).backward()
    assert model.head.guide[1].weight.grad.abs().sum() > 0


def test_gate_decides_per_image() -> None:
    logits = torch.tensor([[[[1.0]], [[2.0]]], [[[1.0]], [[2.0]]]])
    gated = gate(logits, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert gated.flatten().tolist() == [1.0, 2.0, 0.0, -10000.0]
