import numpy as np
import pytest

from overtile.core.errors import ShapeError
from overtile.data import PatchSampler, sample_centres


def test_foreground_is_drawn_as_often_as_asked() -> None:
    labels = np.zeros((200, 200), np.int32)
    labels[100, 100] = 1
    centres = sample_centres(labels, None, (1, 1), n=4000, rng=np.random.default_rng(0), foreground_fraction=0.25)
    assert np.mean((centres == 100).all(axis=1)) == pytest.approx(0.25, abs=0.03)


def test_classes_are_drawn_equally_often() -> None:
    labels = np.ones((50, 50), np.int32)
    labels[0, 0] = 5
    sampler = PatchSampler(labels, None, (1, 1))
    centres = sampler.centres(4000, np.random.default_rng(0), foreground_fraction=1.0)
    assert np.mean((centres == 0).all(axis=1)) == pytest.approx(0.5, abs=0.03)


def test_without_foreground_positions_are_uniform() -> None:
    centres = sample_centres(np.zeros((6, 9), int), None, (4, 4), n=3000, rng=np.random.default_rng(0))
    places, counts = np.unique(centres, axis=0, return_counts=True)
    assert places.tolist() == [[y, x] for y in (2, 3, 4) for x in range(2, 8)]
    assert counts.min() > 0.7 * 3000 / 18


def test_windows_hold_a_valid_pixel() -> None:
    valid = np.zeros((40, 40), bool)
    valid[30, 5] = True
    labels = np.ones((40, 40), int)
    centres = sample_centres(labels, valid, (7, 9), n=300, rng=np.random.default_rng(0))
    assert all(valid[read_slices(c, (7, 9))].any() for c in centres)


def read_slices(centre: np.ndarray, size: tuple[int, int]) -> tuple[slice, ...]:  # type: ignore[type-arg]
    return tuple(slice(int(c) - s // 2, int(c) - s // 2 + s) for c, s in zip(centre, size, strict=True))


def test_windows_larger_than_the_image_are_centred() -> None:
    centres = sample_centres(np.ones((5, 8), int), None, (20, 4), n=50, rng=np.random.default_rng(0))
    assert set(centres[:, 0].tolist()) == {2}
    assert set(centres[:, 1].tolist()) == {2, 3, 4, 5, 6}


def test_nothing_valid_and_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"valid mask of size \(3, 3\) does not fit labels of size \(4, 4\)"):
        PatchSampler(np.zeros((4, 4)), np.ones((3, 3), bool), (2, 2))
    with pytest.raises(ShapeError, match="no pixel is valid"):
        PatchSampler(np.zeros((4, 4)), np.zeros((4, 4), bool), (2, 2))
