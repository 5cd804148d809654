"""A recipe fitted to the images at hand."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from overtile.data import AnnotatedImages
from overtile.targets import two_nearest_distances
from overtile.training.recipe import Recipe

MULTIPLE_PX = 32

GAP_PX = 10.0
"""Two sigma of the border term: gaps up to this width get most of its weight."""

PACKED_SHARE = 0.5
"""From this share of the background in narrow gaps on, the gaps are what has to be learned."""


def fitted_to(recipe: Recipe, images: AnnotatedImages) -> tuple[Recipe, tuple[str, ...]]:
    """Decide what a recipe leaves to the images: the weight map, and the size and number of patches.

    Returns:
        the recipe, and what was decided, in words.
    """
    notes: tuple[str, ...] = ()
    if recipe.weight_map == "auto":
        reason = _why_borders(images)
        recipe = recipe.changed(weight_map="unet2015" if reason else "uniform")
        notes += (f"borders between close objects are weighted, because {reason}",) if reason else ()
    fitted, patches = _small_patches(recipe, images)
    return fitted, notes + patches


def _why_borders(images: AnnotatedImages) -> str | None:
    """Why the borders between objects should be weighted, if they should."""
    if images.labelling.task == "instances":
        return "the labels are object ids"
    if len(images.labelling.values) != 2:
        return None
    between = [_share_between_objects(sample.labels) for sample in images.samples]
    if np.mean(between) < PACKED_SHARE:
        return None
    return f"{np.mean(between):.0%} of the background lies in narrow gaps between pieces of the foreground"


def _share_between_objects(labels: NDArray[np.int32]) -> float:
    """Share of the background that lies in gaps of at most GAP_PX between two pieces of the foreground."""
    near = two_nearest_distances(ndimage.label(labels > 0)[0])
    background = labels == 0
    return float(((near.d1 + near.d2)[background] <= GAP_PX).mean()) if background.any() else 0.0


def _small_patches(recipe: Recipe, images: AnnotatedImages) -> tuple[Recipe, tuple[str, ...]]:
    """Make the patches no larger than the images, and as many more of them as keep the pixels per step.

    Networks of valid convolutions keep the patch, because they see mirrored context around a small image anyway.
    """
    side = int(np.median([max(sample.image.size) for sample in images.samples]))
    patch = math.ceil(side / MULTIPLE_PX) * MULTIPLE_PX
    if recipe.arguments.get("padding") == "valid" or patch >= recipe.patch_px:
        return recipe, ()
    batch = max(recipe.batch, round(recipe.batch * (recipe.patch_px / patch) ** 2))
    note = f"patches of {patch} px, {batch} per step, because the images have about {side} px"
    return recipe.changed(patch_px=patch, batch=batch), (note,)
