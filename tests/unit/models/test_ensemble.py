"""Several networks as one."""

import numpy as np
import pytest
import torch

from overtile.bundle import tiling_for
from overtile.models import Ensemble, build, geometry, members_of
from overtile.prediction import predict_tiled


def networks(count, **arguments):
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        made.append(build("unet", 1, 2, base_width=4, depth=2, dropout=0.0, **arguments).eval())
    return made


def test_an_ensemble_has_the_geometry_of_its_members():
    members = networks(2, padding="same", norm="batch")
    whole, one = geometry(Ensemble(members).eval(), 1), geometry(members[0], 1)
    assert (whole.stride, whole.halo, whole.tile_exact) == (one.stride, one.halo, True)
    mixed = Ensemble([members[0], *networks(1, padding="same", norm="instance")]).eval()
    assert not geometry(mixed, 1).tile_exact


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_tiles_of_an_ensemble_equal_the_whole_image(padding):
    ensemble = Ensemble(networks(2, padding=padding, norm="none")).eval()
    image = np.random.default_rng(0).random((1, 90, 70), dtype=np.float32)

    def run(part):
        with torch.inference_mode():
            return ensemble(torch.from_numpy(np.ascontiguousarray(part))[None])[0].numpy()

    shape = geometry(ensemble, 1)
    whole, tiled = (predict_tiled(image, run, tiling_for(shape, px)) for px in (1024, 24))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_a_single_network_is_its_own_member():
    members = networks(2, padding="same", norm="none")
    assert members_of(members[0]) == [members[0]]
    assert members_of(Ensemble(members)) == members
