"""Random deformation and grey-value variation of training patches, batched, on the device that trains."""

from overtile.augment.compose import AUGMENTATIONS, Augmentation, apply
from overtile.augment.geometric import (
    Deformed,
    Geometric,
    affine_matrices,
    deform,
    sampling_coordinates,
    source_window,
    warp,
)
from overtile.augment.intensity import Intensity, apply_gamma, gaussian_blur, vary
from overtile.augment.sampling import sample_cubic, sample_linear, sample_nearest, sample_spline
from overtile.augment.spline import displacement, spline_matrix

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Deformed",
    "Geometric",
    "Intensity",
    "affine_matrices",
    "apply",
    "apply_gamma",
    "deform",
    "displacement",
    "gaussian_blur",
    "sample_cubic",
    "sample_linear",
    "sample_nearest",
    "sample_spline",
    "sampling_coordinates",
    "source_window",
    "spline_matrix",
    "vary",
    "warp",
]
