"""One training in several processes: Lightning Fabric joins those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from overtile.core import OptionError, TrainingError
from overtile.training.settings import Settings

PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}

LOST = ("gloo", "nccl", "connection", "peer", "timed out", "timeout", "socket")
"""Words in what PyTorch says when another process is gone; it has no class of error for it on CPUs."""


def processes() -> int:
    """How many processes train together: those that torchrun started, or this one alone.

    Raises:
        TrainingError: SLURM started several, which know nothing of one another.
    """
    if TorchElasticEnvironment.detect():
        return int(os.environ["WORLD_SIZE"])
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        raise TrainingError(
            f"srun started {tasks} processes that would all train the same: start one per node, and let it start the others: "
            "srun --ntasks-per-node 1 torchrun --nnodes $SLURM_NNODES --nproc-per-node 4 ... -m overtile train ..."
        )
    return 1


def is_main_process() -> bool:
    """Whether this process writes and prints; of several, the first does."""
    return not TorchElasticEnvironment.detect() or os.environ["RANK"] == "0"


def make_fabric(settings: Settings) -> Fabric:
    """What runs the training: one process on one device, or as many as torchrun started, one device each."""
    count = processes()
    device = settings.device
    common: dict[str, Any] = {
        "accelerator": device.type,
        "precision": PRECISION[settings.precision],
        "loggers": list(settings.loggers),
    }
    if count == 1:
        devices: int | list[int] = 1 if device.index is None or device.type == "cpu" else [device.index]
        return Fabric(devices=devices, plugins=[LightningEnvironment()], **common)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    strategy = DDPStrategy(timeout=timedelta(seconds=settings.timeout_s))
    fabric = Fabric(
        devices=here, num_nodes=count // here, strategy=strategy, plugins=[TorchElasticEnvironment()], **common
    )
    with partners(fabric):
        fabric.launch()
    return fabric


def refuse_uneven(batch: int, pieces: int, count: int) -> None:
    """Stop where a batch cannot be shared out.

    Raises:
        OptionError: the batch is no multiple of the parts.
    """
    if batch % (pieces * count):
        raise OptionError(
            f"a batch of {batch} cannot be shared by {count} process(es) in {pieces} piece(s) each: choose a multiple of "
            f"{pieces * count}, such as --set batch={pieces * count}, or another accumulate"
        )


@contextmanager
def partners(fabric: Fabric) -> Iterator[None]:
    """Say in plain words that another process of the training is gone.

    Raises:
        TrainingError: it is.
    """
    try:
        yield
    except RuntimeError as error:
        if fabric.world_size == 1 or not any(word in str(error).lower() for word in LOST):
            raise
        raise TrainingError(
            f"process {fabric.global_rank} of {fabric.world_size} lost another process of this training: it ended or does "
            "not answer. Look for its message, then go on with the same command and --resume"
        ) from error


def tensorboard(folder: str | Path, name: str = "") -> Any:
    """A logger that writes for TensorBoard, into FOLDER/NAME.

    Raises:
        OptionError: TensorBoard is not installed.
    """
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    try:
        return TensorBoardLogger(folder, name=name, version="")
    except ModuleNotFoundError as error:
        raise OptionError("TensorBoard is not installed: pip install overtile[tensorboard]") from error
