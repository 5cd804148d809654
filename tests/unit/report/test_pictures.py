import base64
import io

import numpy as np
from PIL import Image

from overtile.report.examples import class_legend, error_legend, example_rows
from overtile.report.images import displayed, indexed_png, sampled, shrunk
from overtile.report.overlays import (
    CONFUSED,
    EXTRA,
    FOREGROUND,
    MISSED,
    NOT_COUNTED,
    class_palette,
    class_picture,
    error_kinds,
    error_picture,
    matched_ids,
    object_picture,
)


def colours(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_contrast_is_stretched_between_the_percentiles():
    image = np.full((1, 100, 100), 500, np.uint16)
    image[0, :50] = 1000
    image[0, 0, 0] = 65535  # a hot pixel
    shown = displayed(image)
    assert shown[0, 0] == shown[1, 1] == 255
    assert shown[99, 99] == 0


def test_a_constant_image_is_black():
    assert not displayed(np.full((1, 3, 3), 7.0)).any()


def test_photographs_keep_their_hue():
    image = np.zeros((3, 10, 10), np.uint8)
    image[0], image[1] = 200, 100
    assert displayed(image)[0, 0].tolist() == [255, 128, 0]


def test_two_channels_are_added_in_cyan_and_magenta():
    image = np.array([[[0, 1, 0, 1]], [[0, 0, 1, 1]]], np.uint16)
    assert displayed(image).tolist() == [[[0, 0, 0], [0, 255, 255], [255, 0, 255], [255, 255, 255]]]


def test_labels_are_sampled_and_images_averaged():
    grid = np.array([[0, 2, 5, 5], [2, 4, 5, 5]], np.uint8)
    assert shrunk(grid, (1, 2)).tolist() == [[2, 5]]
    assert sampled(grid, (1, 2)).tolist() == [[4, 5]]


def test_an_indexed_picture_has_the_colours_of_its_palette():
    uri = indexed_png(np.array([[0, 1]], np.uint8), [(1, 2, 3), (250, 0, 9)])
    assert colours(uri).tolist() == [[[1, 2, 3], [250, 0, 9]]]


def test_class_colours_differ():
    assert class_palette(2)[1] == FOREGROUND
    assert len(set(class_palette(32))) == 32


def test_pixels_that_do_not_count_are_striped():
    drawn = class_picture(np.ones((6, 6), int), np.zeros((6, 6), bool), 2)
    assert set(np.unique(drawn.indices)) == {1, 2}
    assert drawn.palette[2] == NOT_COUNTED


def test_neighbouring_objects_differ_in_colour_and_have_outlines():
    ids = np.repeat([[1] * 4 + [2] * 4], 5, axis=0)
    drawn = object_picture(ids, np.ones(ids.shape, bool))
    assert drawn.indices[2].tolist() == [2, 2, 2, 26, 27, 3, 3, 3]
    assert len({drawn.palette[index] for index in (2, 3, 26, 27)}) == 4


def test_a_split_object_is_named_after_its_larger_part():
    truth = np.array([[4, 4, 4, 4, 4]])
    assert matched_ids(truth, np.array([[1, 1, 1, 2, 2]])).tolist() == [[4, 4, 4, 6, 6]]


def test_kinds_of_errors():
    truth, prediction = np.array([[0, 0, 1, 1, 0]]), np.array([[0, 1, 0, 2, 1]])
    valid = np.array([[True, True, True, True, False]])
    assert error_kinds(truth, prediction, valid).tolist() == [[0, 1, 2, 3, 0]]


def test_errors_have_their_colour_over_a_darkened_image():
    kinds = np.array([[0, 1, 2, 3]], np.uint8)
    drawn = error_picture(kinds, np.full((1, 4), 255, np.uint8), np.ones((1, 4), bool))
    nothing, *wrong = (drawn.palette[index] for index in drawn.indices[0])
    assert nothing == (170, 170, 170)
    assert wrong == [tuple(round(0.8 * c + 0.2 * 170) for c in colour) for colour in (EXTRA, MISSED, CONFUSED)]
    assert len(drawn.palette) <= 256


def test_best_median_and_worst(evaluation, example):
    scores = {"e": float("nan"), "a": 0.9, "b": 0.8, "c": 0.7, "d": 0.1}
    rows = example_rows(evaluation(*(example(name, score) for name, score in scores.items())))
    assert [(row.rank, row.name) for row in rows] == [
        ("Best image", "a"),
        ("Median image", "c"),
        ("Worst image", "d"),
    ]
    assert rows[0].scores["Dice"].value == 0.9


def test_one_or_two_images(evaluation, example):
    assert [row.rank for row in example_rows(evaluation(example()))] == ["The image"]
    two = evaluation(example("a", 0.9), example("b", 0.1))
    assert [(row.rank, row.name) for row in example_rows(two)] == [("Best image", "a"), ("Worst image", "b")]


def test_a_row_shows_image_annotation_prediction_and_errors(evaluation, example):
    (row,) = example_rows(evaluation(example()))
    assert [picture.caption for picture in row.pictures] == ["Image", "Annotation", "Prediction", "Errors"]
    annotation, prediction = colours(row.pictures[1].source), colours(row.pictures[2].source)
    assert (annotation[0, 3] == FOREGROUND).all()
    assert (prediction[0, 1] == FOREGROUND).all()
    assert row.pixelated


def test_objects_keep_their_colour_where_they_match(evaluation, example):
    truth = np.kron(np.array([[1, 0, 2]]), np.ones((4, 4), int))
    shown = example(truth=truth, prediction=np.where(truth > 0, 8 - truth, 0), image=None, valid=truth >= 0)
    (row,) = example_rows(evaluation(shown, task="instances"))
    annotation, prediction, errors = (colours(picture.source) for picture in row.pictures)
    assert (annotation == prediction).all()
    assert len(np.unique(errors)) == 2


def test_legends_say_what_is_in_the_pictures(evaluation, example):
    binary = evaluation()
    assert [item.text for item in class_legend(binary)] == ["background", "foreground"]
    assert len(error_legend(binary)) == 2
    assert "another class" in error_legend(evaluation(class_names=("a", "b", "c")))[2].text
    objects = evaluation(task="instances")
    assert not class_legend(objects)
    assert "merged, split" in error_legend(objects)[2].text
    assert error_legend(objects)[0].css == "#ff7a00"
