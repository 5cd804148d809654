from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from overtile.core.errors import OutputExistsError, UnknownNameError
from overtile.data import cells, load, membranes, read_image, summarize_objects, write_dataset


def test_cells_depend_on_the_seed_alone() -> None:
    first, again, other = cells(3, size=96), cells(3, size=96), cells(4, size=96)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_cells_touch_and_are_numbered_without_gaps() -> None:
    image, instances = cells(0)

    assert (image.dtype, instances.dtype, image.shape) == (np.uint8, np.int32, (256, 256))
    assert np.unique(instances).tolist() == list(range(instances.max() + 1))
    objects = summarize_objects([instances])
    assert objects.count >= 40
    assert objects.touching_share > 0.5
    assert 15 < objects.median_diameter_px < 30


def test_cells_are_brighter_than_background_and_dimmer_where_they_touch() -> None:
    image, instances = cells(1)
    pairs = (instances[:, 1:] != instances[:, :-1]) & (instances[:, 1:] > 0) & (instances[:, :-1] > 0)
    inside = image[instances > 0].mean()

    assert inside > 2 * image[instances == 0].mean()
    assert image[:, 1:][pairs].mean() < 0.95 * inside
    assert image[:, 1:][pairs].mean() > 1.2 * image[instances == 0].mean()  # a faint line, no gap


def test_thresholding_merges_touching_cells() -> None:
    image, instances = cells(2)
    smooth = gaussian_filter(image.astype(float), 1.5)
    _, found = label(smooth > 0.6 * np.median(smooth[instances > 0]))
    assert found < 0.7 * instances.max()


def test_the_number_of_cells_can_be_given() -> None:
    assert cells(0, size=128, count=1)[1].max() == 1


def test_membranes_are_dark_lines_between_neurites() -> None:
    image, inside = membranes(0)

    assert (image.dtype, inside.dtype, image.shape) == (np.uint8, np.uint8, (256, 256))
    assert np.unique(inside).tolist() == [0, 255]
    assert 0.12 < np.mean(inside == 0) < 0.35
    assert image[inside == 0].mean() < image[inside == 255].mean() - 25
    sizes = np.bincount(label(inside)[0].ravel())[1:]
    assert len(sizes) > 30
    assert sizes.max() > 20 * np.median(sizes) / 2  # few large neurites among many small ones
    assert np.array_equal(image, membranes(0)[0])


@pytest.mark.parametrize(("kind", "task"), [("cells", "instances"), ("membranes", "semantic")])
def test_a_written_dataset_is_loaded_back(tmp_path: Path, kind: str, task: str) -> None:
    write_dataset(tmp_path, kind, 2, seed=1, size=128)

    data = load(tmp_path)

    assert data.labelling.task == task
    assert [s.name for s in data.samples] == [f"{kind}_00", f"{kind}_01"]
    assert np.array_equal(
        read_image(tmp_path / "images" / f"{kind}_01.png").array[0],
        {"cells": cells, "membranes": membranes}[kind](1001, size=128)[0],
    )


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of synthetic image 'cell': did you mean 'cells'"):
        write_dataset(tmp_path, "cell", 1)
    write_dataset(tmp_path, "cells", 1, size=64)
    with pytest.raises(OutputExistsError, match=r"cells_00\.png exists already"):
        write_dataset(tmp_path, "cells", 1, size=64)
