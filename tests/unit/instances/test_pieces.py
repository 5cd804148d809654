import numpy as np
import pytest
from skimage.measure import label

from overtile.instances import Pieces

LABELS = np.random.default_rng(3).choice([0, 5, 200, 9], (17, 23), p=[0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("block", [(3, 5), (17, 23), (1, 1)])
def test_pieces_are_those_of_the_whole_image_whatever_is_asked_for(block):
    pieces = Pieces(LABELS, (5, 200), block)
    whole = pieces[0:17, 0:23]
    assert ((whole > 0) == np.isin(LABELS, (5, 200))).all()
    expected = sum(label(value == LABELS, connectivity=1).max() for value in (5, 200))
    assert len(np.unique(whole[whole > 0])) == expected == whole.max()
    for value in (5, 200):
        mask = value == LABELS
        pairs = np.unique(np.stack([whole[mask], label(mask, connectivity=1)[mask]]), axis=1)
        assert len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))
    np.testing.assert_array_equal(pieces[4:11, 6:20], whole[4:11, 6:20])
    np.testing.assert_array_equal(pieces.classes((slice(0, 17), slice(0, 23))), (LABELS == 5) + 2 * (LABELS == 200))


def test_a_stack_is_joined_across_its_planes():
    stack = np.zeros((3, 4, 4), np.uint8)
    stack[0, 0, 0] = stack[1, 0, 0] = stack[2, 3, 3] = 1
    pieces = Pieces(stack, (1,), (1, 2, 2))
    assert pieces[0:3, 0:4, 0:4].max() == 2
    assert pieces[0:1, 0:1, 0:1] == pieces[1:2, 0:1, 0:1]
