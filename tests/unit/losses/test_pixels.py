import pytest
import torch

from overtile.core.errors import ShapeError, UnknownNameError
from overtile.losses.cross_entropy import Reduction
from overtile.losses.pixels import check_name, mean_over, pixels


def test_single_logit_stands_for_class_one() -> None:
    batch = pixels(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), None)

    assert batch.probabilities.tolist() == [[[0.5, 0.5]]]
    assert batch.one_hot.tolist() == [[[0, 1]]]


def test_one_hot_has_a_map_per_class() -> None:
    assert pixels(torch.zeros(1, 3, 2), torch.tensor([[2, 0]]), None).one_hot.tolist() == [[[0, 1], [0, 0], [1, 0]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_becomes_float32(dtype: torch.dtype) -> None:
    batch = pixels(torch.zeros(1, 2, 2, dtype=dtype), torch.tensor([[0, 1]], dtype=torch.uint8), None)
    assert batch.logits.dtype == batch.weight.dtype == batch.probabilities.dtype == torch.float32


def test_float64_stays() -> None:
    assert pixels(torch.zeros(1, 2, 1, dtype=torch.float64), torch.tensor([[0]]), None).logits.dtype == torch.float64


def test_a_target_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\) need a target of shape \(2, 4, 4\), got \(2, 6, 6\)"):
        pixels(torch.zeros(2, 3, 4, 4), torch.zeros(2, 6, 6, dtype=torch.long), None)


def test_a_weight_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"need a weight of shape \(2, 4\), got \(2, 1, 4\)"):
        pixels(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 1, 4))


def test_mean_over_nothing_is_zero_with_gradient_zero() -> None:
    values = torch.ones(3, requires_grad=True)

    mean_over(values, torch.zeros(3)).backward()

    assert values.grad is not None
    assert values.grad.tolist() == [0, 0, 0]


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown reduction 'means': .* Known: weighted_mean, sum, mean"):
        check_name("reduction", "means", Reduction)
