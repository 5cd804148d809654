import numpy as np
import pytest
from numpy.typing import NDArray

from overtile.core.errors import DataError
from overtile.data.shapes import Shape, annotation_of, check_mask_size, class_values, fill, polygon_shape


def square(x: float, y: float, side: float) -> NDArray[np.float64]:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], np.float64)


def boxes(name: str, *squares: tuple[float, float, float], plane: int | None = None) -> Shape:
    return polygon_shape(name, [(square(*one),) for one in squares], plane=plane)


def test_a_pixel_belongs_where_its_centre_lies() -> None:
    patch = fill([(square(0.6, 0.4, 2.0),)], (4, 4))  # x 0.6 to 2.6, y 0.4 to 2.4: centres 1.5, 2.5 and 0.5, 1.5
    whole = np.zeros((4, 4), bool)
    whole[patch.y : patch.y + patch.mask.shape[0], patch.x : patch.x + patch.mask.shape[1]] = patch.mask
    assert np.argwhere(whole).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]


def test_rings_in_rings_are_holes_and_polygons_add_up() -> None:
    ring = fill([(square(0, 0, 4), square(1, 1, 2))], (4, 4)).mask
    assert ring.sum() == 12
    assert not ring[1:3, 1:3].any()
    assert fill([(square(0, 0, 3),), (square(1, 1, 3),)], (4, 4)).mask.sum() == 9 + 9 - 4


def test_what_lies_outside_is_cut_off() -> None:
    assert fill([(square(-2, 2, 4),)], (4, 4)).mask.shape == (2, 2)
    assert annotation_of([boxes("cell", (9, 9, 2))], (4, 4), {"cell": 1}).notes == (
        "1 shape(s) cover no pixel of the image",
    )
    assert fill([], (4, 4)).mask.size == 0


def test_objects_have_ids_and_classes_and_small_ones_lie_on_top() -> None:
    shapes = [boxes("nucleus", (1, 1, 1)), boxes("cell", (0, 0, 3))]

    annotation = annotation_of(shapes, (4, 4), {"cell": 1, "nucleus": 2})

    assert annotation.labels.tolist() == [[1, 1, 1, 0], [1, 2, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert annotation.classes is not None
    assert annotation.classes.tolist() == [0, 1, 2]
    assert annotation.valid is None


def test_regions_are_annotated_and_ignored_ones_are_not() -> None:
    shapes = [boxes("cell", (0, 0, 2)), boxes("Region*", (0, 0, 3)), boxes("Ignore*", (2, 2, 2))]

    annotation = annotation_of(shapes, (4, 4), class_values(shapes))

    assert annotation.valid is not None
    assert annotation.valid.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert class_values(shapes) == {"cell": 1}


def test_planes_without_shapes_are_not_annotated() -> None:
    shapes = [boxes("cell", (0, 0, 2), plane=1), boxes("cell", (3, 3, 1), plane=1)]

    annotation = annotation_of(shapes, (3, 4, 4), {"cell": 1})

    assert annotation.valid is not None
    assert annotation.valid.any(axis=(1, 2)).tolist() == [False, True, False]
    assert annotation.labels.max(axis=(1, 2)).tolist() == [0, 2, 0]


def test_classes_are_numbered_in_natural_order() -> None:
    shapes = [boxes(name, (0, 0, 1)) for name in ("class 10", "class 9", "class 10")]
    assert class_values(shapes) == {"class 9": 1, "class 10": 2}


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match=r"a\.json has a mask of size \(2, 3\), its image \(3, 2\)"):
        check_mask_size(np.ones((2, 3), bool), (3, 2), "a.json")
