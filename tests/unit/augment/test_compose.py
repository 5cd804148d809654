import pytest
import torch

from overtile.augment import AUGMENTATIONS, apply, source_window


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_preset_gives_patches_of_the_size_asked_for(name: str) -> None:
    augmentation = AUGMENTATIONS[name]
    window = source_window((40, 48), augmentation.geometric)
    image, labels = torch.randn(3, 2, *window), torch.randint(0, 4, (3, *window))
    weight = torch.rand(3, *window)

    out = apply(augmentation, image, labels, weight, size=(40, 48), generator=torch.Generator().manual_seed(1))

    assert out.image.shape == (3, 2, 40, 48)
    assert out.labels.shape == (3, 40, 48)
    assert out.weight is not None
    assert out.weight.shape == (3, 40, 48)
    assert out.image.isfinite().all()


def test_none_is_the_centre() -> None:
    image, labels = torch.randn(1, 1, 6, 6), torch.randint(0, 4, (1, 6, 6))

    out = apply(AUGMENTATIONS["none"], image, labels, size=(4, 4), generator=torch.Generator())

    assert torch.equal(out.image, image[..., 1:5, 1:5])
    assert torch.equal(out.labels, labels[..., 1:5, 1:5])
    assert out.weight is None


def test_grey_value_variation_leaves_labels_and_weights_alone() -> None:
    image, labels = torch.randn(1, 1, 32, 32), torch.randint(0, 4, (1, 32, 32))
    calm = AUGMENTATIONS["none"].geometric
    varied = type(AUGMENTATIONS["none"])(calm, AUGMENTATIONS["paper"].intensity)

    out = apply(varied, image, labels, labels.float(), size=(32, 32), generator=torch.Generator().manual_seed(1))

    assert torch.equal(out.labels, labels)
    assert torch.equal(out.weight, labels.float())
    assert not torch.equal(out.image, image)
