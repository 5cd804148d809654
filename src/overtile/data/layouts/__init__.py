"""How images and annotations lie in a folder, one file per layout."""

from overtile.data.layouts.find import LAYOUTS, WITH_MASKS, find_images, find_pairs
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair

__all__ = ["LAYOUTS", "WITH_MASKS", "Annotation", "Layout", "Meaning", "Pair", "find_images", "find_pairs"]
