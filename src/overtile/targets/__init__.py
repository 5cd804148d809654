"""What a network learns, as functions of the annotation: weight maps, separation, boundary classes, distances."""

from overtile.targets.annotated_part import beyond_annotation
from overtile.targets.boundary import BOUNDARIES, boundary_classes
from overtile.targets.class_balance import class_counts, class_weights
from overtile.targets.distance import border_distance, normalized_border_distance
from overtile.targets.instance_targets import INSTANCE_TARGETS, InstanceTarget
from overtile.targets.separation import separate_by_erosion, separate_touching
from overtile.targets.two_nearest import Distances, two_nearest_distances
from overtile.targets.weight_map import (
    WEIGHT_MAPS,
    WeightMap,
    balanced_weight_map,
    border_term,
    falk2019_weight_map,
    unet2015_weight_map,
    uniform_weight_map,
    weight_map,
)

__all__ = [
    "BOUNDARIES",
    "INSTANCE_TARGETS",
    "WEIGHT_MAPS",
    "Distances",
    "InstanceTarget",
    "WeightMap",
    "balanced_weight_map",
    "beyond_annotation",
    "border_distance",
    "border_term",
    "boundary_classes",
    "class_counts",
    "class_weights",
    "falk2019_weight_map",
    "normalized_border_distance",
    "separate_by_erosion",
    "separate_touching",
    "two_nearest_distances",
    "unet2015_weight_map",
    "uniform_weight_map",
    "weight_map",
]
