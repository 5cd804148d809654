"""Label edges against image edges: shifts and turns are found, loose outlines are none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from overtile.data import cells, membranes
from overtile.data.alignment import TURNS, Fit, fit_of, image_edges, label_edges
from overtile.data.checks.registration import all_shifted, all_turned

Scene = tuple[NDArray[np.uint8], NDArray[np.int32]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    image, labels = cells(0, size=192)
    return image[np.newaxis], labels


def fitted(image: NDArray[np.uint8], labels: NDArray[np.int32], valid: NDArray[np.bool_] | None = None) -> Fit:
    fit = fit_of(image, labels, valid)
    assert fit is not None
    return fit


def test_labels_in_place_stay_there(scene: Scene) -> None:
    fit = fitted(*scene)
    assert max(map(abs, fit.shift)) <= 1
    assert fit.in_place == pytest.approx(fit.shifted, rel=0.05)
    assert fit.turned < 0.5 * fit.in_place
    assert fit.contrast(fit.in_place) > 10


def test_a_shift_is_found_with_what_undoes_it(scene: Scene) -> None:
    image, labels = scene
    fit = fitted(image, ndimage.shift(labels, (6, -9), order=0))
    assert fit.shift == pytest.approx((-6, 9), abs=1)
    assert max(fit.in_place, fit.opposite) < 0.5 * fit.shifted


@pytest.mark.parametrize("name", TURNS)
def test_a_turn_is_found_by_what_undoes_it(scene: Scene, name: str) -> None:
    image, labels = scene
    undone = {"rotate-90": "rotate-270", "rotate-270": "rotate-90"}.get(name, name)
    fit = fitted(image, np.ascontiguousarray(TURNS[name](labels)))
    assert fit.turn == undone
    assert fit.turned > 2 * max(fit.shifted, fit.in_place)


def test_outlines_that_are_too_wide_fit_nowhere_much_better(scene: Scene) -> None:
    image, labels = scene
    wide = (ndimage.distance_transform_edt(labels == 0) < 4).astype(np.int32)
    fit = fitted(image, wide)
    assert max(fit.in_place, fit.opposite) > 0.5 * fit.shifted


def test_large_images_are_averaged_and_measured_in_their_own_pixels() -> None:
    image, labels = membranes(0, size=192)
    large, moved = np.kron(image, np.ones((4, 4), np.uint8)), np.kron(labels, np.ones((4, 4), np.uint8))
    fit = fitted(large[np.newaxis], np.roll(moved.astype(np.int32), (24, 0), (0, 1)))
    assert fit.pixel == 2
    assert fit.shift == pytest.approx((-24, 0), abs=4)


@pytest.mark.parametrize("labels", [np.zeros((96, 96), np.int32), np.eye(40, dtype=np.int32)])
def test_what_does_not_decide(labels: NDArray[np.int32]) -> None:
    assert fit_of(np.zeros((1, *labels.shape)), labels) is None


def test_edges_around_pixels_that_do_not_count_are_none() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[:, 20:] = 1
    valid = np.ones((40, 40), bool)
    valid[10:] = False
    edges = label_edges(labels, valid)
    assert edges[:8].sum() == 16
    assert edges[8:].sum() == 0


def test_image_edges_have_zero_mean_and_unit_norm_also_where_nothing_changes() -> None:
    change = image_edges(np.random.default_rng(0).random((2, 64, 64)))
    assert change.mean() == pytest.approx(0, abs=1e-6)
    assert np.linalg.norm(change) == pytest.approx(1, abs=1e-5)
    assert not image_edges(np.full((1, 64, 64), 7)).any()


def made(shift: tuple[int, int] = (0, 0), in_place: float = 0.4, turned: float = 0.05) -> Fit:
    return Fit(in_place, shift, 0.4, 0.05, "flip-x", turned, 0.01, 0.0, 1)


def test_a_folder_agrees_or_not() -> None:
    same = {str(i): made((5, -7 + i % 2), in_place=0.1) for i in range(6)}
    assert all_shifted(same) == "shift=5,-6"
    assert all_shifted({str(i): made((5 * (-1) ** i, 8 * i), in_place=0.1) for i in range(6)}) is None
    assert all_shifted({str(i): made((5, -7), in_place=0.3) for i in range(6)}) is None
    assert all_shifted({str(i): made((1, 1), in_place=0.1) for i in range(6)}) is None
    assert all_shifted(dict(list(same.items())[:3])) is None
    flipped = {str(i): made((5, 5), in_place=0.1, turned=0.5) for i in range(6)}
    assert all_turned(flipped) == "turn=flip-x"
    assert all_turned(dict(list(flipped.items())[:3])) is None
    assert all_turned(same) is None
