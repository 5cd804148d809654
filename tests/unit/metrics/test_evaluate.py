import json

import numpy as np
import pytest

from overtile.core.errors import DataError, ShapeError, UnknownNameError
from overtile.metrics import METRICS, aggregate, score_image

EM = {"pixel_error_f", "rand_error", "warping_error", "warping_error_challenge", "v_rand", "v_info"}
CLASSES = {"pixel_error", "pixel_accuracy", "iou", "dice"}
OUTLINES = {"boundary_iou", "hausdorff_95"}
IDS = {"seg", "det", "op_csb", "ap_50", "ap_75", "ap_mean", "f1_50", "precision_50", "recall_50", "pq_50"}

CELLS = np.zeros((12, 20), np.uint8)
CELLS[1:11, 1:6] = CELLS[1:11, 7:12] = CELLS[1:11, 13:19] = 1
IDS_OF_CELLS = CELLS * np.repeat([3, 3, 3, 3, 3, 3, 3, 9, 9, 9, 9, 9, 9, 70, 70, 70, 70, 70, 70, 70], 1).astype(
    np.int32
)


def values(scores, resamples=50):
    if not isinstance(scores, dict):
        scores = {"one": scores}
    total = aggregate(scores, rng=np.random.default_rng(0), resamples=resamples)["total"]
    return {name: entry["value"] for name, entry in total.items()}


def test_every_metric_has_a_task_that_yields_it():
    assert set(METRICS) == EM | CLASSES | OUTLINES | IDS


@pytest.mark.parametrize(
    ("task", "truth", "expected"),
    [
        ("binary", CELLS, EM | CLASSES | OUTLINES),
        ("semantic", CELLS, CLASSES | OUTLINES),
        ("instances", IDS_OF_CELLS, EM | CLASSES | IDS),
    ],
)
def test_each_task_has_its_metrics_and_a_perfect_prediction_is_best(task, truth, expected):
    got = values(score_image(truth, truth, task=task))
    assert set(got) == expected
    for name, value in got.items():
        best = 0 if METRICS[name].better == "lower" else 1
        assert value == pytest.approx(best, abs=1e-12), name


def test_binary_predictions_may_be_masks_ids_or_probabilities():
    broken = CELLS.copy()
    broken[5, 6] = 1  # a bridge merges the first two cells
    as_ids = IDS_OF_CELLS.copy()
    as_ids[as_ids == 9] = 3
    as_ids[5, 6] = 3
    for prediction in (broken, broken != 0, broken * 255, as_ids, broken.astype(np.float32)):
        got = values(score_image(CELLS * 255, prediction, task="binary"))
        # a = 50, 50, 60; the merged cell has 100: sumAB = sumA = 8600, sumB = 13600
        assert got["rand_error"] == pytest.approx(1 - 2 * 8600 / (8600 + 13600))
        assert got["pixel_error"] == pytest.approx(1 / 240)
        assert got["warping_error_challenge"] == pytest.approx(1 / 240)


def test_probabilities_are_cut_at_the_best_threshold_where_the_definition_sweeps():
    bridge = np.where(CELLS, 1.0, 0.0)
    bridge[5, 6] = 0.75  # gone above 0.7
    got = values(score_image(CELLS, bridge, task="binary"))
    assert got["rand_error"] == pytest.approx(0)
    assert got["warping_error"] == 0
    assert got["pixel_error_f"] == pytest.approx(0)
    assert got["pixel_error"] == pytest.approx(1 / 240)  # labels are cut at 0.5
    fixed = values(score_image(CELLS, bridge, task="binary", thresholds=(0.5,)))
    assert fixed["rand_error"] > 0.1


def test_ids_keep_touching_objects_apart_where_masks_do_not():
    touching = np.repeat([[0, 4, 4, 4, 8, 8, 8, 0]], 4, axis=0)
    assert values(score_image(touching, touching, task="instances"))["ap_mean"] == 1
    as_mask = values(score_image(touching, touching != 0, task="instances"))
    assert as_mask["ap_50"] == pytest.approx(1 / 2)  # one component: IoU 1/2 with either
    assert as_mask["rand_error"] == pytest.approx(1 - 2 * 0.5 / 1.5)
    assert as_mask["warping_error_challenge"] == pytest.approx(4 / 32)


def test_totals_pool_counts_and_average_what_the_challenge_averages():
    first = score_image(IDS_OF_CELLS, IDS_OF_CELLS, task="instances")
    merged = IDS_OF_CELLS.copy()
    merged[5, 6], merged[merged == 9] = 3, 3
    second = score_image(IDS_OF_CELLS, merged, task="instances")
    one, two, both = values(first), values(second), values({"a": first, "b": second})
    assert both["rand_error"] == pytest.approx(1 - 2 * (8600 * 2) / (8600 * 2 + 8600 + 13600))
    assert both["v_info"] == pytest.approx((one["v_info"] + two["v_info"]) / 2)
    assert both["warping_error"] == pytest.approx((one["warping_error"] + two["warping_error"]) / 2)
    assert both["ap_50"] == pytest.approx(4 / 7)  # 3 of 3, and 1 of 3 with 2 proposals: TP 4, FP 1, FN 2
    assert both["seg"] == pytest.approx((3 + 50 / 101 + 50 / 101 + 1) / 6)


def test_classes_are_listed_with_their_mean():
    truth = np.array([[0, 0, 1, 1, 2, 2]])
    prediction = np.array([[0, 0, 1, 1, 1, 1]])
    scores = {"a": score_image(truth, prediction, task="semantic", classes=4)}
    entry = aggregate(scores, rng=np.random.default_rng(0))["total"]["iou"]
    assert {c: e["value"] for c, e in entry["per_class"].items()} == {"0": 1.0, "1": 0.5, "2": 0.0, "3": None}
    assert entry["value"] == pytest.approx(0.5)
    assert set(entry) == {"value", "low", "high", "per_class"}


