"""Weight maps against the brute force of the reference file `weight_maps.npz` (see its meta data)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from overtile.targets import (
    class_counts,
    class_weights,
    falk2019_weight_map,
    separate_touching,
    two_nearest_distances,
    unet2015_weight_map,
)

CASES = ("touching", "separated", "one_cell", "empty")

Oracle = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, oracle: Oracle) -> dict[str, Any]:
    arrays, _ = oracle("weight_maps")
    prefix = f"{request.param}/"
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def test_distances_are_bit_exact(case):
    near = two_nearest_distances(case["labels"])

    # the reference stores infinite distances as -1
    np.testing.assert_array_equal(np.where(np.isinf(near.d1), -1, near.d1), case["d1"])
    np.testing.assert_array_equal(np.where(np.isinf(near.d2), -1, near.d2), case["d2"])


def test_separation_border(case):
    np.testing.assert_array_equal(separate_touching(case["labels"]) > 0, case["gap_mask"])


@pytest.mark.parametrize("border_on", ["everywhere", "background"])
def test_unet2015(case, border_on):
    foreground = (case["labels"] > 0).astype(int)
    term = case["unet2015_border_term_everywhere" if border_on == "everywhere" else "unet2015_border_term_bg_only"]

    weights = unet2015_weight_map(foreground, case["labels"], border_on=border_on)
    np.testing.assert_allclose(weights, 1 + term, atol=1e-6)

    balance = class_weights(class_counts([foreground], 2))
    weights = unet2015_weight_map(foreground, case["labels"], class_weights=balance, border_on=border_on)
    np.testing.assert_allclose(weights, case["wc_N_over_K_Nk"] + term, atol=1e-6)


def test_falk2019(case):
    target = (separate_touching(case["labels"]) > 0).astype(int)

    weights = falk2019_weight_map(target, case["labels"])

    np.testing.assert_array_equal(target, case["falk2019_mask"])
    np.testing.assert_allclose(weights, case["falk2019_weights"], rtol=1e-6)
