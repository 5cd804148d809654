from collections.abc import Sequence

import numpy as np
import pytest

from overtile.core.errors import DataError
from overtile.core.image import Image
from overtile.data import Sample, find_groups, holdout, k_folds, near_duplicates


def sample(name: str, *, seed: int = 0, size: tuple[int, int] = (64, 80), group: str = "") -> Sample:
    rng = np.random.default_rng(seed)
    labels = np.zeros(size, np.int32)
    labels[::2] = 1
    return Sample(name, Image(rng.random((1, *size))), labels, None, group)


def samples(n: int) -> list[Sample]:
    return [sample(f"s{i}", seed=i) for i in range(n)]


def names(chosen: Sequence[Sample]) -> list[str]:
    return [one.name for one in chosen]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_few_images_are_left_out_one_at_a_time(n: int) -> None:
    folds = k_folds(samples(n), 5, 0)
    assert sorted(names([s for f in folds for s in f.validation])) == [f"s{i}" for i in range(n)]
    assert all(len(f.validation) == 1 and len(f.train) == n - 1 for f in folds)


def test_copies_and_shifted_copies_stay_together() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, 1, 96, 96)) * 200
    images = [Image(x) for x in (a, b, c, a * 0.5 + 9, np.roll(b, 24, axis=1), a + rng.normal(0, 20, a.shape))]

    assert near_duplicates(images).tolist() == [0, 1, 2, 0, 1, 0]


def test_a_common_frame_does_not_make_images_alike() -> None:
    y, x = np.mgrid[:128, :128] - 64
    inside = np.hypot(y, x) < 55
    rng = np.random.default_rng(0)
    images = [Image((inside * (900 + rng.random((128, 128)) * 300))[np.newaxis]) for _ in range(6)]

    assert near_duplicates([*images, images[2]]).tolist() == [0, 1, 2, 3, 4, 5, 2]


def test_constant_and_tiny_images_are_alike_to_nothing() -> None:
    images = [Image(np.full((1, 5, 7), v)) for v in (3, 4)] + [Image(np.random.default_rng(0).random((1, 3, 200)))]
    assert near_duplicates(images).tolist() == [0, 1, 2]


def test_planes_of_a_stack_are_one_group() -> None:
    many = [sample("a_z0", seed=0, group="a"), sample("b_z0", seed=1, group="b"), sample("a_z1", seed=2, group="a")]
    groups = find_groups(many)
    assert groups[0] == groups[2] != groups[1]


def test_stacks_that_share_a_copy_are_one_group() -> None:
    many = [
        sample("a_z0", seed=0, group="a"), sample("a_z1", seed=1, group="a"),
        sample("b_z0", seed=1, group="b"), sample("b_z1", seed=3, group="b"), sample("c", seed=4),
    ]  # fmt: skip
    assert len(set(find_groups(many)[:4])) == 1
    assert len(set(find_groups(many))) == 2


def test_one_stack_is_split_into_ranges(caplog: pytest.LogCaptureFixture) -> None:
    folds = k_folds([sample(f"s{i}", seed=i, group="x") for i in range(6)], 3, 0)

    assert sorted(names(f.validation) for f in folds) == [["s0", "s1"], ["s2", "s3"], ["s4", "s5"]]
    assert "all 6 images are alike" in caplog.text


@pytest.mark.parametrize("size", [(64, 80), (100, 40)])
def test_one_image_is_cut_into_strips(size: tuple[int, int]) -> None:
    one = sample("a", size=size)

    folds = k_folds([one], 2, 0)

    assert len(folds) == 2
    for fold in folds:
        assert sum(s.labels.size for s in (*fold.train, *fold.validation)) == one.labels.size
        assert fold.validation[0].image.size == fold.validation[0].labels.shape
    assert folds[0].validation[0].name == ("a_rows0-50" if size[0] > size[1] else "a_columns0-40")


def test_one_image_holdout_prefers_a_strip_with_all_classes() -> None:
    labels = np.zeros((100, 100), np.int32)
    labels[:, :20] = 1  # only strips across see both classes on both sides
    one = Sample("a", Image(np.zeros((1, 100, 100))), labels, np.ones((100, 100), bool))

    for seed in range(5):
        split = holdout([one], 0.2, seed)
        assert split.validation[0].labels.shape == (20, 100)
        assert split.validation[0].valid is not None
        assert split.train[0].labels.shape == (80, 100)


def test_holdout_sees_every_class_where_possible() -> None:
    many = samples(10)
    empty = [Sample(s.name, s.image, s.labels * 0 if i not in (3, 7) else s.labels) for i, s in enumerate(many)]

    for seed in range(3):
        split = holdout(empty, 0.2, seed)
        assert len(split.validation) == 2
        assert any(s.labels.any() for s in split.validation)
        assert any(s.labels.any() for s in split.train)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(DataError, match="at least 2 folds, got 1"):
        k_folds(samples(3), 1, 0)
    with pytest.raises(DataError, match=r"between 0 and 1, got 1\.0"):
        holdout(samples(3), 1.0, 0)
    with pytest.raises(DataError, match="at least one sample to split, got none"):
        holdout([], 0.2, 0)
    with pytest.raises(DataError, match="at least one sample to split, got none"):
        k_folds([], 2, 0)
    with pytest.raises(DataError, match=r"single image of size \(20, 20\) is too small"):
        holdout([sample("a", size=(20, 20))], 0.5, 0)
    with pytest.raises(DataError, match=r"single image of size \(20, 40\) is too small"):
        k_folds([sample("a", size=(20, 40))], 5, 0)
