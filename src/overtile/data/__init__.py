"""Reading, checking, splitting and making annotated images."""

from overtile.data.axes import slices
from overtile.data.check import Finding, Findings, check
from overtile.data.dataset import AnnotatedImages, Sample, from_arrays, load
from overtile.data.formats import read_image, read_labels
from overtile.data.label_evidence import describe_labels
from overtile.data.labels import Labelling, infer_task, to_classes
from overtile.data.layouts import Layout, Pair, find_images, find_pairs
from overtile.data.near_duplicates import near_duplicates
from overtile.data.normalization import IntensityStatistics, intensity_statistics
from overtile.data.patches import PatchSampler, sample_centres
from overtile.data.splits import Split, find_groups, group_of, holdout, k_folds
from overtile.data.summary import Summary, summarize, summarize_objects
from overtile.data.synthetic import write_dataset
from overtile.data.synthetic_cells import cells
from overtile.data.synthetic_membranes import membranes
from overtile.data.writing import write_image, write_labels

__all__ = [
    "AnnotatedImages",
    "Finding",
    "Findings",
    "IntensityStatistics",
    "Labelling",
    "Layout",
    "Pair",
    "PatchSampler",
    "Sample",
    "Split",
    "Summary",
    "cells",
    "check",
    "describe_labels",
    "find_groups",
    "find_images",
    "find_pairs",
    "from_arrays",
    "group_of",
    "holdout",
    "infer_task",
    "intensity_statistics",
    "k_folds",
    "load",
    "membranes",
    "near_duplicates",
    "read_image",
    "read_labels",
    "sample_centres",
    "slices",
    "summarize",
    "summarize_objects",
    "to_classes",
    "write_dataset",
    "write_image",
    "write_labels",
]
