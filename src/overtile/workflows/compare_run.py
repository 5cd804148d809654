"""One training and measurement of a comparison, in a process of its own so that its peak memory is its own.

`python -m overtile.workflows.compare_run` reads a task from standard input, writes progress to standard output, one
JSON object a line, and the result to a file.
"""

import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from overtile.core import OvertileError, TrainingError
from overtile.core.atomic import atomic_file
from overtile.training import Progress, checkpoint_path
from overtile.workflows.evaluate import evaluate
from overtile.workflows.protocol import Protocol
from overtile.workflows.provenance import provenance
from overtile.workflows.timing import seconds_per_megapixel
from overtile.workflows.train import fold_of, train

logger = logging.getLogger(__name__)

REFUSED = 2
"""Exit status of a process that said in one message why it stopped."""

RunListener = Callable[[float, str], None]
"""Called with the share of the work that is done and a few words."""


@dataclass(frozen=True)
class Task:
    """What one process has to do.

    Attributes:
        data: folder of annotated images.
        folder: to write to.
        architecture: to train.
        fold: to hold out, counted from 0.
        protocol: of the comparison.
        keep_model: leave the model file in the folder.
    """

    data: str
    folder: Path
    architecture: str
    fold: int
    protocol: Protocol
    keep_model: bool = False

    @property
    def name(self) -> str:
        """Of the files of this run."""
        return f"{self.architecture}-{self.fold}"

    @property
    def result(self) -> Path:
        """The file that a finished run has written."""
        return self.folder / f"{self.name}.json"

    def to_json(self) -> str:
        """As text that `from_json` reads."""
        return json.dumps({**asdict(self), "folder": str(self.folder)})

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Read what `to_json` wrote."""
        content = json.loads(text)
        protocol = {**content["protocol"], "channels": tuple(content["protocol"]["channels"])}
        changed = {"folder": Path(content["folder"]), "protocol": Protocol(**protocol)}
        return cls(**{**content, **changed})


@dataclass(frozen=True)
class Run:
    """What one run found.

    Attributes:
        architecture: that was trained.
        fold: that was held out.
        changes: to the recipe for this architecture alone.
        metric: that the score is.
        score: on the held-out images; None where it is not defined.
        scores: all metrics, over the held-out images together.
        images: names of the held-out images.
        steps: optimisation steps.
        training_s: time of the training, over all resumptions.
        seconds_per_megapixel: that a prediction takes.
        peak_memory_bytes: most main memory that the training process held; None where the system does not tell.
        peak_gpu_bytes: most memory of the GPU that the training held; None without one.
        precision: of the computations.
        command: that repeats the training.
        provenance: date, versions, machine.
    """

    architecture: str
    fold: int
    changes: Mapping[str, Any]
    metric: str
    score: float | None
    scores: Mapping[str, float | None]
    images: tuple[str, ...]
    steps: int
    training_s: float
    seconds_per_megapixel: float
    peak_memory_bytes: int | None
    peak_gpu_bytes: int | None
    precision: str
    command: str
    provenance: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Read the result of a finished run."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "images": tuple(content["images"])})


def perform(task: Task, listener: RunListener = lambda _fraction, _note: None) -> Run:
    """Train, or go on with an interrupted training, then measure on the held-out images."""
    protocol = task.protocol
    images, fold = protocol.read(task.data), (task.fold, protocol.folds)
    model_file = task.folder / f"{task.name}.overtile"

    def show(state: Progress) -> None:
        listener(0.95 * state.fraction, f"step {state.step}, loss {state.loss:.3f}")

    model = train(
        images,
        model_file,
        recipe=protocol.recipe_of(task.architecture),
        budget=protocol.budget,
        steps=protocol.steps,
        seed=protocol.seed,
        device=protocol.device,
        fold=fold,
        resume=checkpoint_path(model_file).is_file(),
        overwrite=True,
        on_progress=show,
    )
    peak, peak_gpu = peak_memory_bytes(), torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    listener(0.95, "measuring")
    held_out = fold_of(images, fold, seed=protocol.seed).validation
    found = evaluate(model, replace(images, samples=held_out), seed=protocol.seed)
    if not task.keep_model:
        model_file.unlink()
    record = model.manifest.training
    return Run(
        architecture=task.architecture,
        fold=task.fold,
        changes=protocol.own_changes.get(task.architecture, {}),
        metric=found.ranked_by,
        score=found.total[found.ranked_by]["value"],
        scores={name: entry["value"] for name, entry in found.total.items()},
        images=tuple(found.images),
        steps=record["steps"],
        training_s=record["elapsed_s"],
        seconds_per_megapixel=seconds_per_megapixel(model, [s.image.array for s in held_out]),
        peak_memory_bytes=peak,
        peak_gpu_bytes=peak_gpu,
        precision=record["precision"],
        command=protocol.train_command(task.data, task.architecture, fold),
        provenance={key: value for key, value in provenance().items() if key != "command"},
    )


def peak_memory_bytes(status: Path = Path("/proc/self/status")) -> int | None:
    """Most main memory that this process ever held; None where the system does not tell.

    Args:
        status: where Linux counts from the start of this program on; getrusage counts its parent's memory too.
    """
    mark = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    if mark is not None:
        return int(mark[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def in_own_process(task: Task, listener: RunListener) -> None:
    """Perform a task in a new process and wait for its result file.

    Raises:
        TrainingError: the process failed; what it said is in its log.
    """
    log = task.folder / f"{task.name}.log"
    command = [sys.executable, "-m", "overtile.workflows.compare_run"]
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        ) as process,
    ):
        try:
            _follow(process, task, listener)
        except BaseException:
            process.kill()  # the checkpoint stays, so that the next attempt goes on from it
            raise
    if process.returncode != 0:
        raise TrainingError(
            f"{task.name} failed: {_reason(process.returncode, log.read_text(encoding='utf-8').strip())}. See {log}; "
            "finished runs are kept. Repeat the command, or leave the architecture out with --architectures"
        )
    if not log.stat().st_size:
        log.unlink()


def _reason(status: int, said: str) -> str:
    r"""Why a process failed: its message, or the last line of its traceback.

    >>> _reason(-9, ""), _reason(1, "Traceback:\nValueError: no")
    ('the system stopped it (signal 9), as happens when memory runs out', 'ValueError: no')
    """
    if status < 0:
        return f"the system stopped it (signal {-status}), as happens when memory runs out"
    return said if status == REFUSED else said.rpartition("\n")[2] or f"exit status {status}"


def _follow(process: "subprocess.Popen[str]", task: Task, listener: RunListener) -> None:
    """Hand the task over and listen until the process ends; why one died at once is in its log."""
    if process.stdin is None or process.stdout is None:
        return
    with suppress(BrokenPipeError), process.stdin as words:
        words.write(task.to_json())
    for line in process.stdout:
        said = json.loads(line)
        listener(said["fraction"], said["note"])


def main() -> None:
    """Do what standard input says."""
    # The parent decides on Ctrl-C; a training that ended early would be taken for a whole one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")

    def tell(fraction: float, note: str) -> None:
        sys.stdout.write(json.dumps({"fraction": fraction, "note": note}) + "\n")
        sys.stdout.flush()

    try:
        task = Task.from_json(sys.stdin.read())
        run = perform(task, tell)
        with atomic_file(task.result, overwrite=True) as file:
            file.write(json.dumps(asdict(run), indent=1, allow_nan=False).encode())
    except OvertileError as error:
        logger.error("%s", error)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
