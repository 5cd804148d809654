"""The training loop."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from overtile.bundle import tiling_for
from overtile.core import TrainingError, generator
from overtile.models import channels_last
from overtile.training.batches import Batch, Batches
from overtile.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from overtile.training.objective import total_loss
from overtile.training.recipe import Recipe
from overtile.training.samples import TrainingImage
from overtile.training.validation import centre_parts, validate

logger = logging.getLogger(__name__)

WARM_UP = 0.05
"""Share of the training over which the learning rate of the cosine schedule rises."""

VALIDATION_TILE_PX = 512

VALIDATIONS = 10
"""How often a run validates, evenly over its length."""


@dataclass(frozen=True)
class Settings:
    """How long, where and from what seed to train.

    Attributes:
        seconds: time budget; the schedule ends on it. None when `steps` is given.
        steps: number of optimisation steps. None when `seconds` is given.
        seed: of everything random.
        device: to train on.
        precision: of the network's computations; its weights stay float32.
        checkpoint: where the unfinished state is kept; None for nowhere.
        checkpoint_every_s: time between two checkpoints.
        resume: go on from the checkpoint.
        fingerprint: names the data and the command, so that only the same run resumes.
    """

    seconds: float | None
    steps: int | None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"
    checkpoint: Path | None = None
    checkpoint_every_s: float = 30.0
    resume: bool = False
    fingerprint: str = ""


@dataclass(frozen=True)
class Progress:
    """What a running training tells its caller after each step.

    Attributes:
        step: steps done.
        fraction: share of the training done, 0 to 1.
        elapsed_s: time spent.
        loss: of the step.
        validation: the latest validation, or None.
    """

    step: int
    fraction: float
    elapsed_s: float
    loss: float
    validation: dict[str, Any] | None


FABRIC_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}

Listener = Callable[[Progress], None]


def fit(
    model: nn.Module,
    training: Sequence[TrainingImage],
    validation: Sequence[TrainingImage],
    recipe: Recipe,
    settings: Settings,
    listener: Listener = lambda _progress: None,
) -> TrainingState:
    """Train a network in place and leave it with the weights that validated best.

    An interrupt (Ctrl-C) ends the training early and keeps what there is.

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
        TrainingError: the loss became NaN or infinite, or there is nothing to resume.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # no line about the precision that was asked for
    run = _Run(model, Batches(training, model, recipe, settings.device), validation, recipe, settings)
    try:
        run.loop(listener)
        run.validate()
    except KeyboardInterrupt:
        logger.warning("interrupted after %d steps: keeping the best network so far", run.state.step)
        run.state.interrupted = True
        run.save()
        run.validate()
    run.save()
    model.load_state_dict(run.state.best_model or run.state.model)
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
    ) -> None:
        self.fabric = Fabric(
            accelerator=settings.device.type, devices=1, precision=FABRIC_PRECISION[settings.precision]
        )
        self.model = model
        self.network, self.optimizer = self.fabric.setup(channels_last(model), make_optimizer(model, recipe))
        self.batches, self.validation = batches, centre_parts(validation)
        self.tiling = tiling_for(batches.geometry, VALIDATION_TILE_PX)
        self.recipe, self.settings = recipe, settings
        self.state = TrainingState(fingerprint=settings.fingerprint)
        if settings.resume and settings.checkpoint is not None:
            self.state = load_checkpoint(settings.checkpoint, settings.fingerprint)
            self.model.load_state_dict(self.state.model)
            self.optimizer.load_state_dict(self.state.optimizer)
        self.started = time.monotonic() - self.state.elapsed_s
        self.saved = time.monotonic()

    def loop(self, listener: Listener) -> None:
        """Step, validate and save until the budget is used up."""
        validated = math.floor(self.fraction() * VALIDATIONS)
        while (fraction := self.fraction()) < 1:
            loss = self.step(fraction)
            self.state.elapsed_s = time.monotonic() - self.started
            due = math.floor(self.fraction() * VALIDATIONS)
            if due > validated and due < VALIDATIONS:
                validated = due
                self.validate()
            if time.monotonic() - self.saved > self.settings.checkpoint_every_s:
                self.save()
            latest = self.state.validations[-1] if self.state.validations else None
            listener(Progress(self.state.step, min(self.fraction(), 1.0), self.state.elapsed_s, loss, latest))

    def fraction(self) -> float:
        """Share of the budget that is used up."""
        if self.settings.steps is not None:
            return self.state.step / self.settings.steps
        return (time.monotonic() - self.started) / (self.settings.seconds or math.inf)

    def step(self, fraction: float) -> float:
        """One optimisation step; its random numbers depend on the seed and its number only."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(fraction, self.recipe)
        rng = generator(self.settings.seed, "step", self.state.step)
        batch = self.batches.draw(rng)
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)))
            loss = self.loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} at step {self.state.step}: lower the learning rate "
                f"(now {learning_rate(fraction, self.recipe):.2g}) or look for extreme pixel values with `overtile check`"
            )
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        if self.recipe.gradient_clip > 0:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.recipe.gradient_clip)
        self.optimizer.step()
        self.state.step += 1
        self.state.losses.append(value)
        return value

    def loss(self, batch: Batch) -> Tensor:
        """The recipe's loss of one batch."""
        self.network.train()
        return total_loss(self.network(batch.image), batch, self.recipe)

    def validate(self) -> None:
        """Measure on the validation images, and keep the network if it is the best so far."""
        if not self.validation:
            return
        settings = self.settings
        result = validate(
            self.model, self.validation, self.tiling, device=settings.device, precision=settings.precision
        )
        state = self.state
        state.validations.append({"step": state.step, "elapsed_s": state.elapsed_s, **asdict(result)})
        if result.score >= state.best_score:
            state.best_score = result.score
            state.best_model = {name: tensor.cpu().clone() for name, tensor in self.model.state_dict().items()}

    def save(self) -> None:
        """Bring the state up to date and write the checkpoint."""
        self.saved = time.monotonic()
        self.state.model = {name: tensor.cpu().clone() for name, tensor in self.model.state_dict().items()}
        self.state.optimizer = self.optimizer.state_dict()
        if self.settings.checkpoint is not None:
            save_checkpoint(self.settings.checkpoint, self.state)


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; biases and normalisation weights are not decayed.

    Fused: one pass over the weights instead of ten, which shows in wide networks.
    """
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def learning_rate(fraction: float, recipe: Recipe) -> float:
    """Learning rate after a share of the training.

    >>> round(learning_rate(0.05, Recipe(learning_rate=0.1)), 3), round(learning_rate(1.0, Recipe()), 3)
    (0.1, 0.0)
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if fraction < WARM_UP:
        # Never zero, so that the very first step already moves the weights.
        return recipe.learning_rate * max(fraction / WARM_UP, 0.01)
    decay = (fraction - WARM_UP) / (1 - WARM_UP)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(decay, 1.0)))