def test_few_images_are_resampled_by_object_and_many_by_image():
    damaged = IDS_OF_CELLS.copy()
    damaged[damaged == 9] = 0
    good, bad = (score_image(IDS_OF_CELLS, p, task="instances") for p in (IDS_OF_CELLS, damaged))
    few = aggregate({"a": good, "b": bad}, rng=np.random.default_rng(0))["total"]["recall_50"]
    assert few["value"] == pytest.approx(5 / 6)
    assert few["low"] < few["value"] < few["high"] == 1
    many = {str(i): good if i else bad for i in range(6)}
    by_image = aggregate(many, rng=np.random.default_rng(0))
    # recall is 1 - k / 18 if the bad image is drawn k times: the 2.5 % point is k = 3, 6 * 3 - 3 of 18
    assert by_image["total"]["recall_50"]["low"] == pytest.approx(15 / 18)
    alike = aggregate(dict.fromkeys("abcde", bad), rng=np.random.default_rng(0))["total"]["recall_50"]
    assert alike["low"] == alike["high"] == pytest.approx(2 / 3)
    assert by_image["images"]["0"]["recall_50"]["low"] < 2 / 3  # one image: over its objects


@pytest.mark.parametrize("task", ["binary", "instances"])
def test_empty_images(task):
    empty = np.zeros_like(IDS_OF_CELLS)
    both = values(score_image(empty, empty, task=task))
    invented = values(score_image(empty, IDS_OF_CELLS, task=task))
    missed = values(score_image(IDS_OF_CELLS, empty, task=task))
    for name in EM & {"rand_error", "v_rand", "v_info"} | {"seg", "op_csb"} & set(both):
        assert both[name] is None, name
        assert invented[name] is None, name
    assert (both["pixel_error_f"], invented["pixel_error_f"], missed["pixel_error_f"]) == (0, 1, 1)
    assert both["warping_error"] == 0
    assert both["iou"] == 1  # the background
    assert (missed["iou"], invented["iou"]) == pytest.approx(((80 / 240 + 0) / 2, (80 / 240 + 0) / 2))
    assert missed["rand_error"] == pytest.approx(1 - 2 * 1 * (160 / 8600) / (1 + 160 / 8600))
    if task == "instances":
        names = ("ap_50", "ap_mean", "f1_50", "pq_50", "det")
        assert [[v[n] for n in names] for v in (both, invented, missed)] == [[1] * 5, [0] * 5, [0] * 5]
        assert missed["seg"] == 0


def test_an_image_without_valid_pixels_counts_for_nothing():
    ignored = score_image(CELLS, CELLS * 0, task="binary", valid=np.zeros(CELLS.shape, bool))
    scored = score_image(CELLS, CELLS, task="binary")
    result = aggregate({"ignored": ignored, "scored": scored}, rng=np.random.default_rng(0), resamples=20)
    assert {e["value"] for e in result["images"]["ignored"].values()} == {None}
    assert result["total"]["rand_error"]["value"] == pytest.approx(0)
    alone = aggregate({"ignored": ignored}, rng=np.random.default_rng(0))
    assert alone == {"total": {}, "images": {"ignored": {}}}


def test_the_result_is_json_and_the_seed_decides_it():
    score = score_image(IDS_OF_CELLS, np.roll(IDS_OF_CELLS, 2, axis=1), task="instances")
    first, again = (aggregate({"a": score}, rng=np.random.default_rng(4), resamples=20) for _ in range(2))
    assert json.loads(json.dumps(first, allow_nan=False)) == first == again
    for name, entry in first["total"].items():
        assert entry["low"] <= entry["high"], name


def test_volumes_have_all_but_the_planar_metrics():
    volume = np.stack([IDS_OF_CELLS] * 3)
    got = values(score_image(volume, volume, task="instances"))
    assert set(got) == (EM - {"v_rand", "v_info", "warping_error", "warping_error_challenge"}) | CLASSES | IDS


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"task": "semantc"}, UnknownNameError, "unknown task 'semantc': did you mean 'semantic'"),
        ({"prediction": CELLS[:3]}, ShapeError, r"truth's size \(12, 20\), got \(3, 20\)"),
        ({"prediction": CELLS * 2.5}, DataError, r"expected probabilities in \[0, 1\], got 0.0 to 2.5"),
        ({"prediction": CELLS * np.nan}, DataError, r"expected probabilities in \[0, 1\], got nan to nan"),
        ({"truth": CELLS * 0.5}, DataError, "expected integer labels or ids as truth, got float64"),
        ({"prediction": CELLS * 1.0, "task": "semantic"}, DataError, "labels or ids as prediction, got float64"),
        ({"prediction": CELLS * 3, "task": "semantic"}, DataError, "indices below 2 in the prediction, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, message):
    given = {"truth": CELLS, "prediction": CELLS, "task": "binary"} | arguments
    with pytest.raises(error, match=message):
        score_image(given["truth"], given["prediction"], task=given["task"])


def test_scores_that_do_not_belong_together_are_refused():
    binary, semantic = (score_image(CELLS, CELLS, task=task) for task in ("binary", "semantic"))
    with pytest.raises(DataError, match=r"expected scores of one task, got \['binary', 'semantic'\]"):
        aggregate({"a": binary, "b": semantic}, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="expected scores of one task, got no score"):
        aggregate({}, rng=np.random.default_rng(0))
    swept = score_image(CELLS, CELLS * 1.0, task="binary")
    with pytest.raises(ShapeError, match=r"expected sums of one shape, got .* the same kind of prediction"):
        aggregate({"a": binary, "b": swept}, rng=np.random.default_rng(0))
