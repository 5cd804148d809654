import numpy as np
import pytest

from overtile.targets import INSTANCE_TARGETS
from overtile.targets.instance_targets import STEPS, distance_shares

TOUCHING = np.zeros((7, 12), int)
TOUCHING[1:6, 1:6] = 70_000
TOUCHING[1:6, 6:11] = 3


@pytest.mark.parametrize("name", INSTANCE_TARGETS)
def test_labels_are_what_shares_and_classes_are_stated_for(name):
    target = INSTANCE_TARGETS[name]
    for ids in (TOUCHING, np.zeros((3, 4), int), np.ones((3, 4), int)):
        labels = target.labels(ids)
        assert labels.shape == ids.shape
        assert labels.dtype == np.uint8
        assert labels.max() < (len(target.classes) if target.shares is None else len(target.shares))


@pytest.mark.parametrize("name", INSTANCE_TARGETS)
def test_touching_objects_have_something_else_than_their_middle_between_them(name):
    target = INSTANCE_TARGETS[name]
    labels = target.labels(TOUCHING)
    middle = labels if target.shares is None else target.shares.argmax(axis=1)[labels]
    row = (middle[3] == 1).astype(int)
    assert (np.diff(row) == 1).sum() == 2


def test_the_distance_is_one_in_the_middle_of_each_object_and_least_at_its_border():
    labels = INSTANCE_TARGETS["distance"].labels(TOUCHING)
    assert labels[3].tolist() == [0, 33, 67, 100, 67, 33, 33, 67, 100, 67, 33, 0]


def test_shares_sum_up_to_one_and_every_object_pixel_has_a_label():
    np.testing.assert_allclose(distance_shares().sum(axis=1), 1)
    long = np.ones((3, 1001), int)
    long[:, 0] = 0
    labels = INSTANCE_TARGETS["distance"].labels(long)
    assert (labels[:, 0] == 0).all()
    assert labels[:, 1:].min() == 1
    assert labels.max() == STEPS
