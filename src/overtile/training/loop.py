"""The training loop."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from overtile.bundle import tiling_for
from overtile.core import OvertileError, TrainingError, generator
from overtile.models import channels_last
from overtile.training.alarms import background_only, finite, is_spike, save_batch
from overtile.training.averaging import moving_average
from overtile.training.batches import Batch, Batches
from overtile.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from overtile.training.objective import total_loss
from overtile.training.optimizer import learning_rate, make_optimizer
from overtile.training.recipe import Recipe
from overtile.training.samples import TrainingImage
from overtile.training.scale_out import make_fabric, partners, refuse_uneven
from overtile.training.settings import Listener, Progress, Settings
from overtile.training.synced_norm import synced
from overtile.training.validation import centre_parts, validate

logger = logging.getLogger(__name__)

VALIDATION_TILE_PX = 512

VALIDATIONS = 10
"""How often a run validates, evenly over its length."""


def fit(
    model: nn.Module,
    training: Sequence[TrainingImage],
    validation: Sequence[TrainingImage],
    recipe: Recipe,
    settings: Settings,
    listener: Listener = lambda _progress: None,
) -> TrainingState:
    """Train a network in place and leave it with the weights that validated best.

    An interrupt (Ctrl-C) ends the training early and keeps what there is. Where torchrun started several processes,
    they train together, and each ends with the same weights; only the first validates and writes.

    Args:
        model: to train; on return it is on the CPU in evaluation mode.
        training: images to draw patches from.
        validation: images to choose the best state on, up to about a million pixels of their centres; where there are
            none, the last state is kept.
        recipe: what to do.
        settings: how long and where.
        listener: told after each step.

    Returns:
        the final state with the history of losses and validations.

    Raises:
        OptionError: the batch cannot be shared by the processes.
        TrainingError: the loss became NaN or infinite, there is nothing to resume, or another process is gone.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # no line about the precision that was asked for
    fabric = make_fabric(settings)
    refuse_uneven(recipe.batch, recipe.accumulate, fabric.world_size)
    trained = model if fabric.world_size == 1 else synced(model)
    run = _Run(trained, Batches(training, trained, recipe, fabric.device), validation, recipe, settings, fabric)
    with partners(fabric):
        run.through(listener)
        kept = run.state.best_model or run.weights()
        model.load_state_dict(kept if run.state.interrupted else fabric.broadcast(kept))
    for receiver in fabric.loggers:
        receiver.finalize("success")
    model.cpu().eval()
    return run.state


