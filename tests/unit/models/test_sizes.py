"""Sizes of maps."""

import pytest
import torch

from overtile.core.errors import ShapeError
from overtile.models.sizes import AnySize, ValidSizes, crop_to, valid_sizes


def test_padding_continues_the_far_end_with_zeros() -> None:
    image = torch.ones(1, 1, 3, 4)
    padded = AnySize(4).fit(image)
    assert padded.shape == (1, 1, 4, 4)
    assert torch.equal(padded[..., :3, :], image)
    assert (padded[..., 3, :] == 0).all()
    assert AnySize(4).fit(padded) is padded
    assert AnySize(4, smallest=8).fit(image).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(("depth", "smallest", "step"), [(0, 5, 1), (1, 18, 2), (2, 44, 4), (3, 92, 8), (4, 188, 16)])
def test_valid_sizes(depth: int, smallest: int, step: int) -> None:
    assert valid_sizes(depth) == ValidSizes(smallest, step)


def test_valid_sizes_name_the_neighbours() -> None:
    rule = ValidSizes(188, 16)
    assert rule.nearest(188) == (188,)
    assert rule.nearest(10) == (188,)
    assert rule.nearest(205) == (204, 220)
    with pytest.raises(ShapeError, match=r"expected sizes of 188 \+ 16 k per axis, got \(188, 100\).*crop 100 to 188"):
        rule.fit(torch.zeros(1, 1, 188, 100))
    image = torch.zeros(1, 1, 188, 204)
    assert rule.fit(image) is image


def test_crop_takes_each_axis_by_itself() -> None:
    x = torch.arange(24.0).reshape(1, 1, 4, 6)
    assert crop_to(x, (2, 6)).squeeze().tolist() == [[6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17]]
    assert crop_to(x, (4, 2)).squeeze()[0].tolist() == [2, 3]
