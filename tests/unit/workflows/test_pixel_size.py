import numpy as np
import pytest

from overtile.core import DataError, Image
from overtile.workflows.pixel_size import matched, mismatch, restored_labels, restored_maps, typical_pixel_size


def image(size: tuple[int, ...], pixel_size: tuple[float, ...] | None = None, dtype: type = np.uint8) -> Image:
    return Image(np.zeros((1, *size), dtype), pixel_size)


def test_the_typical_pixel_size_is_the_median_of_the_known() -> None:
    images = [image((4, 4), (0.5, 0.4)), image((4, 4)), image((2, 4, 4), (2.0, 0.7, 0.6)), image((4, 4), (9.0, 9.0))]
    assert typical_pixel_size(images) == pytest.approx((0.7, 0.6))
    assert typical_pixel_size([image((4, 4))]) is None


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((0.25, 0.25), None), ((0.31, 0.2), None), ((0.2, 0.2), None), (None, None),
        ((0.32, 0.25), "0.32 um, the model was trained on 0.25 um: objects look 1.3 times smaller"),
        ((5.0, 0.25, 0.1), "0.1 um, the model was trained on 0.25 um: objects look 2.5 times larger"),
    ],
)  # fmt: skip
def test_more_than_a_quarter_is_said(size: tuple[float, ...] | None, words: str | None) -> None:
    found = mismatch(size, (0.25, 0.25))
    assert found is None if words is None else words in str(found)
    assert mismatch(size, None) is None


def test_an_image_is_brought_to_the_pixels_of_the_training() -> None:
    ramp = np.tile(np.arange(40, dtype=np.uint16) * 100, (1, 20, 1))
    found = matched(Image(ramp, (0.5, 0.5), ("dapi",)), (1.0, 0.25))
    assert found.array.shape == (1, 10, 80)
    assert found.array.dtype == np.uint16
    assert (found.pixel_size_um, found.channel_names) == ((1.0, 0.25), ("dapi",))
    assert np.abs(np.diff(found.array[0, 5, 2:-2].astype(int)) - 50).max() <= 1
    stack = matched(image((3, 8, 8), (2.0, 0.5, 0.5), np.float32), (0.25, 0.25))
    assert (stack.array.shape, stack.pixel_size_um) == ((1, 3, 16, 16), (2.0, 0.25, 0.25))
    same = image((8, 8), (0.25, 0.25))
    assert matched(same, (0.25, 0.25)) is same


def test_results_come_back_to_the_pixels_of_the_image() -> None:
    labels = np.zeros((12, 13), np.int32)
    labels[3:7, 2:9], labels[8:, 10:] = 5, 70000
    for factor in (2, 3):
        large = labels.repeat(factor, axis=0).repeat(factor, axis=1)
        assert np.array_equal(restored_labels(large, labels.shape), labels)
    assert np.array_equal(restored_labels(np.stack([labels, labels]), (3, 6, 6))[1], restored_labels(labels, (6, 6)))
    maps = restored_maps(np.full((2, 6, 7), 0.5, np.float32), (12, 13))
    assert maps.shape == (2, 12, 13)
    np.testing.assert_allclose(maps, 0.5)


@pytest.mark.parametrize(
    ("own", "trained", "whose"), [(None, (1.0, 1.0), "the image"), ((1.0, 1.0), None, "the model's")]
)
def test_unknown_sizes_cannot_be_matched(own: tuple[float, ...], trained: tuple[float, ...], whose: str) -> None:
    with pytest.raises(DataError, match=f"pixel size of {whose}.* is not known, so that it cannot be matched"):
        matched(image((4, 4), own), trained)
