"""Laws of the data room: windows, samplers, splits, files."""

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from overtile.core import read_mirrored
from overtile.core.image import Image
from overtile.data import (
    Sample,
    holdout,
    infer_task,
    k_folds,
    read_image,
    read_labels,
    sample_centres,
    to_classes,
    write_image,
    write_labels,
)  # fmt: skip

few = settings(deadline=None, max_examples=40)
sides = st.integers(1, 9)


@few
@given(st.integers(0, 10**6), st.tuples(sides, sides), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_windows_lie_inside_where_they_fit_and_hold_foreground(
    seed: int, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, shape)
    labels.flat[0] = 1

    centres = sample_centres(labels, None, size, n=8, rng=rng, foreground_fraction=1.0)

    for centre in centres:
        starts = [int(c) - s // 2 for c, s in zip(centre, size, strict=True)]
        for begin, s, n in zip(starts, size, shape, strict=True):
            assert (begin >= 0 and begin + s <= n) if s < n else begin <= 0
        window = [slice(begin, begin + s) for begin, s in zip(starts, size, strict=True)]
        assert (read_mirrored(labels, window) > 0).any()


def samples(group_sizes: list[int]) -> list[Sample]:
    groups = [f"g{g}" for g, n in enumerate(group_sizes) for _ in range(n)]
    image, labels = Image(np.zeros((1, 4, 4))), np.eye(4, dtype=np.int32)
    return [Sample(f"s{i}", image, labels, group=group) for i, group in enumerate(groups)]


@few
@given(st.lists(st.integers(1, 5), min_size=2, max_size=8), st.integers(2, 6), st.integers(0, 99))
def test_folds_validate_every_sample_once_and_split_no_group(group_sizes: list[int], folds: int, seed: int) -> None:
    all_samples = samples(group_sizes)

    splits = k_folds(all_samples, folds, seed)

    validated = [s.name for split in splits for s in split.validation]
    assert sorted(validated) == sorted(s.name for s in all_samples)
    assert 2 <= len(splits) <= max(folds, 5)
    for split in splits:
        assert split.train
        assert split.validation
        assert len(split.train) + len(split.validation) == len(all_samples)
        assert not {s.group for s in split.train} & {s.group for s in split.validation}
    again = k_folds(all_samples, folds, seed)
    assert [[s.name for s in a.validation] for a in again] == [[s.name for s in a.validation] for a in splits]


@few
@given(st.lists(st.integers(1, 5), min_size=2, max_size=8), st.floats(0.05, 0.95), st.integers(0, 99))
def test_holdout_partitions_and_splits_no_group(group_sizes: list[int], fraction: float, seed: int) -> None:
    all_samples = samples(group_sizes)

    split = holdout(all_samples, fraction, seed)

    assert split.train
    assert split.validation
    assert sorted(s.name for s in (*split.train, *split.validation)) == sorted(s.name for s in all_samples)
    assert not {s.group for s in split.train} & {s.group for s in split.validation}
    wanted = max(1, round(fraction * len(all_samples)))
    assert len(split.validation) <= max(wanted, min(group_sizes))


@few
@given(arrays(np.int64, st.tuples(sides, sides), elements=st.integers(0, 2**33)), st.sampled_from(["tif", "npy"]))
def test_labels_survive_a_file(
    tmp_path_factory: pytest.TempPathFactory,
    labels: np.ndarray,
    suffix: str,  # type: ignore[type-arg]
) -> None:
    path = Path(tmp_path_factory.mktemp("labels")) / f"a.{suffix}"
    write_labels(path, labels)
    assert np.array_equal(read_labels(path), labels)


@few
@given(
    st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
    st.tuples(st.integers(1, 7), st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["a.tif", "a.ome.tif"]),
)
def test_images_survive_a_tiff(
    tmp_path_factory: pytest.TempPathFactory, dtype: type, shape: tuple[int, int, int], name: str
) -> None:
    path = Path(tmp_path_factory.mktemp("image")) / name
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_image(path, Image(array, (0.25, 0.5)))
    back = read_image(path)
    assert np.array_equal(back.array, array)
    assert back.array.dtype == dtype
    assert back.pixel_size_um == pytest.approx((0.25, 0.5))


@few
@given(st.lists(st.integers(0, 2000), min_size=2, max_size=6, unique=True), st.integers(0, 99))
def test_classes_keep_the_order_of_the_values(values: list[int], seed: int) -> None:
    raw = np.random.default_rng(seed).choice(values, (16, 16))
    raw.flat[: len(values)] = values

    labelling = infer_task([raw], task="semantic")
    classes = to_classes(raw, labelling)

    assert labelling.values == tuple(sorted(values))
    assert np.array_equal(np.array(labelling.values)[classes], raw)
