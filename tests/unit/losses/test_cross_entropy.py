from math import log

import pytest
import torch
import torch.nn.functional as F

from overtile.losses import cross_entropy, focal

# Two pixels with p(class 1) = 3/4 and 1/2, both of class 1, with weights 1 and 3
LOGITS = torch.tensor([[[0.0, 0.0], [log(3), 0.0]]])
BINARY = torch.tensor([[[log(3), 0.0]]])
TARGET = torch.tensor([[1, 1]])
WEIGHT = torch.tensor([[1.0, 3.0]])
TOTAL = log(4 / 3) + 3 * log(2)


@pytest.mark.parametrize("logits", [LOGITS, BINARY])
@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 1), ("weighted_mean", 4), ("mean", 2)])
def test_three_reductions(logits: torch.Tensor, reduction: str, divisor: int) -> None:
    value = cross_entropy(logits, TARGET, WEIGHT, reduction=reduction)  # type: ignore[arg-type]
    assert value.item() == pytest.approx(TOTAL / divisor)


def test_the_default_divides_by_the_weights() -> None:
    assert cross_entropy(LOGITS, TARGET, WEIGHT).item() == pytest.approx(TOTAL / 4)


def test_class_weights_multiply_the_weights_and_the_divisor() -> None:
    # Given class 0 at the first pixel, - log p = log 4, of class weight 2; class 1 at the second, of class weight 5
    target, class_weights = torch.tensor([[0, 1]]), torch.tensor([2.0, 5.0])
    for logits in (LOGITS, BINARY):
        value = cross_entropy(logits, target, class_weights=class_weights)
        assert value.item() == pytest.approx((2 * log(4) + 5 * log(2)) / 7)


def test_equals_torch_for_many_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=generator)
    target = torch.randint(0, 5, (2, 6, 7), generator=generator)

    torch.testing.assert_close(cross_entropy(logits, target), F.cross_entropy(logits, target))


@pytest.mark.parametrize("logits", [LOGITS, BINARY])
def test_focal_by_hand(logits: torch.Tensor) -> None:
    # p_t = 3/4 and 1/2 of the foreground: alpha (1 - p_t)^2 (- log p_t)
    first, second = 0.25 * (1 / 16) * log(4 / 3), 0.25 * (1 / 4) * log(2)
    assert focal(logits, TARGET).item() == pytest.approx((first + second) / 2)


@pytest.mark.parametrize("logits", [LOGITS, BINARY])
def test_focal_weighs_class_zero_by_one_minus_alpha(logits: torch.Tensor) -> None:
    # p_t of class 0 = 1/4 and 1/2
    first, second = 0.75 * (9 / 16) * log(4), 0.75 * (1 / 4) * log(2)
    assert focal(logits, torch.zeros_like(TARGET)).item() == pytest.approx((first + second) / 2)


def test_focal_without_focus_and_alpha_is_the_cross_entropy() -> None:
    value = focal(LOGITS, TARGET, WEIGHT, gamma=0.0, alpha=None, reduction="sum")
    assert value.item() == pytest.approx(TOTAL)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_of_certain_pixels_has_finite_value_and_slope(gamma: float) -> None:
    logits = torch.tensor([[[200.0, -200.0]]], requires_grad=True)

    value = focal(logits, torch.tensor([[1, 1]]), gamma=gamma, reduction="sum")
    value.backward()

    assert value.item() == pytest.approx(0.25 * 200)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
