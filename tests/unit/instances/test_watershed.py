import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import label
from skimage.segmentation import watershed

from overtile.core import DataError, ShapeError, UnknownNameError
from overtile.instances import METHODS, PostProcessing, default_grids, flood, segment, segment_tiled, tune


def two_class(inside):
    return np.stack([1 - np.asarray(inside, float), np.asarray(inside, float)])


def two_discs():
    y, x = np.mgrid[:41, :61]
    return np.maximum(np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 150), np.exp(-((y - 20) ** 2 + (x - 40) ** 2) / 150))


def test_flood_meets_at_the_ridge():
    landscape = np.array([[0, 2, 5, 1, 0]])
    seeds = np.array([[3, 0, 0, 0, 8]])
    assert flood(landscape, landscape < 9, seeds).tolist() == [[3, 3, 8, 8, 8]]  # the ridge goes to its lower side


def test_flood_takes_the_lowest_pass():
    # the basin in the middle is reached from the right first; the higher ridge belongs to its lower side
    landscape = np.array([[0, 4, 1, 3, 0]])
    seeds = np.array([[1, 0, 0, 0, 2]])
    assert flood(landscape, landscape < 9, seeds).tolist() == [[1, 1, 2, 2, 2]]


def test_flood_stays_in_the_foreground_and_needs_a_seed():
    landscape = np.zeros((1, 6))
    foreground = np.array([[True, True, False, True, True, False]])
    seeds = np.array([[5, 0, 6, 0, 0, 0]])
    assert flood(landscape, foreground, seeds).tolist() == [[5, 5, 0, 0, 0, 0]]


def test_a_seed_in_pieces_is_one_seed():
    seeds = np.array([[2**40, 0, 7, 0, 2**40]])
    assert flood(np.zeros((1, 5)), np.ones((1, 5), bool), seeds)[0, [0, 2, 4]].tolist() == [2**40, 7, 2**40]


def test_flood_agrees_with_scikit_image_but_for_ridges():
    landscape = gaussian_filter(np.random.default_rng(0).standard_normal((200, 200)), 5)
    foreground, seeds = landscape < 0.02, label(landscape < -0.08, connectivity=1)
    expected = watershed(landscape, seeds, mask=foreground)
    found = flood(landscape, foreground, seeds)
    assert seeds.max() > 10
    np.testing.assert_array_equal(found > 0, expected > 0)
    assert (found == expected)[foreground].mean() > 0.999


def test_components_where_the_seed_threshold_is_low():
    maps = two_class([[0.6, 0.9, 0.1, 0.7]])
    assert segment(maps, PostProcessing(seed_threshold=0.0)).tolist() == [[1, 1, 0, 2]]


def test_seeds_split_touching_objects():
    maps = two_class(two_discs())
    merged = segment(maps, PostProcessing(foreground_threshold=0.3, seed_threshold=0.3))
    split = segment(maps, PostProcessing(foreground_threshold=0.3, seed_threshold=0.8))
    assert merged.max() == 1
    assert split.max() == 2
    np.testing.assert_array_equal(split > 0, merged > 0)
    assert (split[:, :30] != 2).all()
    assert (split[:, 31:] != 1).all()


def test_boundary_method():
    background, interior = np.array([[0.8, 0.1, 0.2, 0.1, 0.1]]), np.array([[0.1, 0.8, 0.2, 0.3, 0.7]])
    maps = np.stack([background, interior, 1 - background - interior])
    assert segment(maps, PostProcessing(method="boundary")).tolist() == [[0, 1, 1, 2, 2]]


def test_distance_method():
    background, middle = np.array([[0.9, 0.1, 0.1, 0.1]]), np.array([[0.1, 0.8, 0.2, 0.6]])
    maps = np.stack([background, middle, 1 - background - middle])
    assert segment(maps, PostProcessing(method="distance")).tolist() == [[0, 1, 1, 2]]


def test_sizes_and_holes():
    ring = np.pad(np.pad(np.array([[0.1]]), 1, constant_values=0.9), 1)
    assert (segment(two_class(ring), PostProcessing()) > 0).sum() == 9
    assert (segment(two_class(ring), PostProcessing(fill_holes=False)) > 0).sum() == 8
    assert segment(two_class(ring), PostProcessing(min_size_px=9)).max() == 0
    assert segment(two_class(ring), PostProcessing(min_seed_px=9)).max() == 0


