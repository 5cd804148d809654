"""Pixels that are partly of one class and partly of another."""

import pytest
import torch
import torch.nn.functional as F

from overtile.core import OptionError, ShapeError
from overtile.losses import LOSSES, cross_entropy, focal, guidance, ms_ssim_loss, soft_dice
from overtile.losses.pixels import pixels

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn((2, 3, 8, 9), generator=GENERATOR)
LABELS = torch.randint(0, 3, (2, 8, 9), generator=GENERATOR)
WEIGHT = torch.rand((2, 8, 9), generator=GENERATOR) * (torch.rand((2, 8, 9), generator=GENERATOR) > 0.3)
ONE_HOT = F.one_hot(LABELS, 3).movedim(-1, 1).float()


@pytest.mark.parametrize("name", [n for n in LOSSES if "focal" not in n and n != "unet3plus"])
def test_whole_shares_are_classes(name):
    torch.testing.assert_close(LOSSES[name](LOGITS, ONE_HOT, WEIGHT), LOSSES[name](LOGITS, LABELS, WEIGHT))


def test_cross_entropy_by_hand_and_its_least_value():
    shares = torch.tensor([0.0, 0.75, 0.25]).view(1, 3, 1)
    half = torch.tensor([-1e9, 0.0, 0.0]).view(1, 3, 1)
    assert float(cross_entropy(half, shares)) == pytest.approx(0.6931, abs=1e-4)  # ln 2
    best = shares.clamp(min=1e-30).log()
    assert float(cross_entropy(best, shares)) == pytest.approx(0.5623, abs=1e-4)  # .75 ln 4/3 + .25 ln 4
    assert cross_entropy(best + torch.tensor([0.0, 0.1, 0.0]).view(1, 3, 1), shares) > cross_entropy(best, shares)


def test_class_weights_mix_by_the_shares():
    shares = torch.tensor([0.0, 0.75, 0.25]).view(1, 3, 1)
    weights = torch.tensor([9.0, 2.0, 4.0])
    loss = cross_entropy(torch.zeros(1, 3, 1), shares, class_weights=weights, reduction="sum")
    assert float(loss) == pytest.approx(2.5 * 1.0986, abs=1e-3)  # (.75 2 + .25 4) ln 3
    single = cross_entropy(torch.zeros(1, 1, 1), shares[:, 1:2], class_weights=weights[:2], reduction="sum")
    assert float(single) == pytest.approx((0.25 * 9 + 0.75 * 2) * 0.6931, abs=1e-3)


def test_a_pixel_to_be_ignored_may_hold_anything():
    broken = ONE_HOT.clone()
    broken[:, :, 0] = torch.nan
    weight = WEIGHT.clone()
    weight[:, 0] = 0
    for loss in (cross_entropy, soft_dice, ms_ssim_loss):
        torch.testing.assert_close(loss(LOGITS, broken, weight), loss(LOGITS, ONE_HOT, weight))


def test_guidance_sees_foreground_in_a_share():
    shares = torch.zeros(1, 3, 2)
    shares[:, 0] = 1
    presence = torch.tensor([[2.0]])
    empty, full = guidance(presence, shares), guidance(presence, torch.tensor([[0, 2]]))
    shares[0, :, 1] = torch.tensor([0.0, 0.3, 0.7])
    assert guidance(presence, shares) == full < empty


def test_errors():
    with pytest.raises(OptionError, match="the focal loss takes class indices, got shares of classes"):
        focal(LOGITS, ONE_HOT)
    with pytest.raises(ShapeError, match=r"need a target of shape \(2, 3, 8, 9\), got \(2, 3, 8, 8\)"):
        pixels(LOGITS, ONE_HOT[..., :8], None)
