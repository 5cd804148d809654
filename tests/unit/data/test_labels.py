from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from overtile.core.errors import DataError, UnknownNameError
from overtile.data import Reading, describe_labels, find_pairs, infer_task, load, to_classes
from overtile.data.labels import Labelling
from overtile.data.synthetic_cells import cells


def discs(*values: int, size: int = 40) -> NDArray[np.uint16]:
    """One 6x6 square per value, in a row, two pixels apart."""
    labels = np.zeros((8, max(size, 8 * len(values))), np.uint16)
    for i, value in enumerate(values):
        labels[1:7, 8 * i : 8 * i + 6] = value
    return labels


def test_0_and_255_are_two_classes() -> None:
    labelling = infer_task([discs(255, 255)])

    assert labelling.task == "semantic"
    assert labelling.values == (0, 255)
    assert labelling.class_names == ("background", "foreground")
    assert to_classes(discs(255, 255), labelling).max() == 1


def test_few_values_become_consecutive_classes_with_a_note() -> None:
    labelling = infer_task([discs(128, 255), discs(255, 255)])

    assert labelling.values == (0, 128, 255)
    assert labelling.notes == ("label values are numbered as classes: 0 -> 0, 128 -> 1, 255 -> 2",)
    assert np.unique(to_classes(discs(128, 255), labelling)).tolist() == [0, 1, 2]


def test_255_beside_small_values_is_pointed_out() -> None:
    notes = infer_task([discs(1, 255), discs(2, 255, 1, 2)]).notes
    assert any("pass --ignore-label 255" in note for note in notes)


def test_ids_numbered_afresh_in_each_image_are_instances() -> None:
    labelling = infer_task([discs(1, 2, 3), discs(1, 2, 3, 4, 5), discs(1, 2)])

    assert labelling.task == "instances"
    assert labelling.class_names == ("background", "object")
    assert "10 ids in 3 image(s)" in labelling.notes[0]


def test_many_ids_without_order_are_instances() -> None:
    assert infer_task([discs(*range(100, 140))]).task == "instances"


def test_many_compact_values_are_ids_even_if_every_image_has_as_many() -> None:
    assert infer_task([discs(*range(1, 10))] * 2).task == "instances"


def test_one_image_with_numbered_objects_is_instances() -> None:
    assert infer_task([discs(1, 2, 3, 4)]).task == "instances"


def test_the_same_compact_values_in_all_images_are_classes_with_a_warning() -> None:
    labelling = infer_task([discs(1, 2, 3)] * 4)

    assert labelling.task == "semantic"
    assert any("pass --task instances" in note for note in labelling.notes)


def test_scattered_values_are_classes() -> None:
    labels = [discs(1, 2, 3, 1, 2, 3), discs(1, 2, 1, 2)]
    assert infer_task(labels).task == "semantic"


def test_the_stated_task_wins() -> None:
    assert infer_task([discs(1, 2)], task="instances").task == "instances"
    assert infer_task([discs(*range(1, 41))], task="semantic").values[-1] == 40
    with pytest.raises(UnknownNameError, match="unknown task 'instance': did you mean 'instances'"):
        infer_task([discs(1)], task="instance")


def test_one_id_in_many_pieces_is_no_instance_labelling() -> None:
    with pytest.raises(DataError, match=r"hold one object id \(255\) in several pieces"):
        infer_task([discs(255, 255)], task="instances")


def test_ignore_label_becomes_minus_one() -> None:
    labelling = infer_task([discs(1, 11, 1)], ignore_label=11)

    assert labelling.values == (0, 1)
    assert np.unique(to_classes(discs(1, 11), labelling)).tolist() == [-1, 0, 1]


def test_ignore_label_in_instances() -> None:
    labelling = Labelling("instances", (), ("background", "object"), ignore_label=9)
    assert to_classes(np.array([0, 3, 9]), labelling).tolist() == [0, 3, -1]


def test_smoothed_masks_are_explained() -> None:
    crisp = discs(*[255, 0] * 4) > 0
    smooth = (gaussian_filter(np.kron(crisp, np.ones((4, 4))), 1.0) * 255).round().astype(np.uint8)

    with pytest.raises(
        DataError, match=r"smoothed masks: besides 0, 255 they hold \d+ values .*mask = \(mask > 127\) \* 255"
    ):
        infer_task([smooth])


