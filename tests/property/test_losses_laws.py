"""What every loss keeps to: finite, honest about ignored pixels, indifferent to precision, with a true gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from overtile.losses import LOSSES

NAMES = sorted(LOSSES)
ALIKE = st.fixed_dictionaries(
    {
        "classes": st.integers(1, 4),
        "size": st.tuples(st.integers(1, 25), st.integers(1, 25)),
        "seed": st.integers(0, 2**31),
    }
)


def batch(
    classes: int, size: tuple[int, int], seed: int, *, scale: float = 3.0, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, classes, *size, generator=generator, dtype=dtype)
    target = torch.randint(0, max(classes, 2), (2, *size), generator=generator)
    weight = torch.rand(2, *size, generator=generator, dtype=dtype)
    return logits.requires_grad_(), target, weight * (torch.rand(2, *size, generator=generator) > 0.3)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=10)
@given(
    case=ALIKE,
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    kind=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    labels=st.sampled_from(["mixed", "none", "all"]),
)
def test_value_and_gradient_are_finite(name: str, case: dict, scale: float, kind: torch.dtype, labels: str) -> None:
    logits, target, weight = batch(**case, scale=scale)
    target = {"mixed": target, "none": 0 * target, "all": 0 * target + 1}[labels]
    target = target.clamp(max=max(case["classes"] - 1, 1))

    value = LOSSES[name](logits.to(kind), target, weight)
    value.backward()

    assert value.dtype == torch.float32
    assert value.shape == ()
    assert value.isfinite()
    assert value >= -1e-5
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=10)
@given(case=ALIKE, junk=st.sampled_from([255, -1, 2**40]))
def test_ignored_pixels_neither_count_nor_learn(name: str, case: dict, junk: int) -> None:
    # Given two batches that differ, in target and logits, at ignored pixels only
    logits, target, weight = batch(**case)
    ignored = weight == 0
    other = torch.where(ignored[:, None], logits.detach() + 7, logits.detach())

    # When both are judged
    value = LOSSES[name](logits, torch.where(ignored, junk, target), weight)
    value.backward()

    # Then they are equal, and no gradient reaches an ignored pixel
    torch.testing.assert_close(value, LOSSES[name](other, target, weight), atol=1e-5, rtol=1e-4)
    assert logits.grad is not None
    assert not logits.grad.masked_select(ignored[:, None]).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [1, 3])
def test_all_ignored_is_zero_with_gradient_zero(name: str, classes: int) -> None:
    logits, target, weight = batch(classes, (12, 13), 0)

    value = LOSSES[name](logits, target * 0 + 255, weight * 0)
    value.backward()

    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [1, 3])
def test_an_ignored_image_beside_others_changes_nothing(name: str, classes: int) -> None:
    logits, target, weight = batch(classes, (12, 13), 0)
    weight = weight + 0.1
    weight[1] = 0

    value = LOSSES[name](logits, target, weight)
    value.backward()

    torch.testing.assert_close(value, LOSSES[name](logits[:1], target[:1], weight[:1]))
    assert logits.grad is not None
    assert logits.grad[0].any()
    assert not logits.grad[1].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [1, 3])
def test_gradient_is_the_derivative(name: str, classes: int) -> None:
    # Given smooth agreement, so that no term of MS-SSIM stands at its clamp
    logits, target, weight = batch(classes, (4, 3), 3, scale=0.3, dtype=torch.float64)
    truth = torch.nn.functional.one_hot(target, max(classes, 2)).movedim(-1, 1)[:, -classes:]
    logits = (logits.detach() + truth).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, target, weight + 0.1), logits, fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [1, 3])
def test_no_weight_means_weight_one(name: str, classes: int) -> None:
    logits, target, weight = batch(classes, (15, 12), 1)
    torch.testing.assert_close(LOSSES[name](logits, target), LOSSES[name](logits, target, torch.ones_like(weight)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [1, 3])
def test_the_right_answer_is_best_and_costs_nothing(name: str, classes: int) -> None:
    logits, target, _ = batch(classes, (23, 24), 1)
    truth = torch.nn.functional.one_hot(target, max(classes, 2)).movedim(-1, 1)[:, -classes:]
    right = (2.0 * truth - 1) * 40

    assert LOSSES[name](right, target).item() == pytest.approx(0, abs=1e-4)
    assert LOSSES[name](logits, target) > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_volumes_work_too(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 2, (1, 5, 12, 6), generator=generator)
    logits = torch.stack([-1.0 * target, 1.0 * target], dim=1).requires_grad_()

    LOSSES[name](logits, target).backward()

    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.any()
