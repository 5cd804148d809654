import numpy as np
import pytest

from overtile.core.errors import DataError, UnknownNameError
from overtile.data import Labelling
from overtile.data.layouts import Meaning
from overtile.data.stated_labels import conclude, values_for

IDS = np.zeros((6, 6), np.int32)
IDS[:2, :2], IDS[3:5, 3:5], IDS[5, 5] = 1, 2, 3
CLASSES = np.array([0, 2, 1, 2], np.int32)
TWO = Meaning(True, {0: "background", 1: "cell", 2: "nucleus"})
NAMED = Meaning(False, {0: "background", 1: "cell", 9: "ignore"}, ignore_label=9)


def test_objects_of_one_class_are_told_apart() -> None:
    found = conclude([IDS], Meaning(True, {0: "background", 1: "cell"}), task="auto", ignore_label=None)
    assert (found.task, found.class_names) == ("instances", ("background", "cell"))
    assert conclude([IDS], Meaning(True), task="auto", ignore_label=None).class_names == ("background", "object")


def test_objects_of_several_classes_are_classes_unless_stated() -> None:
    found = conclude([IDS], TWO, task="auto", ignore_label=None)
    assert (found.task, found.values, found.class_names) == ("semantic", (0, 1, 2), ("background", "cell", "nucleus"))
    assert "objects of 2 classes (cell, nucleus) are learned as classes" in found.notes[0]
    values, valid = values_for(IDS, CLASSES, TWO, found)
    assert valid is None
    assert np.array_equal(values, CLASSES[IDS])

    stated = conclude([IDS], TWO, task="instances", ignore_label=None)
    assert stated.task == "instances"
    assert "are told apart; their classes are not learned" in stated.notes[0]
    assert values_for(IDS, CLASSES, TWO, stated)[0] is IDS


def test_ids_without_classes_become_one_class_where_asked() -> None:
    meaning = Meaning(True)
    found = conclude([IDS], meaning, task="semantic", ignore_label=None)
    assert np.array_equal(values_for(IDS, None, meaning, found)[0], IDS > 0)


def test_named_classes_keep_their_names_and_lose_the_ignored() -> None:
    labels = np.minimum(IDS, 1)
    labels[5, 5] = 9

    found = conclude([labels], NAMED, task="auto", ignore_label=None)
    values, valid = values_for(labels, None, NAMED, found)

    assert (found.values, found.class_names, found.ignore_label) == ((0, 1), ("background", "cell"), 9)
    assert valid is not None
    assert np.argwhere(~valid).tolist() == [[5, 5]]
    assert values.max() == 1
    ids, _ = values_for(labels, None, NAMED, Labelling("instances", (), ("background", "object")))
    assert ids.max() == 1


def test_nothing_and_unknown_tasks_are_refused() -> None:
    with pytest.raises(DataError, match=r"annotation of all 1 image\(s\) holds no object"):
        conclude([IDS * 0], TWO, task="auto", ignore_label=None)
    with pytest.raises(UnknownNameError, match="unknown task 'objects'"):
        conclude([IDS], TWO, task="objects", ignore_label=None)


def test_the_labels_of_a_model_are_matched_by_name() -> None:
    # Given a model that numbers the classes the other way round, with values of its own
    model = Labelling("semantic", (0, 100, 200), ("background", "nucleus", "cell"))
    values, _ = values_for(IDS, CLASSES, TWO, model)
    assert values[IDS == 1].tolist() == [100] * 4
    assert values[IDS == 2].tolist() == [200] * 4

    # Given two classes of any name on both sides
    binary = Labelling("semantic", (0, 255), ("background", "foreground"))
    assert set(values_for(IDS, None, Meaning(True), binary)[0].ravel().tolist()) == {0, 255}

    # Given file values that a model knows by number only
    three = Labelling("semantic", (0, 1, 2), ("background", "class 1", "class 2"))
    assert values_for(np.minimum(IDS, 1), None, NAMED, three)[0].max() == 1

    # Given objects of a class that the model does not know
    with pytest.raises(DataError, match="has the classes cell, nucleus, the model knows background, class 1, class 2"):
        values_for(IDS, CLASSES, TWO, three)
