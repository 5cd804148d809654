import pytest
import torch

from overtile.losses import Overlap, iou, soft_dice

# Probabilities of the foreground 0.8, 0.4 in the first image and 0.2, 0.6 in the second
P = torch.tensor([[[0.8, 0.4]], [[0.2, 0.6]]])
BINARY = torch.logit(P)
TWO = torch.cat([torch.zeros_like(P), BINARY], dim=1)
TARGET = torch.tensor([[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("overlap", "coefficient"),
    [
        # common 0.8 + 0.6; predicted 2.0; true 2
        (Overlap(per="class", smooth=0.0), 2.8 / 4),
        (Overlap(per="batch", smooth=0.0), 2.8 / 4),
        (Overlap(per="class", smooth=1.0), 3.8 / 5),
        # squares 0.64 + 0.16 + 0.04 + 0.36
        (Overlap(per="class", smooth=0.0, power=2), 2.8 / 3.2),
        # per image 1.6 / (1.2 + 1) and 1.2 / (0.8 + 1)
        (Overlap(per="image", smooth=0.0), (1.6 / 2.2 + 1.2 / 1.8) / 2),
        (Overlap(per="image_class", smooth=0.0), (1.6 / 2.2 + 1.2 / 1.8) / 2),
    ],
)
def test_binary_dice_by_hand(overlap: Overlap, coefficient: float) -> None:
    assert soft_dice(BINARY, TARGET, overlap=overlap).item() == pytest.approx(1 - coefficient)


def test_dice_of_two_classes_is_the_mean_over_classes() -> None:
    # background: p 0.2 0.6 | 0.8 0.4, common 0.6 + 0.8
    value = soft_dice(TWO, TARGET, overlap=Overlap(smooth=0.0))
    assert value.item() == pytest.approx(1 - (2.8 / 4 + 2.8 / 4) / 2)


def test_dice_without_background_is_that_of_the_foreground_alone() -> None:
    for per in ("class", "image", "image_class", "batch"):
        options = Overlap(per=per, background=False)  # type: ignore[arg-type]
        torch.testing.assert_close(soft_dice(TWO, TARGET, overlap=options), soft_dice(BINARY, TARGET, overlap=options))


def test_official_iou_is_one_coefficient_per_image() -> None:
    # common 0.8 and 0.6; predicted 1.2 and 0.8; true 1 and 1
    assert iou(BINARY, TARGET).item() == pytest.approx(1 - (0.8 / 1.4 + 0.6 / 1.2) / 2)


def test_official_iou_sums_over_classes() -> None:
    # first image: common 0.8 + 0.6, predicted 2, true 2
    assert iou(TWO[:1], TARGET[:1]).item() == pytest.approx(1 - 1.4 / 2.6)


def test_weights_multiply_every_sum() -> None:
    weight = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    # common 2 * 0.8 + 3 * 0.6; predicted 1.6 + 0.4 + 1.8; true 2 + 3
    value = soft_dice(BINARY, TARGET, weight, overlap=Overlap(smooth=0.0))
    assert value.item() == pytest.approx(1 - 2 * 3.4 / (3.8 + 5))


def test_an_absent_class_counts_by_what_is_predicted_there() -> None:
    empty = torch.zeros_like(TARGET)
    assert soft_dice(BINARY, empty).item() == pytest.approx(1 - 1 / (2.0 + 1))


def test_an_absent_class_can_be_left_out() -> None:
    logits = torch.cat([TWO, torch.full_like(BINARY, -1.0)], dim=1)
    p = logits.softmax(1)

    value = soft_dice(logits, TARGET, overlap=Overlap(smooth=0.0, absent="skip"))

    dice = [2 * p[:, k][k == TARGET].sum() / (p[:, k].sum() + 2) for k in (0, 1)]
    torch.testing.assert_close(value, 1 - (dice[0] + dice[1]) / 2)


@pytest.mark.parametrize("loss", [soft_dice, iou])
def test_nothing_predicted_where_nothing_is_true_is_perfect(loss: type[soft_dice]) -> None:  # type: ignore[valid-type]
    nothing = torch.full((1, 1, 4), -200.0, requires_grad=True)

    value = loss(nothing, torch.zeros(1, 4, dtype=torch.long), overlap=Overlap(smooth=0.0))
    value.backward()

    assert value.item() == 0
    assert nothing.grad is not None
    assert nothing.grad.isfinite().all()


def test_an_ignored_image_does_not_dilute_the_mean() -> None:
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(iou(BINARY, TARGET, weight), iou(BINARY[:1], TARGET[:1]))
