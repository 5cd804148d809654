import numpy as np
import pytest

from overtile.core import Normalization, ShapeError


def test_the_model_scheme_is_the_same_for_every_image():
    normalization = Normalization((1.0, 2.0), (2.0, 4.0))
    image = np.full((2, 3, 3), 5, np.uint16)
    assert normalization.fitted_to(image) is normalization
    np.testing.assert_array_equal(normalization(image)[:, 0, 0], [2.0, 0.75])


def test_the_image_scheme_removes_offset_and_scale_of_each_image():
    image = np.random.default_rng(0).normal(size=(1, 64, 64))
    normalization = Normalization((0.0,), (1.0,), scheme="image")
    small, large = (normalization.fitted_to(a)(a) for a in (image, 1000 * image + 7))
    np.testing.assert_allclose(small, large, atol=1e-4)
    assert abs(small.mean()) < 0.01


def test_a_constant_image_is_not_divided_by_zero():
    flat = np.full((1, 4, 4), 7.0)
    assert (Normalization((0.0,), (1.0,), scheme="image").fitted_to(flat)(flat) == 0).all()


def test_another_number_of_channels_is_named():
    with pytest.raises(ShapeError, match=r"3 channel\(s\), this image has 1"):
        Normalization((0.0,) * 3, (1.0,) * 3).fitted_to(np.zeros((1, 4, 4)))
