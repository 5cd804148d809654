from collections.abc import Callable
from math import log

import pytest
import torch

from overtile.core.errors import OptionError, ShapeError, UnknownNameError
from overtile.losses import (
    LOSSES,
    Overlap,
    by_name,
    cross_entropy,
    deep_supervision,
    focal,
    guidance,
    iou,
    ms_ssim_loss,
    soft_dice,
    weighted_sum,
)

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(2, 3, 14, 13, generator=GENERATOR)
TARGET = torch.randint(0, 3, (2, 14, 13), generator=GENERATOR)
WEIGHT = torch.rand(2, 14, 13, generator=GENERATOR)


def test_weighted_sum_adds_its_terms() -> None:
    loss = weighted_sum((2.0, cross_entropy), (0.5, soft_dice))
    expected = 2 * cross_entropy(LOGITS, TARGET, WEIGHT) + 0.5 * soft_dice(LOGITS, TARGET, WEIGHT)
    torch.testing.assert_close(loss(LOGITS, TARGET, WEIGHT), expected)


def test_the_hybrid_of_unet_plus_plus() -> None:
    expected = cross_entropy(LOGITS, TARGET) + soft_dice(LOGITS, TARGET, overlap=Overlap(power=2))
    torch.testing.assert_close(LOSSES["unet_plus_plus"](LOGITS, TARGET), expected)


def test_the_hybrid_of_unet_plus_plus_in_2018() -> None:
    expected = 0.5 * cross_entropy(LOGITS, TARGET) + soft_dice(LOGITS, TARGET, overlap=Overlap(per="batch"))
    torch.testing.assert_close(LOSSES["unet_plus_plus_2018"](LOGITS, TARGET), expected)


def test_the_hybrid_of_unet3plus() -> None:
    expected = focal(LOGITS, TARGET) + ms_ssim_loss(LOGITS, TARGET) + iou(LOGITS, TARGET)
    torch.testing.assert_close(LOSSES["unet3plus"](LOGITS, TARGET), expected)


def test_deep_supervision_as_mean_sum_and_weighted() -> None:
    heads = [LOGITS, 2 * LOGITS, -LOGITS]
    a, b, c = (cross_entropy(head, TARGET, WEIGHT) for head in heads)

    def supervised(reduction: str, eta: list[float] | None = None) -> torch.Tensor:
        return deep_supervision(
            heads,
            TARGET,
            WEIGHT,
            loss=cross_entropy,
            reduction=reduction,  # type: ignore[arg-type]
            head_weights=eta,
        )

    torch.testing.assert_close(supervised("mean"), (a + b + c) / 3)
    torch.testing.assert_close(supervised("sum"), a + b + c)
    torch.testing.assert_close(supervised("sum", [1.0, 0.5, 0.0]), a + 0.5 * b)
    torch.testing.assert_close(supervised("mean", [1.0, 0.5, 0.0]), (a + 0.5 * b) / 1.5)


@pytest.mark.parametrize(("heads", "eta", "counts"), [(0, None, "0 head"), (2, [1.0], "2 head.* and 1 weight")])
def test_deep_supervision_needs_a_weight_for_each_head(heads: int, eta: list[float] | None, counts: str) -> None:
    with pytest.raises(ShapeError, match=f"heads and one weight for each, got {counts}"):
        deep_supervision([LOGITS] * heads, TARGET, loss=cross_entropy, head_weights=eta)


@pytest.mark.parametrize("eta", [[0.0, 0.0], [1.0, -1.0]])
def test_heads_that_cancel_out_are_refused(eta: list[float]) -> None:
    with pytest.raises(OptionError, match=r"head_weights of 0 or more, one of them above 0, got \["):
        deep_supervision([LOGITS, LOGITS], TARGET, loss=cross_entropy, head_weights=eta)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_guidance_is_finite_in_half_precision_and_without_any_counted_pixel(outputs: int, kind: torch.dtype) -> None:
    presence = torch.full((2, outputs), 6e4).to(kind).requires_grad_()
    target = torch.tensor([[0, 0], [0, 1]])
    for weight, value in ((torch.zeros(2, 2), 0.0), (torch.ones(2, 2), 3e4)):
        presence.grad = None
        found = guidance(presence, target, weight)
        found.backward()
        assert found.dtype == torch.float32
        assert found.item() == pytest.approx(value, rel=0.01)
        assert presence.grad is not None
        assert presence.grad.isfinite().all()


def test_guidance_of_one_output_is_the_cross_entropy_of_presence() -> None:
    # Given an image with foreground, p = 3/4, and one without, p = 1/2
    value = guidance(torch.tensor([[log(3)], [0.0]]), torch.tensor([[0, 2], [0, 0]]))
    assert value.item() == pytest.approx((log(4 / 3) + log(2)) / 2)


def test_guidance_of_two_outputs_is_the_mean_of_both() -> None:
    # Given p(background only) = 1/4 and p(foreground) = 3/4 of an image with foreground
    value = guidance(torch.tensor([[-log(3), log(3)]]), torch.tensor([[0, 1]]))
    assert value.item() == pytest.approx(log(4 / 3))


def test_guidance_looks_at_counted_pixels_only() -> None:
    # Given foreground at an ignored pixel of the first image, and nothing but ignored pixels in the second
    presence = torch.tensor([[log(3)], [5.0]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 0.0]])

    value = guidance(presence, torch.tensor([[0, 1], [1, 1]]), weight)

    assert value.item() == pytest.approx(log(4))


def test_guidance_refuses_other_heads() -> None:
    with pytest.raises(ShapeError, match="1 or 2 outputs, got 3"):
        guidance(torch.zeros(1, 3), torch.zeros(1, 2, dtype=torch.long))


def test_losses_are_found_by_name() -> None:
    assert by_name("focal") is focal


def test_an_unknown_name_is_refused_with_the_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'softdice': did you mean 'soft_dice'"):
        by_name("softdice")


@pytest.mark.parametrize(
    "call",
    [
        lambda: cross_entropy(LOGITS, TARGET, reduction="average"),  # type: ignore[arg-type]
        lambda: focal(LOGITS, TARGET, reduction="average"),  # type: ignore[arg-type]
        lambda: ms_ssim_loss(LOGITS, TARGET, definition="average"),  # type: ignore[arg-type]
        lambda: deep_supervision([LOGITS], TARGET, loss=focal, reduction="average"),  # type: ignore[arg-type]
        lambda: Overlap(per="average"),  # type: ignore[arg-type]
        lambda: Overlap(absent="average"),  # type: ignore[arg-type]
    ],
)
def test_no_option_falls_back_silently(call: Callable[[], object]) -> None:
    # TypeError: with run-time type checks on, they refuse the name first
    with pytest.raises((UnknownNameError, TypeError), match="average"):
        call()
