"""Reading, checking, splitting and making annotated images."""

from overtile.data.axes import slices
from overtile.data.check import check
from overtile.data.dataset import AnnotatedImages, Sample, from_arrays, load
from overtile.data.finding import Finding, Findings, Region
from overtile.data.formats import read_image, read_labels
from overtile.data.label_evidence import describe_labels
from overtile.data.labels import Labelling, infer_task, to_classes
from overtile.data.layouts import LAYOUTS, Layout, Pair, find_images, find_pairs
from overtile.data.lazy import LazyImage, open_image
from overtile.data.near_duplicates import near_duplicates
from overtile.data.normalization import IntensityStatistics, intensity_statistics
from overtile.data.palette import Palette, read_palette, write_palette
from overtile.data.palette_proposal import find_palette
from overtile.data.patches import PatchSampler, sample_centres
from overtile.data.reading import Reading
from overtile.data.splits import Split, find_groups, holdout, k_folds
from overtile.data.stores import create_store, finish_store, open_store, stream_tiff
from overtile.data.summary import Summary, summarize, summarize_objects
from overtile.data.synthetic import write_dataset
from overtile.data.synthetic_cells import cells
from overtile.data.synthetic_membranes import membranes
from overtile.data.writing import write_image, write_labels

__all__ = [
    "LAYOUTS",
    "AnnotatedImages",
    "Finding",
    "Findings",
    "IntensityStatistics",
    "Labelling",
    "Layout",
    "LazyImage",
    "Pair",
    "Palette",
    "PatchSampler",
    "Reading",
    "Region",
    "Sample",
    "Split",
    "Summary",
    "cells",
    "check",
    "create_store",
    "describe_labels",
    "find_groups",
    "find_images",
    "find_pairs",
    "find_palette",
    "finish_store",
    "from_arrays",
    "holdout",
    "infer_task",
    "intensity_statistics",
    "k_folds",
    "load",
    "membranes",
    "near_duplicates",
    "open_image",
    "open_store",
    "read_image",
    "read_labels",
    "read_palette",
    "sample_centres",
    "slices",
    "stream_tiff",
    "summarize",
    "summarize_objects",
    "to_classes",
    "write_dataset",
    "write_image",
    "write_labels",
    "write_palette",
]
