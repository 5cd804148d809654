"""Elastic deformation against elasticdeform 0.5.1 (control points including the corners)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from overtile.augment import displacement, warp

Oracle = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]


def test_field_image_and_labels_equal_elasticdeform(oracle: Oracle) -> None:
    arrays, _ = oracle("elastic_deform")
    image, labels = torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["labels"])
    size = (image.shape[0], image.shape[1])

    field = displacement(torch.from_numpy(arrays["disp0"])[None].float(), size)
    pixels = torch.cartesian_prod(*(torch.arange(float(n)) for n in size)).view(*size, 2)
    coordinates = pixels + field.permute(0, 2, 3, 1)

    # elasticdeform marks what is read from beyond the image; overtile mirrors there
    y, x = arrays["sample_y_0"], arrays["sample_x_0"]
    inside = np.isfinite(y) & np.isfinite(x)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(coordinates[0, ..., 0].numpy()[inside], y[inside], atol=2e-5)
    np.testing.assert_allclose(coordinates[0, ..., 1].numpy()[inside], x[inside], atol=2e-5)

    out = warp(image[None, None], labels[None], None, coordinates, interpolation="spline")

    spread = np.ptp(arrays["image"])
    np.testing.assert_allclose(out.image[0, 0].numpy()[inside], arrays["image_order3_0"][inside], atol=1e-4 * spread)
    assert np.array_equal(out.labels[0].numpy()[inside], arrays["labels_order0_0"][inside])