class _Run:
    """A training in progress: the network, its optimiser and the state that a checkpoint holds."""

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        validation: Sequence[TrainingImage],
        recipe: Recipe,
        settings: Settings,
        fabric: Fabric,
    ) -> None:
        self.fabric, self.model = fabric, model
        self.network, self.optimizer = fabric.setup(channels_last(model), make_optimizer(model, recipe))
        self.average = moving_average(model, recipe.ema) if recipe.ema else None
        self.batches, self.validation = batches, centre_parts(validation)
        self.tiling = tiling_for(batches.geometry, VALIDATION_TILE_PX)
        self.recipe, self.settings = recipe, settings
        self.state = TrainingState(fingerprint=settings.fingerprint)
        if settings.resume and settings.checkpoint is not None:
            self._take_up(load_checkpoint(settings.checkpoint, settings.fingerprint))
        self.started = time.monotonic() - self.state.elapsed_s
        self.saved = time.monotonic()

    def _take_up(self, state: TrainingState) -> None:
        """Go on from a state."""
        self.state = state
        self.model.load_state_dict(state.model)
        self.optimizer.load_state_dict(state.optimizer)
        self.fabric.strategy.precision.load_state_dict(state.precision)
        if self.average is not None:
            self.average.load_state_dict(state.average)

    def through(self, listener: Listener) -> None:
        """Train to the end, or until an interrupt, with a last validation."""
        try:
            self.loop(listener)
            if not self.state.stopped_early:
                self.validate()
        except KeyboardInterrupt:
            logger.warning("interrupted after %d steps: keeping the best network so far", self.state.step)
            self.state.interrupted = True
            self.save()
            self.validate()
        self.save()

    def loop(self, listener: Listener) -> None:
        """Step, validate and save until the budget is used up."""
        validated = math.floor(self.fraction() * VALIDATIONS)
        while (fraction := self.fabric.broadcast(self.fraction())) < 1:
            loss = self.step(fraction)
            self.state.elapsed_s = time.monotonic() - self.started
            if not self.fabric.is_global_zero:
                continue
            due = math.floor(self.fraction() * VALIDATIONS)
            if due > validated and due < VALIDATIONS:
                validated = due
                self.validate()
                stale = len(self.state.validations) - self.state.best_validation
                self.state.stopped_early = 0 < self.recipe.patience <= stale
            if time.monotonic() - self.saved > self.settings.checkpoint_every_s:
                self.save()
            latest = self.state.validations[-1] if self.state.validations else None
            listener(Progress(self.state.step, min(self.fraction(), 1.0), self.state.elapsed_s, loss, latest))

    def fraction(self) -> float:
        """Share of the budget that is used up; 1 where patience is."""
        if self.state.stopped_early:
            return 1.0
        if self.settings.steps is not None:
            return self.state.step / self.settings.steps
        return (time.monotonic() - self.started) / (self.settings.seconds or math.inf)

    def step(self, fraction: float) -> float:
        """One optimisation step; its random numbers depend on the seed and its number only."""
        rate = learning_rate(fraction, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rng = generator(self.settings.seed, "step", self.state.step)
        began = time.monotonic()
        batch = self.batches.draw(rng)
        self.state.drawing_s += time.monotonic() - began
        self.optimizer.zero_grad()
        loss = self.backward(batch, int(rng.integers(2**62)))
        if not math.isfinite(loss):
            self.refuse(loss, batch, rate)
        if self.recipe.gradient_clip > 0:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.recipe.gradient_clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.state.losses.append(loss)
        if is_spike(self.state.losses):
            self.state.spikes.append(self.state.step)
        self.state.step += 1
        self.fabric.log_dict({"loss": loss, "learning_rate": rate}, self.state.step)
        return loss

    def backward(self, batch: Batch, seed: int) -> float:
        """Compute the gradient of the whole batch, this process its share of it, piece by piece; gives the loss.

        Each piece counts by the weight of its pixels, so that the cross-entropy does not depend on how a batch is cut.
        """
        count, pieces = self.fabric.world_size, self.recipe.accumulate
        size = len(batch.image) // (count * pieces)
        whole = batch.weight.sum().clamp(min=torch.finfo().tiny)
        total = torch.zeros((), device=self.fabric.device)
        for i in range(pieces):
            number = self.fabric.global_rank * pieces + i
            piece = _part(batch, slice(number * size, (number + 1) * size))
            share = piece.weight.sum() / whole if count * pieces > 1 else 1.0
            with (
                self.fabric.no_backward_sync(self.network, enabled=i + 1 < pieces),
                torch.random.fork_rng([self.fabric.device] if self.fabric.device.type == "cuda" else []),
            ):
                torch.manual_seed(seed + number)
                loss = self.loss(piece) * share
                self.fabric.backward(loss * count)  # the mean of the gradients over the processes is their sum then
            total += loss.detach()
        return float(cast(Tensor, self.fabric.all_reduce(total, reduce_op="sum")))

    def loss(self, batch: Batch) -> Tensor:
        """The recipe's loss of one batch."""
        self.network.train()
        return total_loss(self.network(batch.image), batch, self.recipe)

    def refuse(self, loss: float, batch: Batch, rate: float) -> None:
        """Stop because of a loss that is no number, with its batch saved.

        Raises:
            TrainingError: always.
        """
        where, step = self.settings.bad_batch, self.state.step
        if where is not None and self.fabric.is_global_zero:
            save_batch(where, batch)
        cause = (
            f"lower the learning rate (now {rate:.2g}), such as --set learning_rate={rate / 4:.1g}, or --set gradient_clip=1"
            if finite(batch)
            else "the batch holds pixels that are no finite numbers: look for the image with `overtile check`"
        )
        saved = "" if where is None else f". The batch is in {where} (image, labels, weight)"
        raise TrainingError(f"the loss became {loss} at step {step}: {cause}{saved}")

    def validate(self) -> None:
        """Measure on the validation images, and keep the network if it is the best so far."""
        if not self.validation or not self.fabric.is_global_zero:
            return
        network = self.model if self.average is None else self.average.module
        device, precision = self.fabric.device, self.settings.precision
        result = asdict(validate(network, self.validation, self.tiling, device=device, precision=precision))
        state = self.state
        state.validations.append({"step": state.step, "elapsed_s": state.elapsed_s, **result})
        self.fabric.log_dict({"validation_score": result["score"], "validation_loss": result["loss"]}, state.step)
        if background_only(result) and state.step:
            logger.info("step %d: only background is predicted on the held-out images", state.step)
        if result["score"] >= state.best_score:
            state.best_score = result["score"]
            state.best_model, state.best_validation = self.weights(), len(state.validations)

    def weights(self) -> dict[str, Tensor]:
        """Those to validate and to keep: the moving average where there is one."""
        return _copied((self.model if self.average is None else self.average.module).state_dict())

    def save(self) -> None:
        """Bring the state up to date and write the checkpoint; a full disk does not end the training."""
        if not self.fabric.is_global_zero:
            return
        self.saved = time.monotonic()
        state = self.state
        state.model, state.optimizer = _copied(self.model.state_dict()), self.optimizer.state_dict()
        state.precision = self.fabric.strategy.precision.state_dict()
        state.average = {} if self.average is None else _copied(self.average.state_dict())
        if self.settings.checkpoint is None:
            return
        try:
            save_checkpoint(self.settings.checkpoint, state)
        except OvertileError as error:
            logger.warning("the training goes on, but could not be resumed from here: %s", error)


def _part(batch: Batch, part: slice) -> Batch:
    """Some of the patches of a batch."""
    return Batch(**{entry.name: getattr(batch, entry.name)[part] for entry in fields(batch)})


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.cpu().clone() for name, tensor in state.items()}
