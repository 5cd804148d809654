import numpy as np
import pytest
import torch

from overtile.core import Normalization, OvertileError, TrainingError, UnknownNameError
from overtile.data import from_arrays
from overtile.models import build
from overtile.training import RECIPES, Machine, Recipe, TrainingImage, fitted_to, prepare, recipe_named, smoke_test
from overtile.training.batches import Batches
from overtile.training.memory import step_memory
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
    fitted, choices = fitted_to(Recipe(patch_px=256, batch=2), images)
    assert (fitted.patch_px, fitted.batch) == (64, 32)
    (patch,) = (choice for choice in choices if choice.setting == "patch_px")
    assert str(patch) == "patch_px = 64: patches of 64 px, 32 per step, because the images have about 60 px"


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
        fitted, choices = fitted_to(Recipe(patch_px=64), from_arrays([np.zeros((64, 64))] * 2, [labels] * 2))
        assert fitted.weight_map == expected
        (weights,) = (choice for choice in choices if choice.setting == "weight_map")
        assert ("borders between close objects are weighted" in weights.reason) == (expected == "unet2015")
    three = from_arrays([np.zeros((64, 64))], [packed + np.eye(64, dtype=int)], task="semantic")
    assert fitted_to(Recipe(patch_px=64), three)[0].weight_map == "uniform"
    assert fitted_to(Recipe(patch_px=64, weight_map="falk2019"), three)[0].weight_map == "falk2019"


def test_another_architecture_keeps_the_width_and_its_own_defaults():
    assert recipe_named("default", architecture="residual_unet").arguments == {"base_width": 16}
    assert recipe_named("default", architecture="mobile_unet").arguments == {}
    with pytest.raises(UnknownNameError, match="did you mean 'unet'"):
        recipe_named("default", architecture="unett")


def objects_of(diameter_px, size=256):
    ids = np.zeros((size, size), int)
    ids[20 : 20 + diameter_px, 20 : 20 + diameter_px] = 1
    return from_arrays([np.zeros((size, size))] * 2, [ids] * 2, task="instances")


def test_patches_hold_an_object_with_its_surroundings():
    fitted, choices = fitted_to(Recipe(patch_px=64, batch=8), objects_of(60))
    assert (fitted.patch_px, fitted.batch) == (160, 1)  # twice the diameter of the circle of 3600 px, as many pixels
    assert "an object is about 68 px wide" in "".join(map(str, choices))
    assert fitted_to(Recipe(patch_px=64), objects_of(20))[0].patch_px == 64


def test_levels_are_left_out_where_the_patch_is_small():
    recipe = Recipe(arguments={"depth": 4}, patch_px=256)
    small = from_arrays([np.zeros((30, 30))] * 2, [np.eye(30, dtype=int)] * 2)
    fitted, choices = fitted_to(recipe, small)
    assert (fitted.patch_px, fitted.arguments["depth"]) == (32, 3)
    assert any("coarsest map of a 32 px patch would be under 4 px" in choice.reason for choice in choices)
    assert fitted_to(recipe.changed(arguments={"depth": 4}), small)[0].arguments["depth"] == 4


def test_what_was_chosen_by_name_is_left_alone_even_where_it_is_the_default():
    small = from_arrays([np.zeros((60, 50))] * 2, [np.eye(60, 50, dtype=int)] * 2)
    asked = recipe_named("default", patch_px=256, batch=4)
    fitted, choices = fitted_to(asked, small)
    assert (fitted.patch_px, fitted.batch) == (256, 4)
    assert [c.reason for c in choices if c.setting in ("patch_px", "batch")] == ["as you chose"] * 2


def test_a_batch_is_cut_into_the_pieces_that_the_memory_asks_for():
    recipe = Recipe(arguments={"base_width": 4, "depth": 2, "norm": "batch"}, patch_px=128, batch=6)
    need = step_memory(recipe, 1, 2, precision="float32")
    image = from_arrays([np.zeros((128, 128))], [np.eye(128, dtype=int)])
    for patches, pieces in ((6, 1), (4, 2), (2, 3), (0, 6)):
        memory = int(need.of(patches) / 0.8) + 1
        fitted, choices = fitted_to(recipe, image, Machine(memory))
        assert fitted.accumulate == pieces
        assert choices[-1].setting == "accumulate"
        assert choices[-1].fitted == (pieces > 1)
    assert fitted_to(recipe, image, Machine(int(need.of(4) / 0.8) + 1, processes=2))[0].accumulate == 1


def test_the_memory_of_a_step_grows_with_its_patches_and_falls_with_the_precision():
    recipe = Recipe(arguments={"base_width": 4, "depth": 2, "norm": "batch", "padding": "same"}, patch_px=128)
    one, wide = (step_memory(recipe.changed(patch_px=px), 1, 2, precision="float32") for px in (128, 256))
    assert wide.per_patch == pytest.approx(4 * one.per_patch, rel=0.01)
    assert one.of(3) - one.of(2) == one.per_patch
    assert step_memory(recipe, 1, 2, precision="bfloat16").per_patch < 0.7 * one.per_patch


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


def test_rare_classes_get_soft_dice_unless_the_loss_was_chosen():
    def annotated(rows, task="semantic"):
        labels = np.zeros((64, 64), int)
        labels[:30], labels[30 : 30 + rows] = 1, 2
        return from_arrays([np.zeros((64, 64))] * 2, [labels] * 2, task=task)

    rare, frequent = annotated(2), annotated(10)
    fitted, choices = fitted_to(Recipe(), rare)
    (line,) = (choice for choice in choices if choice.setting == "loss")
    assert fitted.loss == {"cross_entropy": 1.0, "soft_dice": 1.0}
    assert str(line) == (
        "loss = cross_entropy + soft_dice: soft Dice keeps rare classes from being left out: class 2 covers 3.1% of the pixels"
    )
    for recipe, images in (
        (Recipe(), frequent),
        (Recipe().changed(loss={"soft_dice": 0}), rare),
        (RECIPES["paper"], rare),
        (Recipe(), annotated(2, "instances")),
    ):
        assert fitted_to(recipe, images)[0].loss == recipe.loss
