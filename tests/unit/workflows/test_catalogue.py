"""The list of networks: what it says is what the networks are."""

import pytest

from overtile.core import UnknownNameError
from overtile.models import geometry, preset
from overtile.workflows import catalogue as module
from overtile.workflows.catalogue import catalogue


def test_the_network_of_2015_has_the_numbers_of_the_paper():
    (entry,) = catalogue(["unet-2015"], output_px=388)
    assert entry.parameters == 31_030_658
    assert entry.input_size == (572, 572)
    assert (entry.kind, entry.architecture, entry.tile_exact, entry.reason) == ("preset", "unet", True, None)
    shape = geometry(preset("unet-2015", 1, 2, width=2))
    assert (entry.stride, entry.receptive_field, entry.halo) == (16, shape.receptive_field[0], shape.halo[0])
    assert "Ronneberger" in entry.source


def test_multiply_adds_grow_with_the_image_and_parameters_with_the_channels():
    small, large = (catalogue(["residual_unet"], output_px=px)[0] for px in (64, 128))
    assert large.multiply_adds == 4 * small.multiply_adds
    colour = catalogue(["residual_unet"], in_channels=3, num_classes=5, output_px=64)[0]
    # two first convolutions (the unit's and its shortcut's) see 2 channels more, the head gives 3 classes more
    assert colour.parameters - small.parameters == 2 * 64 * 9 + 2 * 64 + 3 * 65


def test_a_name_can_be_that_of_an_architecture_and_of_a_preset():
    both = catalogue(["unet3plus"])
    assert [entry.kind for entry in both] == ["architecture", "preset"]
    assert both[0].parameters > both[1].parameters  # the preset has no deep supervision


def test_networks_that_see_the_whole_image_say_why():
    guided, aligned = catalogue(["unet3plus-cgm", "unet-milesial-bilinear"], output_px=64)
    assert not guided.tile_exact
    assert "global pooling" in str(guided.reason)
    assert not aligned.tile_exact
    assert "align_corners" in str(aligned.reason)


def test_without_names_all_are_listed_and_progress_is_told(monkeypatch):
    monkeypatch.setattr(module, "ARCHITECTURES", {"unet": module.ARCHITECTURES["unet"]})
    monkeypatch.setattr(module, "PRESETS", {name: module.PRESETS[name] for name in ("unet-2015", "unet-milesial")})
    told = []
    entries = catalogue(on_progress=lambda name, fraction: told.append((name, fraction)))
    assert [entry.name for entry in entries] == ["unet", "unet-2015", "unet-milesial"]
    assert told == [("unet", 0.0), ("unet-2015", 1 / 3), ("unet-milesial", 2 / 3)]


def test_an_unknown_network_is_refused_with_the_close_ones():
    with pytest.raises(UnknownNameError, match="unknown network 'unet-2016': did you mean 'unet-2015'"):
        catalogue(["unet", "unet-2016"])
