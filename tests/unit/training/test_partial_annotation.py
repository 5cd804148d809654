"""Images of which only a part is annotated, from the labels to a trained network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

import overtile
from overtile.core import Normalization
from overtile.core.errors import ShapeError
from overtile.data import PatchSampler, cells, from_arrays
from overtile.data.near_duplicates import near_duplicates
from overtile.data.splits import holdout, spatial_blocks
from overtile.metrics import METRICS, aggregate, score_image
from overtile.models import build
from overtile.targets import WEIGHT_MAPS, beyond_annotation
from overtile.training import prepare, recipe_named
from overtile.training.batches import Batches
from overtile.training.fitting import fitted_to
from overtile.training.validation import centre_parts

IGNORE = 255


def scribbled(ids: NDArray[np.int32], rng: np.random.Generator, strokes: int = 6) -> NDArray[np.uint8]:
    """A few strokes of 9 x 1 pixels inside and outside of cells; all the rest is not annotated."""
    labels = np.full(ids.shape, IGNORE, np.uint8)
    for value, mask in enumerate((ids == 0, ids > 0)):
        inner = np.argwhere(ndimage.binary_erosion(mask, iterations=2))
        for y, x in inner[rng.choice(len(inner), strokes, replace=False)]:
            row = slice(max(x - 4, 0), x + 5)
            labels[y, row] = np.where(mask[y, row], value, labels[y, row])
    return labels


def boxed(labels: NDArray[np.int32], y: slice, x: slice) -> NDArray[np.bool_]:
    valid = np.zeros(labels.shape, bool)
    valid[y, x] = True
    return valid


def test_training_on_scribbles_finds_the_cells() -> None:
    # Given six strokes inside and outside of cells in each of four images, 0.6 % of their pixels
    rng = np.random.default_rng(0)
    pairs = [cells(seed, size=128, count=12) for seed in range(5)]
    strokes = [scribbled(ids, rng) for _, ids in pairs[:4]]
    data = from_arrays([image for image, _ in pairs[:4]], strokes, task="semantic", ignore_label=IGNORE)
    assert sum(float(s.valid.mean()) for s in data.samples if s.valid is not None) / 4 < 0.008

    # When a tiny network learns them in 40 steps
    tiny = {"patch_px": 64, "batch": 4, "learning_rate": 5e-3, "arguments": {"base_width": 8, "depth": 2}}
    model = overtile.train(
        data, "scribbles.overtile", recipe=overtile.recipe("default", **tiny), steps=40, check_learning=False
    )

    # Then it finds the cells of an image that it has not seen
    image, ids = pairs[4]
    found, truth = model.predict(image) == 1, ids > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8
    # and scores on strokes count the strokes alone
    scores = overtile.evaluate(model, data)
    assert scores.total["dice"]["value"] > 0.8


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("weights", WEIGHT_MAPS)
@pytest.mark.parametrize("target", ["classes", "foreground", "boundary", "distance"])
def test_what_lies_beyond_the_annotation_changes_nothing(weights: str, target: str) -> None:
    # Given a box of annotation, and two truths that differ beyond it
    image, ids = cells(0, size=96, count=8)
    valid = boxed(ids, slice(20, 70), slice(10, 60))
    other = np.where(valid, ids, np.roll(ids, 17, axis=1))
    recipe = recipe_named("default", weight_map=weights, **({} if target == "classes" else {"instance_target": target}))

    prepared = []
    for truth in (ids, other):
        labels = np.minimum(truth, 1) if target == "classes" else truth
        task = "semantic" if target == "classes" else "instances"
        data = from_arrays([image], [labels], valid=[valid], task=task)
        prepared += prepare(data, data.samples, Normalization((0.0,), (1.0,)), recipe)

    # Then pixels beyond it have no weight, and all others the same target
    first, second = prepared
    assert not first.weight[~valid].any()
    assert (first.weight[valid] > 0).all()
    assert np.array_equal(first.labels[valid], second.labels[valid])


def test_the_edge_of_the_annotation_is_no_edge_of_an_object() -> None:
    ids = np.zeros((9, 9), np.int32)
    ids[1:8, 1:8] = 3
    valid = boxed(ids, slice(0, 9), slice(0, 5))
    data = from_arrays([np.zeros((9, 9))], [ids], valid=[valid], task="instances")
    recipe = recipe_named("default", instance_target="boundary", weight_map="uniform")
    (image,) = prepare(data, data.samples, Normalization((0.0,), (1.0,)), recipe)
    assert image.labels[4, :5].tolist() == [0, 2, 1, 1, 1]  # background, boundary, interior up to the edge of the box
    with pytest.raises(ShapeError, match="expected ids and valid pixels of one shape with at least one valid"):
        beyond_annotation(ids, np.zeros((9, 9), bool))


def test_every_patch_holds_annotated_pixels() -> None:
    # Given two strokes in a large image
    labels, valid = np.zeros((400, 400), np.int32), np.zeros((400, 400), bool)
    labels[60, 300:309] = 1
    valid[60, 300:309] = valid[310, 90:99] = True
    data = from_arrays([np.random.default_rng(0).random((400, 400))], [labels], valid=[valid], task="semantic")
    recipe = recipe_named("default", patch_px=64, batch=8, weight_map="uniform")
    images = prepare(data, data.samples, Normalization((0.0,), (1.0,)), recipe)
    network = build("unet", 1, 2, base_width=4, depth=2)
    batches = Batches(images, network, recipe, torch.device("cpu"))

    # When patches are cut, turned, scaled and bent
    drawn = [batches.draw(np.random.default_rng(seed)) for seed in range(5)]

    # Then each has something to learn from, and both classes are seen
    assert all((batch.weight > 0).any(dim=(1, 2)).all() for batch in drawn)
    seen = {int(v) for batch in drawn for v in batch.labels[batch.weight > 0].unique()}
    assert seen == {0, 1}


def test_sparse_windows_keep_the_pixel_away_from_the_rim() -> None:
    labels, valid = np.zeros((100, 100), np.int32), np.zeros((100, 100), bool)
    labels[50, 50] = 1
    valid[50, 50] = valid[1, 1] = True
    sampler = PatchSampler(labels, valid, (20, 20))
    rng = np.random.default_rng(0)
    offsets = 50 - (sampler.centres(200, rng, foreground_fraction=1.0) - 10)
    assert (offsets.min(), offsets.max()) == (5, 14)
    corner = {tuple(c) for c in sampler.centres(50, rng, foreground_fraction=0.0).tolist()}
    assert (10, 10) in corner  # at the edge of the image the window stays inside


def test_the_background_between_objects_is_judged_where_it_is_annotated() -> None:
    # Given stripes close together, of which only a plain part is annotated
    labels = np.zeros((64, 64), np.int32)
    labels[:40:4, :] = 1
    plain = boxed(labels, slice(40, 64), slice(0, 64))
    labels[60:63, 10:20] = 1
    image = np.random.default_rng(0).random((64, 64))
    whole = from_arrays([image], [labels], task="semantic")
    part = from_arrays([image], [labels], valid=[plain], task="semantic")
    assert fitted_to(recipe_named("default"), whole)[0].weight_map == "unet2015"
    assert fitted_to(recipe_named("default"), part)[0].weight_map == "uniform"


def test_validation_looks_where_the_annotation_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtile.training.validation.MOST_PIXELS", 32 * 32)
    monkeypatch.setattr("overtile.training.validation.LEAST_SIDE_PX", 32)
    labels = np.zeros((100, 100), np.int32)
    labels[90:95, 5:9] = 1
    valid = boxed(labels, slice(88, 100), slice(0, 20))
    data = from_arrays([np.zeros((100, 100))], [labels], valid=[valid], task="semantic")
    images = prepare(data, data.samples, Normalization((0.0,), (1.0,)), recipe_named("default", weight_map="uniform"))
    (part,) = centre_parts(images)
    assert part.valid.sum() == valid.sum()
    full = replace(images[0], weight=np.ones((100, 100), np.float32), labels=np.indices((100, 100))[0].astype(np.uint8))
    assert centre_parts([full])[0].labels[0, 0] == 34


def test_strips_of_one_image_divide_its_annotation() -> None:
    labels = np.zeros((60, 200), np.int32)
    labels[::2, 120:] = 1
    valid = boxed(labels, slice(0, 60), slice(100, 200))
    (sample,) = from_arrays([np.zeros((60, 200))], [labels], valid=[valid], task="semantic").samples
    for split in (*spatial_blocks(sample, 4), holdout([sample], 0.25, 0)):
        (part,) = split.validation
        assert part.valid is not None
        assert 0.2 < part.valid.sum() / valid.sum() < 0.3
        assert all(one.valid is not None and one.valid.any() for one in split.train)


def test_copies_are_found_whatever_is_scribbled_on_them() -> None:
    image, ids = cells(0, size=96, count=8)
    data = from_arrays([image, image], [scribbled(ids, np.random.default_rng(s)) for s in (0, 1)], ignore_label=IGNORE)
    assert near_duplicates([s.image for s in data.samples], [s.valid for s in data.samples]).tolist() == [0, 0]


@pytest.mark.parametrize("task", ["binary", "semantic", "instances"])
def test_no_metric_looks_beyond_the_annotation(task: str) -> None:
    _, ids = cells(0, size=64, count=6)
    valid = boxed(ids, slice(5, 60), slice(0, 40))
    truth = ids if task == "instances" else np.minimum(ids, 1)
    found = np.roll(truth, 2, axis=0)
    noise = np.random.default_rng(0).integers(0, 2, ids.shape)
    plain = score_image(truth, found, task=task, valid=valid)
    other = score_image(np.where(valid, truth, noise), np.where(valid, found, 1 - noise), task=task, valid=valid)
    values = [
        {name: entry["value"] for name, entry in aggregate({"a": one}, rng=np.random.default_rng(0))["total"].items()}
        for one in (plain, other)
    ]
    assert values[0] == values[1]
    assert set(values[0]) <= set(METRICS)