def test_classes_of_thin_lines_can_be_stated() -> None:
    lines = np.zeros((40, 40), np.uint8)
    for value in (1, 2, 3, 4):
        lines[:, 8 * value] = value
        lines[:3, 8 * value] = 0

    with pytest.raises(DataError, match=r"\(1, 2, 3, 4\) only in thin lines, 9.2% .*need --task semantic"):
        infer_task([lines])
    assert infer_task([lines], task="semantic").values == (0, 1, 2, 3, 4)


def test_a_picture_is_no_label_file() -> None:
    picture = np.random.default_rng(0).integers(0, 4000, (64, 64)).astype(np.uint16)
    with pytest.raises(DataError, match=r"labels hold \d+ different values .* too scattered for object ids"):
        infer_task([picture])


def test_background_only_is_an_error_for_all_and_a_note_for_some() -> None:
    empty = np.zeros((8, 40), np.uint8)
    with pytest.raises(DataError, match=r"the 2 label file\(s\) hold a single value \(0\): there is nothing to learn"):
        infer_task([empty, empty])
    with pytest.raises(DataError, match=r"single value \(0\) besides the ignored 1"):
        infer_task([discs(1)], ignore_label=1)
    assert infer_task([empty, discs(1, 1)]).notes == ("1 of 2 images hold a single label value",)


def test_unknown_values_and_bad_ids_are_refused() -> None:
    two = Labelling("semantic", (0, 255), ("background", "foreground"))
    ids = Labelling("instances", (), ("background", "object"))
    with pytest.raises(DataError, match="labels hold 7, 300, none of the known values 0, 255"):
        to_classes(np.array([0, 7, 300]), two)
    with pytest.raises(DataError, match="between 0 and 2147483647, found -1 to 2"):
        to_classes(np.array([-1, 2]), ids)
    with pytest.raises(DataError, match="found 0 to 4294967295"):
        to_classes(np.array([0, 2**32 - 1], np.uint32), ids)
    with pytest.raises(DataError, match="object ids must not be negative, found -1"):
        infer_task([np.array([[-1, 0, 1]])], task="instances")


def test_many_scattered_values_are_refused() -> None:
    labels = np.kron(np.arange(50).repeat(2).reshape(10, 10).T, np.ones((4, 4))).astype(np.uint8)
    labels = np.concatenate([labels, labels[::-1], labels], axis=1)
    with pytest.raises(DataError, match=r"labels hold 50 different values \(0, 1, 2, 3, 4, 5, ..., 49\)"):
        infer_task([labels])


def test_evidence_of_a_small_array() -> None:
    evidence = describe_labels([np.array([[1, 0, 1, 2]], np.uint8), np.array([[0, 0]], np.uint8)])

    assert evidence.values == (0, 1, 2)
    assert evidence.pixels == (3, 2, 1)
    assert evidence.n_ids == 2
    assert evidence.area_px == 1.5
    assert evidence.compactness == 0.75  # value 1 lies in halves, value 2 in one piece
    assert evidence.empty_images == (1,)
    assert evidence.consecutive == 1.0


def test_synthetic_cells_are_instances() -> None:
    assert infer_task([cells(seed, size=128)[1] for seed in range(2)]).task == "instances"


@pytest.mark.parametrize(
    ("folder", "labels", "task", "classes"),
    [
        ("isbi2012-em", None, "semantic", 2),
        ("drive-retina", None, "semantic", 2),
        ("axon-myelin-sem", None, "semantic", 3),
        ("wbc-tecom", None, "semantic", 3),
        ("hippocampus-mri-3d", None, "semantic", 3),
        ("camvid-sub", None, "semantic", 11),
        ("epfl-hippocampus-em", "labels", "semantic", 7),
        ("epfl-hippocampus-em", "labels-mitochondria", "semantic", 2),
        ("dsb2018-fluo", None, "instances", 2),
        ("u2os-nuclei", None, "instances", 2),
        ("t98g-phase", None, "instances", 2),
    ],
)
def test_real_folders(real_data: Path, folder: str, labels: str | None, task: str, classes: int) -> None:
    ignore = 11 if folder == "camvid-sub" else None

    data = load(real_data / folder, labels=labels, ignore_label=ignore)

    assert data.labelling.task == task
    assert len(data.labelling.class_names) == classes
    assert len({s.group for s in data.samples}) == len(find_pairs(real_data / folder, Reading(labels=labels)).pairs)
    assert all((s.valid is not None) == (folder in ("camvid-sub", "drive-retina")) for s in data.samples)