def test_several_foreground_classes_count_together():
    maps = np.array([[[0.4, 0.9]], [[0.3, 0.05]], [[0.3, 0.05]]])
    assert segment(maps, PostProcessing()).tolist() == [[1, 0]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(0, 3), (4, 5), (2, 3, 4)])
def test_nothing_above_the_thresholds(method, size):
    maps = np.zeros((2 if method == "foreground" else 3, *size))
    maps[0] = 1
    ids = segment(maps, PostProcessing(method=method))
    assert ids.shape == size
    assert ids.dtype == np.uint16
    assert not ids.any()


def test_parameters_travel_as_json():
    post = PostProcessing(method="boundary", seed_threshold=0.7, min_size_px=12)
    assert PostProcessing.from_dict(json.loads(json.dumps(post.to_dict()))) == post


def test_tuning_finds_the_threshold_that_splits():
    truth = np.where(two_discs() > 0.3, 1 + (np.arange(61) > 30), 0)

    def right_number(found, true):
        return -float(sum(abs(int(f.max()) - int(t.max())) for f, t in zip(found, true, strict=True)))

    tuned = tune([two_class(two_discs())], [truth], right_number, start=PostProcessing(seed_threshold=0.0))
    assert tuned.score == 0
    assert segment(two_class(two_discs()), tuned.post).max() == 2
    assert tuned.trials[0] == (PostProcessing(seed_threshold=0.0), -1.0)
    assert max(score for _, score in tuned.trials) == tuned.score


def test_tuning_keeps_the_start_among_equals_and_passes_over_nan():
    maps, truth = two_class([[0.9]]), np.array([[1]])
    start = PostProcessing(min_size_px=1)
    assert tune([maps], [truth], lambda *_: 1.0, start=start).post == start
    scores = iter([float("nan"), 0.2, 0.1])
    grid = {"seed_threshold": (0.3, 0.4)}
    tuned = tune([maps], [truth], lambda *_: next(scores), start=start, grids=[grid])
    assert (tuned.post.seed_threshold, tuned.score) == (0.3, 0.2)


def test_grids_without_true_objects():
    assert default_grids("foreground", [np.zeros((3, 3), int)])[1] == {"min_size_px": (1,), "min_seed_px": (1, 3)}
    assert default_grids("foreground", [])[1]["min_size_px"] == (1,)


def test_errors():
    with pytest.raises(UnknownNameError, match=r"unknown method of post-processing 'bondary': did you mean 'boundary'"):
        PostProcessing(method="bondary")
    with pytest.raises(UnknownNameError, match="unknown method of post-processing 'x'"):
        default_grids("x", [])
    with pytest.raises(UnknownNameError, match="unknown parameter of post-processing 'seed_treshold'"):
        PostProcessing.from_dict({"seed_treshold": 1})
    with pytest.raises(DataError, match=r"expected finite thresholds, got nan and 0.5"):
        PostProcessing(foreground_threshold=float("nan"))
    with pytest.raises(DataError, match="expected sizes of 0 or more pixels, got 1 and -1"):
        PostProcessing(min_size_px=-1)
    with pytest.raises(ShapeError, match=r"'boundary' needs maps of shape \(3, \[z\], y, x\), got \(2, 1, 1\)"):
        segment(two_class([[1]]), PostProcessing(method="boundary"))
    with pytest.raises(ShapeError, match=r"'foreground' needs maps of shape \(two or more, .*got \(1, 4, 4\)"):
        segment(np.zeros((1, 4, 4)), PostProcessing())
    with pytest.raises(ShapeError, match="landscape, foreground, seeds and seam of one shape"):
        flood(np.zeros((2, 2)), np.ones((2, 3), bool), np.zeros((2, 2), int))
    with pytest.raises(DataError, match="expected one truth for each of one or more images, got 0 and 0"):
        tune([], [], lambda *_: 0.0, start=PostProcessing())
    with pytest.raises(UnknownNameError, match="unknown parameter of post-processing 'min_size'"):
        tune([two_class([[1]])], [np.ones((1, 1), int)], len, start=PostProcessing(), grids=[{"min_size": (1,)}])
    many = two_class(np.indices((32, 32)).sum(axis=0) % 2)
    with pytest.raises(DataError, match="512 objects do not fit into uint8: give a target of a wider type"):
        segment_tiled(
            lambda w: many[(slice(None), *w)],
            np.zeros((32, 32), np.uint8),
            PostProcessing(),
            shape=(32, 32),
            tile=(8, 8),
        )
