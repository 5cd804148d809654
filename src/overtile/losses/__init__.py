"""Losses: functions of (logits, target, weight=None) that return a scalar; pixels of weight 0 are ignored."""

from overtile.losses.combine import (
    LOSSES,
    by_name,
    deep_supervision,
    guidance,
    unet3plus,
    unet_plus_plus,
    unet_plus_plus_2018,
    weighted_sum,
)
from overtile.losses.cross_entropy import Reduction, cross_entropy, focal
from overtile.losses.ms_ssim import ms_ssim, ms_ssim_loss
from overtile.losses.overlap import Overlap, iou, soft_dice
from overtile.losses.pixels import Loss

__all__ = [
    "LOSSES",
    "Loss",
    "Overlap",
    "Reduction",
    "by_name",
    "cross_entropy",
    "deep_supervision",
    "focal",
    "guidance",
    "iou",
    "ms_ssim",
    "ms_ssim_loss",
    "soft_dice",
    "unet3plus",
    "unet_plus_plus",
    "unet_plus_plus_2018",
    "weighted_sum",
]
