"""Metrics of segmentations: NumPy functions of label images, and sums of them that pool over images."""

from overtile.metrics.bootstrap import Interval, bootstrap_interval
from overtile.metrics.boundary import BoundaryCounts, boundary_counts, boundary_iou, hausdorff_95
from overtile.metrics.contingency import Contingency, contingency
from overtile.metrics.ctc import TrackingCounts, det, op_csb, seg, tracking_counts
from overtile.metrics.evaluate import METRICS, Metric, aggregate
from overtile.metrics.matching import (
    IOU_THRESHOLDS,
    MatchCounts,
    Pairs,
    average_precision,
    f1,
    match,
    match_counts,
    mean_average_precision,
    panoptic_quality,
    precision,
    recall,
)
from overtile.metrics.objects import THRESHOLDS, connected_objects, separated_mask
from overtile.metrics.overlap import (
    Confusion,
    confusion_matrix,
    dice,
    iou,
    mean_dice,
    mean_iou,
    pixel_accuracy,
)
from overtile.metrics.pixel import PixelCounts, pixel_counts, pixel_error, pixel_error_f
from overtile.metrics.rand import InformationSums, RandSums, information_sums, rand_error, rand_sums, v_info, v_rand
from overtile.metrics.score import TASKS, ImageScore, score_detections, score_image
from overtile.metrics.sums import pool
from overtile.metrics.thinning import thin_borders
from overtile.metrics.warping import (
    Warped,
    WarpingCounts,
    warp,
    warping_counts,
    warping_error,
    warping_error_challenge,
)

__all__ = [
    "IOU_THRESHOLDS",
    "METRICS",
    "TASKS",
    "THRESHOLDS",
    "BoundaryCounts",
    "Confusion",
    "Contingency",
    "ImageScore",
    "InformationSums",
    "Interval",
    "MatchCounts",
    "Metric",
    "Pairs",
    "PixelCounts",
    "RandSums",
    "TrackingCounts",
    "Warped",
    "WarpingCounts",
    "aggregate",
    "average_precision",
    "bootstrap_interval",
    "boundary_counts",
    "boundary_iou",
    "confusion_matrix",
    "connected_objects",
    "contingency",
    "det",
    "dice",
    "f1",
    "hausdorff_95",
    "information_sums",
    "iou",
    "match",
    "match_counts",
    "mean_average_precision",
    "mean_dice",
    "mean_iou",
    "op_csb",
    "panoptic_quality",
    "pixel_accuracy",
    "pixel_counts",
    "pixel_error",
    "pixel_error_f",
    "pool",
    "precision",
    "rand_error",
    "rand_sums",
    "recall",
    "score_detections",
    "score_image",
    "seg",
    "separated_mask",
    "thin_borders",
    "tracking_counts",
    "v_info",
    "v_rand",
    "warp",
    "warping_counts",
    "warping_error",
    "warping_error_challenge",
]
