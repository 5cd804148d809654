"""Training on a small task that can be learned in seconds."""

import numpy as np
import pytest
import torch

from overtile.core import TrainingError
from overtile.training import Recipe, Settings, fit, recipe_named
from overtile.training.checkpoint import load_checkpoint
from overtile.training.optimizer import learning_rate


def test_a_simple_task_is_learned(network, discs, recipe):
    state = fit(network(), discs(4), discs(2, seed=1), recipe, Settings(seconds=None, steps=60))
    assert state.best_score > 0.9
    assert np.mean(state.losses[-10:]) < 0.5 * np.mean(state.losses[:10])


def test_the_network_ends_with_the_weights_that_validated_best(network, discs, recipe):
    model = network()
    state = fit(model, discs(4), discs(2, seed=1), recipe, Settings(seconds=None, steps=40))
    assert state.best_score == max(v["score"] for v in state.validations)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, state.best_model[name])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(tmp_path, dropout, network, discs, recipe):
    checkpoint = tmp_path / "run.checkpoint"
    whole = fit(network(dropout=dropout), discs(3), discs(1, seed=1), recipe, Settings(seconds=None, steps=12))

    class StoppedError(Exception):
        pass

    def stop_at_seven(progress):
        if progress.step == 7:
            raise StoppedError

    settings = Settings(seconds=None, steps=12, checkpoint=checkpoint, checkpoint_every_s=0.0)
    with pytest.raises(StoppedError):
        fit(network(dropout=dropout), discs(3), discs(1, seed=1), recipe, settings, stop_at_seven)
    resumed_settings = Settings(seconds=None, steps=12, checkpoint=checkpoint, resume=True)
    resumed = fit(network(9, dropout=dropout), discs(3), discs(1, seed=1), recipe, resumed_settings)
    assert resumed.losses == whole.losses
    assert [v["score"] for v in resumed.validations] == [v["score"] for v in whole.validations]


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(network, discs, recipe):
    losses = [
        fit(network(), discs(3), [], recipe, Settings(seconds=None, steps=5, seed=seed)).losses for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_an_interrupt_keeps_what_there_is(tmp_path, network, discs, recipe):
    def interrupt(progress):
        if progress.step == 5:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "run.checkpoint"
    settings = Settings(seconds=None, steps=1000, checkpoint=checkpoint)
    state = fit(network(), discs(3), discs(1, seed=1), recipe, settings, interrupt)
    assert state.step == 5
    assert state.best_model is not None
    assert load_checkpoint(checkpoint, "").step == 5


def test_a_time_budget_ends_on_time_with_the_schedule_run_down(network, discs, recipe):
    state = fit(network(), discs(2), [], recipe, Settings(seconds=1.0, steps=None))
    assert state.step > 2
    assert 1.0 <= state.elapsed_s < 5.0


def test_a_loss_that_is_not_finite_stops_the_training(network, discs, recipe):
    bad = discs(1)
    bad[0].image[:] = np.inf
    with pytest.raises(TrainingError, match="the loss became nan at step 0"):
        fit(network(), bad, [], recipe, Settings(seconds=None, steps=3))


def test_ignored_pixels_do_not_change_the_training(network, discs, recipe):
    plain, scribbled = discs(2), discs(2)
    for first, second in zip(plain, scribbled, strict=True):
        first.weight[:10] = second.weight[:10] = 0
        second.labels[:10] = 1 - second.labels[:10]
    recipe = recipe.changed(foreground=0.0)
    runs = [fit(network(), images, [], recipe, Settings(seconds=None, steps=4)).losses for images in (plain, scribbled)]
    assert runs[0] == runs[1]


def test_resuming_needs_a_checkpoint_of_the_same_run(tmp_path, network, discs, recipe):
    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(TrainingError, match="nothing to resume"):
        fit(network(), discs(1), [], recipe, Settings(seconds=None, steps=1, checkpoint=checkpoint, resume=True))
    fit(network(), discs(1), [], recipe, Settings(seconds=None, steps=1, checkpoint=checkpoint, fingerprint="a"))
    with pytest.raises(TrainingError, match="other images or settings"):
        load_checkpoint(checkpoint, "b")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(TrainingError, match="cannot be read"):
        load_checkpoint(checkpoint, "a")


def test_the_cosine_schedule_rises_then_falls_to_zero():
    recipe = Recipe(learning_rate=1.0)
    rates = [learning_rate(f, recipe) for f in (0.0, 0.025, 0.05, 0.525, 1.0)]
    np.testing.assert_allclose(rates, [0.01, 0.5, 1.0, 0.5, 0.0], atol=1e-12)
    assert learning_rate(0.7, recipe_named("paper")) == recipe_named("paper").learning_rate
