"""What happens when a training does not go well."""

import resource

import numpy as np
import pytest
import torch

from overtile.core import OptionError, TrainingError
from overtile.training import Settings, TrainingState, alarms, fit
from overtile.training.alarms import is_spike
from overtile.training.checkpoint import load_checkpoint


class StoppedError(Exception):
    pass


def stop_at(step):
    def listener(progress):
        if progress.step == step:
            raise StoppedError

    return listener


def test_a_loss_that_is_no_number_leaves_its_batch_in_a_file(tmp_path, network, discs, recipe):
    bad, where = discs(1), tmp_path / "bad.npz"
    bad[0].image[0, 20, 20] = np.nan
    with pytest.raises(TrainingError, match=r"nan at step 0: the batch holds pixels.*overtile check.*bad\.npz"):
        fit(network(), bad, [], recipe, Settings(seconds=None, steps=3, bad_batch=where))
    saved = np.load(where)
    assert np.isnan(saved["image"]).any()
    assert saved["image"].shape == (2, 1, 32, 32)
    assert saved["labels"].shape == saved["weight"].shape == (2, 32, 32)


def test_a_training_that_runs_away_is_told_to_go_slower(network, discs, recipe):
    far = recipe.changed(optimizer="sgd", schedule="constant", learning_rate=1e18, momentum=0.0)
    with pytest.raises(
        TrainingError, match=r"lower the learning rate \(now 1e\+18\), such as --set learning_rate=2e\+17"
    ):
        fit(network(norm="none"), discs(2), [], far, Settings(seconds=None, steps=9))


def test_the_average_of_the_weights_is_kept_and_goes_on_after_a_resume(tmp_path, network, discs, recipe):
    averaged, checkpoint = recipe.changed(ema=0.9), tmp_path / "run.checkpoint"
    plain_net, whole_net, resumed_net = network(), network(), network(9)
    plain = fit(plain_net, discs(2), discs(1, seed=1), recipe, Settings(seconds=None, steps=8))
    whole = fit(whole_net, discs(2), discs(1, seed=1), averaged, Settings(seconds=None, steps=8))
    with pytest.raises(StoppedError):
        fit(
            network(),
            discs(2),
            discs(1, seed=1),
            averaged,
            Settings(seconds=None, steps=8, checkpoint=checkpoint, checkpoint_every_s=0.0),
            stop_at(4),
        )
    resumed = fit(
        resumed_net,
        discs(2),
        discs(1, seed=1),
        averaged,
        Settings(seconds=None, steps=8, checkpoint=checkpoint, resume=True),
    )
    assert plain.losses == whole.losses == resumed.losses  # averaging does not change what is trained
    assert resumed.validations[-1]["score"] == whole.validations[-1]["score"]
    for name, weight in whole_net.state_dict().items():
        assert torch.equal(weight, resumed_net.state_dict()[name])
    assert any(not torch.equal(a, b) for a, b in zip(plain_net.parameters(), whole_net.parameters(), strict=True))


def test_a_batch_in_pieces_gives_the_gradient_of_the_whole(network, discs, recipe):
    images = discs(3)
    for image in images:
        image.weight[:, :20] = 0.25  # pieces of unequal weight
    whole = recipe.changed(batch=4, optimizer="sgd", learning_rate=0.1)
    networks = [network(norm="none", dropout=0.0), network(norm="none", dropout=0.0)]
    losses = [
        fit(model, images, [], whole.changed(accumulate=n), Settings(seconds=None, steps=3)).losses
        for model, n in zip(networks, (1, 4), strict=True)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_batch_that_cannot_be_cut_is_refused(network, discs, recipe):
    with pytest.raises(OptionError, match=r"a batch of 2 cannot be shared by 1 process.*--set batch=3"):
        fit(network(), discs(1), [], recipe.changed(accumulate=3), Settings(seconds=None, steps=1))


def test_patience_ends_a_training_that_gets_no_better(tmp_path, network, discs, recipe):
    wrong = discs(1, seed=1)
    wrong[0].labels[:] = 1 - wrong[0].labels  # the better the network, the worse its score
    impatient = recipe.changed(patience=1)
    settings = Settings(seconds=None, steps=60, checkpoint=tmp_path / "run.checkpoint")
    state = fit(network(), discs(4), wrong, impatient, settings)
    assert state.stopped_early
    assert state.step < 60
    assert len(state.validations) == state.best_validation + 1
    assert state.best_score == max(v["score"] for v in state.validations)
    assert not fit(network(), discs(4), wrong, recipe, Settings(seconds=None, steps=10)).stopped_early


def test_a_loss_far_above_the_others_is_a_spike():
    usual = [1.0, 2.0] * 15
    assert not is_spike([*usual, 14.0])
    assert is_spike([*usual, 16.0])
    assert not is_spike([1.0, 100.0])


def test_alarms_say_what_to_try(network, discs, recipe):
    dark = discs(1, seed=1)
    dark[0].image[:] = -5.0
    model = network()
    with torch.no_grad():
        model.head.conv.bias.copy_(torch.tensor([50.0, 0.0]))
    slow = recipe.changed(learning_rate=1e-9)
    state = fit(model, discs(1), dark, slow, Settings(seconds=None, steps=2))
    (alarm,) = alarms(state)
    assert "predicts background only" in alarm
    assert "--set foreground=1" in alarm
    assert alarms(TrainingState()) == ()
    (spiked,) = alarms(TrainingState(spikes=[7, 9]))
    assert "rose more than 10-fold at 2 step(s), first at step 7" in spiked


def test_a_full_disk_does_not_end_the_training(tmp_path, network, discs, recipe, caplog):
    settings = Settings(seconds=None, steps=2, checkpoint=tmp_path / "run.checkpoint", checkpoint_every_s=0.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # bytes that a file may have
    try:
        state = fit(network(), discs(1), [], recipe, settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert state.step == 2
    assert "the training goes on, but could not be resumed from here: cannot write" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_of_earlier_versions_are_read(tmp_path, network, discs, recipe):
    checkpoint = tmp_path / "run.checkpoint"
    fit(network(), discs(1), [], recipe, Settings(seconds=None, steps=1, checkpoint=checkpoint))
    content = torch.load(checkpoint, weights_only=True)
    for name in ("average", "precision", "spikes", "best_validation", "stopped_early"):
        del content[name]
    torch.save(content, checkpoint)
    assert load_checkpoint(checkpoint, "").step == 1
