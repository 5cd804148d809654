import numpy as np
import pytest
import torch

from overtile.core import Normalization, OvertileError, TrainingError, UnknownNameError
from overtile.data import from_arrays
from overtile.models import build
from overtile.training import RECIPES, Recipe, TrainingImage, fitted_to, prepare, recipe_named, smoke_test
from overtile.training.batches import Batches
from overtile.training.validation import centre_parts

CPU = torch.device("cpu")


def test_the_paper_recipe_is_the_papers():
    paper = recipe_named("paper")
    assert (paper.optimizer, paper.momentum, paper.batch) == ("sgd", 0.99, 1)
    assert (paper.weight_map, paper.class_balance) == ("unet2015", True)
    model = build(paper.architecture, 1, 2, **paper.arguments)
    assert sum(p.numel() for p in model.parameters()) == 31_030_658
    image = TrainingImage("a", np.zeros((1, 64, 64), np.float32), np.zeros((64, 64), np.uint8), np.ones((64, 64), "f4"))
    batches = Batches([image], model, paper, CPU)
    assert (batches.input_size, batches.output_size) == ((572, 572), (388, 388))


def test_unknown_names_are_refused_with_the_close_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'paper'"):
        recipe_named("papre")
    with pytest.raises(UnknownNameError, match="did you mean 'batch'"):
        recipe_named("default", bach=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch cannot be 0: Input should be greater than 0"),
        ({"patch_px": "large"}, "patch_px cannot be 'large': Input should be a valid integer"),
        ({"learning_rate": -1.0}, "learning_rate cannot be -1.0"),
        ({"optimizer": "lion"}, "optimizer cannot be 'lion': Input should be 'sgd' or 'adamw'"),
        ({"loss": {"focal": "much"}}, "loss.focal cannot be 'much'"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(OvertileError, match=message):
        recipe_named("default", **change)


def test_changes_merge_into_tables():
    changed = RECIPES["default"].changed(arguments={"depth": 3})
    assert changed.arguments == {**RECIPES["default"].arguments, "depth": 3}


def test_small_images_get_small_patches_and_as_many_pixels_per_step():
    images = from_arrays([np.zeros((60, 50))] * 2, [np.eye(60, 50, dtype=int)] * 2)
    fitted, notes = fitted_to(Recipe(patch_px=256, batch=2), images)
    assert (fitted.patch_px, fitted.batch) == (64, 32)
    assert "64 px, 32 per step" in notes[0]


def test_touching_objects_are_trained_with_a_gap_and_weighted_borders():
    ids = np.zeros((24, 24), int)
    ids[4:20, 4:12], ids[4:20, 12:20] = 1, 2
    data = from_arrays([np.zeros((24, 24))], [ids], task="instances")
    (image,) = prepare(data, data.samples, Normalization((0.0,), (1.0,)), Recipe(weight_map="unet2015"))
    gap = (ids > 0) & (image.labels == 0)
    assert gap[10].sum() >= 1
    assert image.weight[gap].min() > 5 * image.weight[0, 0]


def test_ignored_pixels_have_no_weight():
    labels = np.zeros((16, 16), int)
    labels[:8] = 1
    labels[-2:] = 9
    data = from_arrays([np.zeros((16, 16))], [labels], task="semantic", ignore_label=9)
    (image,) = prepare(
        data, data.samples, Normalization((0.0,), (1.0,)), Recipe(weight_map="balanced", class_balance=True)
    )
    assert (image.weight[-2:] == 0).all()
    assert (image.weight[:-2] > 0).all()


def test_the_smoke_test_passes_what_can_be_learned_and_stops_what_cannot():
    labels = np.zeros((32, 32), np.uint8)
    labels[8:20, 8:20] = 1
    image = TrainingImage("a", labels[None].astype("f4"), labels, np.ones((32, 32), "f4"))
    recipe = Recipe(arguments={"base_width": 4, "depth": 2, "padding": "same", "norm": "batch"}, patch_px=32)
    model = build("unet", 1, 2, **recipe.arguments)
    before, after = smoke_test(model, [image], recipe, device=CPU, precision="float32")
    assert after < before
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.head.conv.bias.requires_grad_(True)
    with torch.no_grad():
        model.head.conv.weight.zero_()
        model.head.conv.bias.copy_(torch.tensor([1.8, 0.0]))  # already the best constant answer
    with pytest.raises(TrainingError, match="cannot learn a single batch by heart"):
        smoke_test(model, [image], recipe, device=CPU, precision="float32")


def test_borders_are_weighted_where_objects_are_packed_and_only_there():
    packed = np.ones((64, 64), int)
    packed[::8] = packed[:, ::8] = 0
    lonely = np.zeros((64, 64), int)
    lonely[20:40, 20:40] = 1
    for labels, expected in ((packed, "unet2015"), (lonely, "uniform")):
        fitted, notes = fitted_to(Recipe(patch_px=64), from_arrays([np.zeros((64, 64))] * 2, [labels] * 2))
        assert fitted.weight_map == expected
        assert len(notes) == (expected == "unet2015")
    three = from_arrays([np.zeros((64, 64))], [packed + np.eye(64, dtype=int)], task="semantic")
    assert fitted_to(Recipe(patch_px=64), three)[0].weight_map == "uniform"
    assert fitted_to(Recipe(patch_px=64, weight_map="falk2019"), three)[0].weight_map == "falk2019"


def test_another_architecture_keeps_the_width_and_its_own_defaults():
    assert recipe_named("default", architecture="residual_unet").arguments == {"base_width": 16}
    assert recipe_named("default", architecture="mobile_unet").arguments == {}
    with pytest.raises(UnknownNameError, match="did you mean 'unet'"):
        recipe_named("default", architecture="unett")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "soft_dice"}, r"loss is a table: set its entries, such as loss\.NAME=VALUE"),
        ({"loss": {"cross_entropy": 0}}, "no loss left"),
        ({"loss": {"dicee": 1.0}}, "unknown loss 'dicee'"),
        ({"weight_map": "unet2014"}, "did you mean 'unet2015'"),
        ({"augmentation": "papers"}, "did you mean 'paper'"),
        ({"arguments": {"dept": 3}}, "did you mean 'depth'"),
        ({"arguments": {"ndim": 3}}, "ndim must be 2"),
    ],
)
def test_names_are_checked_before_any_image_is_read(change, message):
    with pytest.raises(OvertileError, match=message):
        recipe_named("default", **change)


def test_a_validation_looks_at_the_centres_of_a_few_images():
    def image(size):
        return TrainingImage(
            "a", np.zeros((1, size, size), "f4"), np.zeros((size, size), "u1"), np.ones((size, size), "f4")
        )

    assert [i.labels.shape for i in centre_parts([image(100)] * 3)] == [(100, 100)] * 3
    large = centre_parts([image(1500)] * 9)
    assert [i.image.shape for i in large] == [(1, 512, 512)] * 4
