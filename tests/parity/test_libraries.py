"""Metrics against the implementations that others trust, where their definitions agree; skipped where one is absent.

Run once with py-ctcmetrics 1.3.3, MONAI 1.6.1 and scikit-image 0.26.0 on the twelve pairs of images below:

    SEG, DET, OP_CSB    py-ctcmetrics                 all 15 digits, and the files of `write_ctc` are valid results
    Dice, IoU           MONAI                         6 digits (it computes in float32)
    Hausdorff 95        MONAI                         6 digits
    panoptic quality    MONAI                         6 digits (it adds 1e-6 to the denominator), for IoU > 0.5; overtile
                                                      takes IoU >= 0.5, which differs in two of the twelve
    contingency table   scikit-image                  exactly
    Rand error          scikit-image, if no result    5 / number of object pixels: it counts pairs of different pixels
                        has background in an object

scikit-image counts the background of a result as one object; with any of it inside a true one the errors differ widely.
"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.measure import label
from skimage.metrics import adapted_rand_error, contingency_table

from overtile.metrics import (
    confusion_matrix,
    contingency,
    det,
    dice,
    hausdorff_95,
    iou,
    match_counts,
    op_csb,
    panoptic_quality,
    pool,
    rand_error,
    rand_sums,
    seg,
    tracking_counts,
)
from overtile.workflows.challenge import write_ctc

pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = range(12)


def pair(seed):
    """Object ids of a truth, and of a result that moved, merged, split, missed and added objects."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal((80, 96)), 4)
    truth = label(noise > 0.03, connectivity=1)
    moved = gaussian_filter(rng.standard_normal((80, 96)), 4) * 0.3 + np.roll(noise, seed % 3, axis=1)
    return truth, label(moved > rng.uniform(0.0, 0.06), connectivity=1)


@pytest.fixture(scope="module")
def pairs():
    return [pair(seed) for seed in SEEDS]


def test_challenge_measures_and_files_agree_with_py_ctcmetrics(pairs, tmp_path):
    scripts = pytest.importorskip("ctc_metrics.scripts.evaluate", reason="py-ctcmetrics is not installed")
    for frame, (truth, found) in enumerate(pairs):
        number = f"{frame:03d}"
        write_ctc(tmp_path / "01_RES", number, found)
        mask = write_ctc(tmp_path / "01_GT" / "TRA", number, truth)
        mask.rename(mask.with_name(f"man_track{number}.tif"))
        mask = write_ctc(tmp_path / "01_GT" / "SEG", number, truth)
        mask.rename(mask.with_name(f"man_seg{number}.tif"))
    tracks = tmp_path / "01_GT" / "TRA" / "res_track.txt"
    tracks.rename(tracks.with_name("man_track.txt"))
    (tmp_path / "01_GT" / "SEG" / "res_track.txt").unlink()
    theirs = scripts.evaluate_sequence(
        res=str(tmp_path / "01_RES"),
        gt=str(tmp_path / "01_GT"),
        metrics=["Valid", "SEG", "DET", "OP_CSB"],
        threads=1,
    )
    counts = pool([tracking_counts(contingency(truth, found)) for truth, found in pairs])
    assert theirs["Valid"] == 1
    assert 0.2 < theirs["SEG"] < 0.9
    for name, ours in (("SEG", seg), ("DET", det), ("OP_CSB", op_csb)):
        assert float(ours(counts)) == pytest.approx(theirs[name], rel=1e-14), name


def test_overlap_and_distance_agree_with_monai(pairs):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
    for truth, found in pairs:
        masks = [np.stack([labels == 0, labels > 0])[None] for labels in (found, truth)]
        theirs, reference = (torch.from_numpy(mask.astype(np.float32)) for mask in masks)
        confusion = confusion_matrix((truth > 0).astype(int), (found > 0).astype(int), classes=2)
        np.testing.assert_allclose(dice(confusion), metrics.compute_dice(theirs, reference)[0], rtol=1e-6)
        np.testing.assert_allclose(iou(confusion), metrics.compute_iou(theirs, reference)[0], rtol=1e-6)
        distance = metrics.compute_hausdorff_distance(theirs, reference, include_background=True, percentile=95)
        assert hausdorff_95(truth > 0, found > 0) == pytest.approx(float(distance[0, 1]), rel=1e-6)


def test_panoptic_quality_agrees_with_monai(pairs):
    quality = pytest.importorskip("monai.metrics.panoptic_quality", reason="MONAI is not installed")
    for truth, found in pairs:
        ours = panoptic_quality(match_counts(contingency(truth, found), thresholds=(0.5 + 1e-9,)))
        theirs = quality.compute_panoptic_quality(torch.from_numpy(found), torch.from_numpy(truth))
        assert float(ours[0]) == pytest.approx(float(theirs), abs=2e-6)


def test_the_contingency_table_is_that_of_scikit_image(pairs):
    for truth, found in pairs:
        table = contingency(truth, found)
        theirs = contingency_table(truth, found).tocoo()
        ours = {
            (int(table.truth_ids[i]), int(table.prediction_ids[j])): int(n)
            for i, j, n in zip(table.row, table.col, table.count, strict=True)
        }
        assert ours == {(int(i), int(j)): int(n) for i, j, n in zip(theirs.row, theirs.col, theirs.data, strict=True)}


def test_the_rand_error_is_that_of_scikit_image_where_a_result_leaves_no_background_in_objects(pairs):
    for truth, found in pairs:
        filled = np.where((truth > 0) & (found == 0), found.max() + 1, found)
        error = adapted_rand_error(truth, filled)[0]
        assert float(rand_error(rand_sums(contingency(truth, filled)))) == pytest.approx(
            error, abs=5 / np.count_nonzero(truth)
        )
