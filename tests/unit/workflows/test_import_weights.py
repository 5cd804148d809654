"""Weights of other code: the model file predicts what that code predicts."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import overtile
from overtile.core import ModelFileError, OptionError, OutputExistsError, UnknownNameError
from overtile.data import from_arrays
from overtile.models import preset
from overtile.workflows.import_weights import Meaning, import_weights

WIDTH = 2


def double(before, after):
    layers = [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


class Milesial(nn.Module):
    """The layout of milesial/Pytorch-UNet, written from its description."""

    def __init__(self, channels, classes):
        super().__init__()
        widths = [WIDTH * 2**level for level in range(5)]
        self.inc = double(channels, widths[0])
        self.downs = nn.ModuleList(double(a, b) for a, b in pairwise(widths))
        coarse = widths[::-1]
        self.up = nn.ModuleList(
            nn.ModuleDict({"up": nn.ConvTranspose2d(a, b, 2, stride=2), "conv": double(a, b)})
            for a, b in pairwise(coarse)
        )
        self.outc = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for step in self.up:
            x = step["conv"](torch.cat([skips.pop(), step["up"](x)], dim=1))
        return self.outc(x)


@pytest.fixture
def theirs(tmp_path):
    """Their network with running statistics that matter, and its checkpoint."""

    def make(channels, classes):
        torch.manual_seed(0)
        network = Milesial(channels, classes)
        with torch.no_grad():
            for _ in range(3):
                network(torch.rand(2, channels, 32, 32))
        torch.save({"state_dict": network.state_dict()}, tmp_path / "theirs.pth")
        return network.eval(), tmp_path / "theirs.pth"

    return make


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 32)).astype(np.uint8)


def test_the_model_file_predicts_what_their_code_does(theirs, image, tmp_path):
    network, checkpoint = theirs(3, 4)
    import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", width=WIDTH)
    model = overtile.load(tmp_path / "m.overtile", precision="float32")
    with torch.no_grad():
        expected = network(torch.from_numpy(image)[None] / 255).softmax(1)[0].numpy()
    np.testing.assert_allclose(model.probabilities(image), expected, atol=1e-5)
    assert model.manifest.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert model.manifest.class_values == (0, 1, 2, 3)
    imported = model.manifest.training["imported"]
    assert (imported["preset"], imported["checkpoint"]) == ("unet-milesial", "theirs.pth")


def test_a_sigmoid_becomes_two_classes_with_the_same_probabilities(theirs, image, tmp_path):
    network, checkpoint = theirs(1, 1)
    meaning = Meaning(values=(0, 255), offset=(10.0,), scale=(2.0,))
    model = import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", meaning=meaning, width=WIDTH)
    with torch.no_grad():
        expected = network((torch.from_numpy(image[:1])[None].float() - 10) / 2).sigmoid()[0].numpy()
    loaded = overtile.load(tmp_path / "m.overtile", precision="float32")
    np.testing.assert_allclose(loaded.probabilities(image[:1])[1:], expected, atol=1e-5)
    np.testing.assert_array_equal(loaded.predict(image[:1]), np.where(expected[0] > 0.5, 255, 0))
    assert model.manifest.class_names == ("background", "foreground")
    assert model.manifest.num_classes == 2


def test_an_imported_model_is_evaluated_like_any_other(theirs, image, tmp_path):
    _, checkpoint = theirs(1, 2)
    model = import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", width=WIDTH)
    found = overtile.evaluate(model, from_arrays([image[0]], [np.eye(48, 32, dtype=int)], task="semantic"))
    assert 0 <= found.total["dice"]["value"] <= 1
    assert [example.role for example in found.examples] == ["new"]


@pytest.mark.parametrize(
    ("meaning", "message"),
    [
        (Meaning(values=(0, 1)), r"expected one of the class values for each of 3 classes, got \(0, 1\)"),
        (Meaning(names=("a",)), r"expected one of the class names for each of 3 classes, got \('a',\)"),
        (Meaning(values=(0, 5, 3)), r"class values that rise from 0 or more, got \(0, 5, 3\)"),
        (Meaning(values=(-1, 0, 1)), r"class values that rise from 0 or more, got \(-1, 0, 1\)"),
        (Meaning(offset=(1.0, 2.0)), "expected one offset, or one for each of 1 channels, got 2"),
        (Meaning(scale=(0.0,)), r"expected a scale above 0, got \(0.0,\)"),
    ],
)
def test_a_meaning_that_contradicts_itself_is_refused(theirs, tmp_path, meaning, message):
    _, checkpoint = theirs(1, 3)
    with pytest.raises(OptionError, match=message):
        import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", meaning=meaning, width=WIDTH)
    assert not (tmp_path / "m.overtile").exists()


def test_weights_of_another_network_are_refused(theirs, tmp_path):
    _, checkpoint = theirs(1, 2)
    with pytest.raises(ModelFileError, match="another network than this preset"):
        import_weights(checkpoint, "unet-bpius", tmp_path / "m.overtile", width=WIDTH)
    with pytest.raises(ModelFileError, match="Choose the preset, its width, the channels and the classes"):
        import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", meaning=Meaning(classes=5), width=WIDTH)


@pytest.mark.parametrize("classes", [1, 3])
def test_classes_are_found_behind_a_guidance_branch_and_late_up_convolutions(tmp_path, classes):
    guided = preset("unet3plus-cgm", 2, classes, width=WIDTH).state_dict()
    assert list(guided)[-1].startswith("head.guide")
    ups_last = preset("unet-jasonlee", 2, classes, width=WIDTH).state_dict()
    ups_last = dict(sorted(ups_last.items(), key=lambda item: ".up." in item[0]))
    for name, state in (("unet3plus-cgm", guided), ("unet-jasonlee", ups_last)):
        torch.save(state, tmp_path / "theirs.pth")
        model = import_weights(tmp_path / "theirs.pth", name, tmp_path / "m.overtile", width=WIDTH, overwrite=True)
        assert (model.manifest.in_channels, model.manifest.num_classes) == (2, max(classes, 2))


def test_files_that_cannot_be_used_are_refused(theirs, tmp_path):
    _, checkpoint = theirs(1, 2)
    with pytest.raises(ModelFileError, match=r"there is no checkpoint .*absent.pth"):
        import_weights(tmp_path / "absent.pth", "unet-milesial", tmp_path / "m.overtile")
    torch.save({"a": torch.zeros(3)}, tmp_path / "flat.pth")
    with pytest.raises(ModelFileError, match="holds no convolution among its 1 tensors"):
        import_weights(tmp_path / "flat.pth", "unet-milesial", tmp_path / "m.overtile")
    with pytest.raises(UnknownNameError, match="did you mean 'unet-milesial'"):
        import_weights(checkpoint, "unet-milesia", tmp_path / "m.overtile")
    (tmp_path / "m.overtile").touch()
    with pytest.raises(OutputExistsError, match=r"m.overtile exists already"):
        import_weights(checkpoint, "unet-milesial", tmp_path / "m.overtile", width=WIDTH)
