"""Object ids learned as distances to the border."""

import numpy as np
import pytest
import torch

from overtile.core import Normalization, OptionError
from overtile.data import from_arrays
from overtile.models import build
from overtile.training import Recipe, Settings, fit, num_classes, prepare, smoke_test
from overtile.training.batches import Batches

ARGUMENTS = {"base_width": 4, "depth": 2, "padding": "same", "norm": "batch"}
RECIPE = Recipe(
    arguments=ARGUMENTS, patch_px=32, batch=2, learning_rate=1e-2, instance_target="distance", weight_map="uniform"
)


@pytest.fixture
def cells():
    """Pairs of touching squares, brighter towards their middle."""
    ids = np.zeros((40, 44), int)
    ids[5:22, 4:21], ids[5:22, 21:38] = 7, 70_000
    labels = [ids, np.flipud(ids)]
    depth = np.minimum.reduce([np.abs(np.arange(40) - 4)[:, None], np.abs(np.arange(40) - 22)[:, None]])
    image = (ids > 0) * (1.0 + depth / 8)
    return from_arrays([image, np.flipud(image)], labels, task="instances")


def made_ready(cells, recipe=RECIPE):
    return prepare(cells, cells.samples, Normalization((0.0,), (1.0,)), recipe)


def test_the_network_has_three_classes_and_the_batch_their_shares(cells):
    images = made_ready(cells)
    assert num_classes(cells, RECIPE) == 3
    model = build("unet", 1, 3, **ARGUMENTS)
    batch = Batches(images, model, RECIPE, torch.device("cpu")).draw(np.random.default_rng(0))
    assert batch.labels.shape == (2, 3, 32, 32)
    torch.testing.assert_close(batch.labels.sum(dim=1), torch.ones(2, 32, 32))
    assert batch.labels[:, 1].max() > 0.9


def test_without_deformation_shares_are_the_distance(cells):
    images = made_ready(cells)
    batches = Batches(
        images, build("unet", 1, 3, **ARGUMENTS), RECIPE.changed(augmentation="none"), torch.device("cpu")
    )
    batch = batches.draw(np.random.default_rng(1))
    middles = [image.labels / 100 for image in images]
    found = batch.labels[0, 1].numpy()
    windows = [middle[y : y + 32, x : x + 32] for middle in middles for y in range(9) for x in range(13)]
    assert any(np.allclose(found, window) for window in windows)


def test_the_class_of_a_mixture_is_its_larger_part(cells):
    image = made_ready(cells)[0]
    assert image.classes[13].tolist()[3:13] == [0, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    assert (image.classes[image.labels >= 50] == 1).all()
    assert (image.classes[(image.labels > 0) & (image.labels < 50)] == 2).all()


def test_distances_are_learned(cells):
    images = made_ready(cells)
    torch.manual_seed(0)
    model = build("unet", 1, 3, **ARGUMENTS)
    before, after = smoke_test(model, images, RECIPE, device=torch.device("cpu"), precision="float32")
    assert after < before
    state = fit(model, images, images, RECIPE.changed(augmentation="none"), Settings(seconds=None, steps=60))
    assert state.validations[-1]["loss"] < 0.5 * state.validations[0]["loss"]
    assert state.best_score > 0.7


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("unet_plus_plus", {"base_width": 4, "depth": 2}),
        ("unet3plus", {"base_width": 4, "depth": 2, "deep_supervision": True, "guidance": "cgm"}),
    ],
)
def test_networks_with_several_heads_learn_distances(cells, architecture, arguments):
    recipe = RECIPE.changed(architecture=architecture, arguments=arguments, loss={"soft_dice": 1.0})
    torch.manual_seed(0)
    network = build(architecture, 1, 3, **arguments)
    before, after = smoke_test(network, made_ready(cells), recipe, device=torch.device("cpu"), precision="float32")
    assert after < before


def test_a_loss_that_knows_no_shares_says_so(cells):
    recipe = RECIPE.changed(loss={"cross_entropy": 0, "focal": 1})
    with pytest.raises(OptionError, match="the focal loss takes class indices"):
        smoke_test(
            build("unet", 1, 3, **ARGUMENTS), made_ready(cells), recipe, device=torch.device("cpu"), precision="float32"
        )


def test_class_balance_counts_middle_and_rim(cells):
    balanced = made_ready(cells, RECIPE.changed(class_balance=True, weight_map="balanced"))[0]
    weights = {int(c): set(np.unique(balanced.weight[balanced.classes == c])) for c in (0, 1, 2)}
    assert all(len(values) == 1 for values in weights.values())
    assert len(set.union(*weights.values())) == 3
