"""Image, labels and weights are deformed together, and labels are never invented."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from overtile.augment import Geometric, deform, source_window

RANGES = st.builds(
    Geometric,
    rotation_deg=st.sampled_from([0.0, 15.0, 180.0]),
    scale=st.sampled_from([(1.0, 1.0), (0.7, 1.4)]),
    shear_deg=st.sampled_from([0.0, 10.0]),
    shift_px=st.sampled_from([0.0, 4.0]),
    flip=st.booleans(),
    elastic_sigma_px=st.sampled_from([0.0, 3.0]),
    elastic_spacing_px=st.sampled_from([None, 16.0]),
)
SIZES = st.tuples(st.integers(8, 40), st.integers(8, 40))


@settings(deadline=None, max_examples=40)
@given(geometric=RANGES, size=SIZES, seed=st.integers(0, 2**31), slack=st.integers(0, 3))
def test_every_pixel_of_image_labels_and_weight_comes_from_the_same_place(
    geometric: Geometric, size: tuple[int, int], seed: int, slack: int
) -> None:
    # Given a source whose pixels hold their own position, as image, as label and as weight
    h, w = size[0] + slack, size[1] + 2 * slack
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    image = torch.stack([rows, columns]).float().expand(2, 2, h, w)
    labels = (rows * w + columns).expand(2, h, w)

    # When it is deformed
    out = deform(geometric, image, labels, image[:, 0] + 1, size=size, generator=torch.Generator().manual_seed(seed))

    # Then the label names the pixel nearest to where the image was read (a ramp mirrors without a jump)
    assert out.weight is not None
    assert (out.image[:, 0] - out.labels // w).abs().max() <= 0.5 + 1e-3
    assert (out.image[:, 1] - out.labels % w).abs().max() <= 0.5 + 1e-3
    torch.testing.assert_close(out.weight, out.image[:, 0] + 1, atol=1e-3, rtol=0)


@settings(deadline=None, max_examples=25)
@given(geometric=RANGES, size=SIZES, seed=st.integers(0, 2**31))
def test_labels_are_never_invented(geometric: Geometric, size: tuple[int, int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([3, 7, 255])[torch.randint(0, 3, (2, *size), generator=generator)]

    out = deform(geometric, torch.zeros(2, 1, *size), labels, size=size, generator=generator)

    assert set(out.labels.unique().tolist()) <= {3, 7, 255}


@settings(deadline=None, max_examples=25)
@given(geometric=RANGES, size=SIZES, seed=st.integers(0, 2**31))
def test_the_source_window_holds_every_affine_deformation(
    geometric: Geometric, size: tuple[int, int], seed: int
) -> None:
    # Given a window with a marked frame one pixel outside the size that is said to be enough
    rigid = Geometric(geometric.rotation_deg, geometric.scale, geometric.shear_deg, geometric.shift_px, geometric.flip)
    rigid = Geometric(**{**vars(rigid), "elastic_sigma_px": 0.0})
    h, w = source_window(size, rigid)
    labels = torch.ones(4, h + 2, w + 2, dtype=torch.long)
    labels[:, 1:-1, 1:-1] = 0

    # When patches are read from it
    out = deform(
        rigid, torch.zeros(4, 1, h + 2, w + 2), labels, size=size, generator=torch.Generator().manual_seed(seed)
    )

    # Then no patch shows the frame
    assert not out.labels.any()
