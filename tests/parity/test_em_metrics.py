"""The EM challenge's metrics against numbers of the Fiji program (Trainable_Segmentation at 41c7083)."""

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, variation_of_information

from overtile.metrics import (
    THRESHOLDS,
    InformationSums,
    PixelCounts,
    RandSums,
    aggregate,
    connected_objects,
    contingency,
    information_sums,
    pixel_counts,
    pixel_error,
    rand_sums,
    score_image,
    thin_borders,
    v_info,
    warp,
)
from overtile.metrics.simple_points import simple_point_table

PAIRS = ("identical", "shifted", "merged", "thick")
CASES = [(pair, threshold) for pair in PAIRS for threshold in (0.3, 0.5, 0.7)]


@pytest.fixture
def fiji(oracle):
    arrays, meta = oracle("em_metrics")

    def case(pair, threshold):
        values = {
            key.removesuffix(f"@{threshold}"): value
            for key, value in meta["values"][pair].items()
            if key.endswith((f"@{threshold}", "@nan"))
        }
        return arrays[f"{pair}/gt"], arrays[f"{pair}/prob"], values

    case.arrays = arrays
    return case


def same_partition(a, b):
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1).T
    return len(pairs) == len(np.unique(a)) == len(np.unique(b))


def test_table_of_simple_points(fiji):
    np.testing.assert_array_equal(simple_point_table(), fiji.arrays["simple_point_table"])


@pytest.mark.parametrize(("pair", "threshold"), CASES)
def test_warped_image_and_its_errors(fiji, pair, threshold):
    truth, proposal, values = fiji(pair, threshold)
    warped = warp(truth, proposal, threshold=threshold)
    np.testing.assert_array_equal(warped.mask, fiji.arrays[f"{pair}/warped@{threshold}"] != 0)
    assert warped.mismatches.mean() == values["warp_classic"][0]
    types = values["warp_types_objadd_holedel_merge_holeadd_objdel_split"]
    assert warped.splits_and_merges.sum() == types[2] + types[5]


@pytest.mark.parametrize(("pair", "threshold"), CASES)
def test_thinned_labels(fiji, pair, threshold):
    _, proposal, _ = fiji(pair, threshold)
    thinned = thin_borders(connected_objects(proposal > threshold))
    reference = fiji.arrays[f"{pair}/fiji_thinned_labels@{threshold}"]
    np.testing.assert_array_equal(thinned == 0, reference == 0)
    assert same_partition(thinned, reference)


@pytest.mark.parametrize(("pair", "threshold"), CASES)
def test_rand_scores_before_and_after_thinning(fiji, pair, threshold):
    truth, proposal, values = fiji(pair, threshold)
    cells, proposed = connected_objects(truth), connected_objects(proposal > threshold)
    for key, objects in (("rand_fr", proposed), ("vrand_thinned", thin_borders(proposed))):
        sums: RandSums = rand_sums(contingency(cells, objects))
        expected = values[f"{key}_f_prec_rec_idx"][:3]
        assert [sums.f_score, sums.precision, sums.recall] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("pair", "threshold"), CASES)
def test_information_scores_before_and_after_thinning(fiji, pair, threshold):
    truth, proposal, values = fiji(pair, threshold)
    cells, proposed = connected_objects(truth), connected_objects(proposal > threshold)
    sums: InformationSums = information_sums(contingency(cells, proposed))
    assert sums.variation == pytest.approx(values["vi_fr"][0], abs=1e-12)
    assert sums.f_score == pytest.approx(values["vinfo_fr_f"][0], abs=1e-12)
    thinned = information_sums(contingency(cells, thin_borders(proposed)))
    assert v_info(thinned) == pytest.approx(values["vinfo_thinned_f"][0], abs=1e-12)


@pytest.mark.parametrize(("pair", "threshold"), CASES)
def test_pixel_scores(fiji, pair, threshold):
    truth, proposal, values = fiji(pair, threshold)
    counts: PixelCounts = pixel_counts(truth, proposal > threshold)
    f_score, precision, recall, error = values["pixel_f_prec_rec_err"]
    assert [counts.f_score, counts.precision, counts.recall] == pytest.approx([f_score, precision, recall])
    assert float(pixel_error(counts)) == pytest.approx(error)


@pytest.mark.parametrize("pair", PAIRS)
def test_challenge_values_of_a_whole_image(fiji, pair):
    truth, proposal, values = fiji(pair, 0.5)
    score = score_image(truth, proposal, task="binary", thresholds=THRESHOLDS)
    total = aggregate({"slice": score}, rng=np.random.default_rng(0), resamples=10)["total"]
    got = {name: total[name]["value"] for name in ("rand_error", "pixel_error_f", "v_rand", "v_info")}
    assert got == pytest.approx(
        {
            "rand_error": 1 - values["challenge_rand_maxF@nan"][0],
            "pixel_error_f": 1 - values["challenge_pixel_maxF@nan"][0],
            "v_rand": values["challenge_vrand_thinned@nan"][0],
            "v_info": values["challenge_vinfo_thinned@nan"][0],
        },
        abs=1e-12,
    )
    assert total["warping_error_challenge"]["value"] == values["challenge_warping@nan"][0]


def test_scikit_image_agrees_where_the_definitions_meet_and_differs_where_they_do_not(fiji):
    truth, proposal, values = fiji("merged", 0.5)
    cells, proposed = connected_objects(truth), connected_objects(proposal > 0.5)
    ours = rand_sums(contingency(cells, proposed))
    error, recall, precision = adapted_rand_error(cells, proposed)  # the last two in the order it returns them
    # no background inside the truth's cells: n (n - 1) instead of n^2 pairs is the only difference
    assert 1 - error == pytest.approx(float(ours.f_score), abs=1e-3)
    assert (precision, recall) == pytest.approx((ours.precision, ours.recall), abs=1e-3)
    inside = cells > 0
    bits = sum(variation_of_information(cells[inside], proposed[inside]))
    assert bits * np.log(2) == pytest.approx(float(information_sums(contingency(cells, proposed)).variation))

    truth, proposal, values = fiji("thick", 0.5)
    cells, proposed = connected_objects(truth), connected_objects(proposal > 0.5)
    ours = 1 - float(rand_sums(contingency(cells, proposed)).f_score)
    theirs = adapted_rand_error(cells, proposed)[0]
    assert ours == pytest.approx(1 - values["rand_fr_f_prec_rec_idx"][0])
    assert (round(ours, 3), round(theirs, 3)) == (0.35, 0.549)  # its background is one object, here singletons
