"""Weight maps that make the network learn the narrow borders between touching cells.

Every map is a function of the classes to be learned and, where cells have ids, of the instances. Distances come from
the instances as annotated, before a separation border is cut into them, because that border is where the weight
belongs. Without ids the objects are the 4-connected pieces of each class, and two objects of different classes do not
need a border between them: the term is the largest over the classes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_pieces

from overtile.core.errors import ShapeError, UnknownNameError
from overtile.targets.class_balance import balance
from overtile.targets.two_nearest import Distances, two_nearest_distances

WeightMap = Callable[[NDArray[Any], NDArray[Any] | None], NDArray[np.float32]]
"""Weights (y, x) from classes (y, x), below 0 where ignored, and instances (y, x) where there are ids."""


BORDER_ON = ("everywhere", "background")


def border_term(distances: Distances, *, w0: float = 10.0, sigma_px: float = 5.0) -> NDArray[np.float64]:
    """Border weight w0 * exp(-(d1 + d2)^2 / (2 sigma^2)) (Ronneberger et al. 2015, Eq. 2); 0 for fewer than two cells.

    >>> border_term(Distances(np.array([[3.0]]), np.array([[np.inf]])))
    array([[0.]])
    """
    return w0 * np.exp(-((distances.d1 + distances.d2) ** 2) / (2 * sigma_px**2))


def uniform_weight_map(labels: NDArray[Any], instances: NDArray[Any] | None = None) -> NDArray[np.float32]:
    """Weigh every annotated pixel 1 and every ignored one 0.

    >>> uniform_weight_map(np.array([[0, 1, -1]]))
    array([[1., 1., 0.]], dtype=float32)
    """
    del instances  # part of every weight map's signature
    return balance(labels).astype(np.float32)


def balanced_weight_map(
    labels: NDArray[Any], instances: NDArray[Any] | None = None, *, class_weights: Sequence[float]
) -> NDArray[np.float32]:
    """Weigh every pixel by its class alone, w(x) = w_c(x).

    >>> balanced_weight_map(np.array([[0, 1, -1]]), class_weights=(0.5, 3.0))
    array([[0.5, 3. , 0. ]], dtype=float32)
    """
    del instances  # part of every weight map's signature
    return balance(labels, class_weights).astype(np.float32)


def unet2015_weight_map(
    labels: NDArray[Any],
    instances: NDArray[Any] | None = None,
    *,
    class_weights: Sequence[float] | None = None,
    w0: float = 10.0,
    sigma_px: float = 5.0,
    border_on: str = "everywhere",
) -> NDArray[np.float32]:
    """Weight map of the U-Net paper.

    w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))^2 / (2 sigma^2))        (Ronneberger et al. 2015, Eq. 2)

    d1, d2: distance to the border of the nearest and of the second nearest cell, 0 inside it; exact, so that the map
    differs from the brute force over all cells only by the rounding to float32, less than 1e-6.

    Args:
        labels: class to be learned (y, x), after a separation border was cut; 0 background, below 0 ignored.
        instances: object ids as annotated (y, x); None takes the 4-connected pieces of each class.
        class_weights: w_c, from `class_weights` over the training set; None is 1 for every class.
        w0: weight where two cells touch.
        sigma_px: width of the border term in pixels.
        border_on: the border term everywhere as printed, or on background pixels of `labels` only.

    Raises:
        UnknownNameError: there is no such value of border_on.
        ShapeError: shapes differ, or a class has no weight.
        DataError: the instances are no whole numbers.

    >>> unet2015_weight_map(np.array([[1, 0, 1]]), np.array([[7, 0, 9]])).round(2)  # 1 + 10 exp(-2^2 / 50)
    array([[10.23, 10.23, 10.23]], dtype=float32)
    """
    if border_on not in BORDER_ON:
        raise UnknownNameError("border_on", border_on, BORDER_ON)
    border = _largest_over_classes(labels, instances, lambda near: border_term(near, w0=w0, sigma_px=sigma_px))
    where = labels == 0 if border_on == "background" else labels >= 0
    return (balance(labels, class_weights) + border * where).astype(np.float32)


def falk2019_weight_map(
    labels: NDArray[Any],
    instances: NDArray[Any] | None = None,
    *,
    background: float = 0.1,
    sigma_background_px: float = 10.0,
    w0: float = 50.0,
    sigma_px: float = 6.0,
) -> NDArray[np.float32]:
    """Weight map of the authors' later plugin, with its defaults.

    Cells 1; background b + (1 - b) exp(-d1^2 / (2 s1^2)) + w0 exp(-(d1 + d2)^2 / (2 s2^2)); ignored 0
    (Falk et al. 2019, Nature Methods 16, 67-70, supplement).

    Args:
        labels: class to be learned (y, x), after `separate_touching`; 0 background, below 0 ignored.
        instances: object ids as annotated (y, x); None takes the 4-connected pieces of each class.
        background: b, weight of background far from any cell.
        sigma_background_px: s1, how far around a cell the background counts like the cell.
        w0: weight where two cells touch.
        sigma_px: s2, width of the border term in pixels.

    Raises:
        ShapeError: shapes differ.
        DataError: the instances are no whole numbers.

    >>> falk2019_weight_map(np.array([[1, 0, 0]])).round(3)  # 0.1 + 0.9 exp(-1 / 200), 0.1 + 0.9 exp(-4 / 200)
    array([[1.   , 0.996, 0.982]], dtype=float32)
    """

    def near_cells(near: Distances) -> NDArray[np.float64]:
        close = (1 - background) * np.exp(-(near.d1**2) / (2 * sigma_background_px**2))
        return close + border_term(near, w0=w0, sigma_px=sigma_px)

    weights = background + _largest_over_classes(labels, instances, near_cells)
    return np.where(labels == 0, weights, balance(labels)).astype(np.float32)


def _largest_over_classes(
    labels: NDArray[Any], instances: NDArray[Any] | None, term: Callable[[Distances], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The term of the given instances, or the largest of the terms of each class's connected pieces."""
    if instances is not None:
        if instances.shape != labels.shape:
            raise ShapeError(f"expected labels and instances of one shape, got {labels.shape} and {instances.shape}")
        return term(two_nearest_distances(instances))
    result = term(two_nearest_distances(np.zeros(labels.shape, np.int32)))
    for index in np.unique(labels[labels > 0]):
        pieces = connected_pieces(labels == index, connectivity=1)
        np.maximum(result, term(two_nearest_distances(pieces)), out=result)
    return result


WEIGHT_MAPS: dict[str, Callable[[Sequence[float]], WeightMap]] = {
    "uniform": lambda _: uniform_weight_map,
    "balanced": lambda class_weights: partial(balanced_weight_map, class_weights=class_weights),
    "unet2015": lambda class_weights: partial(unet2015_weight_map, class_weights=class_weights),
    "falk2019": lambda _: falk2019_weight_map,  # has a balance of its own
}
"""Makes a weight map from the class weights of the training set."""


def weight_map(name: str, class_weights: Sequence[float]) -> WeightMap:
    """Weight map by name, with its defaults and the class weights of the training set.

    Raises:
        UnknownNameError: there is no such weight map.

    >>> weight_map("balanced", (1.0, 2.0))(np.array([[0, 1]]), None)
    array([[1., 2.]], dtype=float32)
    """
    if name not in WEIGHT_MAPS:
        raise UnknownNameError("weight map", name, WEIGHT_MAPS)
    return WEIGHT_MAPS[name](class_weights)
