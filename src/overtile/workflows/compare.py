"""Which network for these images? All of them trained under one protocol, and what each is worth and costs."""

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from overtile.core import OutputExistsError
from overtile.core.atomic import atomic_file
from overtile.data import AnnotatedImages, k_folds
from overtile.models import ARCHITECTURES, build, geometry, summary
from overtile.training import num_classes
from overtile.workflows.compare_run import Run, RunListener, Task, in_own_process
from overtile.workflows.protocol import Protocol
from overtile.workflows.provenance import provenance

PROTOCOL, RUNS, RESULT = "protocol.json", "runs", "comparison.json"
OUTPUT_PX = 256
"""Multiply-adds are counted for an output of this size."""

Launcher = Callable[[Task, RunListener], None]
"""Performs a task and leaves its result file."""


@dataclass(frozen=True)
class Contender:
    """One architecture of a comparison.

    Attributes:
        architecture: its name.
        arguments: it was built with.
        parameters: number of learned values.
        multiply_adds: for one image of `input_size`.
        input_size: (y, x), the smallest whose output has OUTPUT_PX per axis.
        tile_exact: whether tiles give what the whole image gives.
        runs: one per fold.
    """

    architecture: str
    arguments: Mapping[str, Any]
    parameters: int
    multiply_adds: int
    input_size: tuple[int, ...]
    tile_exact: bool
    runs: tuple[Run, ...] = ()

    @property
    def scores(self) -> list[float]:
        """The defined scores of the folds."""
        return [run.score for run in self.runs if run.score is not None]

    @property
    def score(self) -> float | None:
        """Mean over the folds."""
        return statistics.fmean(self.scores) if self.scores else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over the folds."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def seconds_per_megapixel(self) -> float:
        """Median over the folds."""
        return statistics.median(run.seconds_per_megapixel for run in self.runs)

    @property
    def training_s(self) -> float:
        """Mean over the folds."""
        return statistics.fmean(run.training_s for run in self.runs)

    @property
    def steps(self) -> float:
        """Mean over the folds."""
        return statistics.fmean(run.steps for run in self.runs)

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest of the folds, of the GPU where there is one."""
        known = [run.peak_memory_bytes if run.peak_gpu_bytes is None else run.peak_gpu_bytes for run in self.runs]
        return max((peak for peak in known if peak is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """The row of the table, with its runs."""
        names = ("score", "spread", "steps", "training_s", "seconds_per_megapixel", "peak_memory_bytes")
        return {**asdict(self), **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        name: of the folder of images.
        metric: that the scores are.
        contenders: best first.
        protocol: settings that all have in common, and a digest of the images.
        images: how many there are.
        command: that repeats it.
        notes: what a reader of the numbers must know.
        provenance: versions, machine and date.
    """

    name: str
    metric: str
    contenders: tuple[Contender, ...]
    protocol: Mapping[str, Any]
    images: int
    command: str
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """All numbers."""
        return {**asdict(self), "contenders": [contender.to_json() for contender in self.contenders]}


def compare(
    data: str | Path,
    output: str | Path,
    protocol: Protocol | None = None,
    *,
    architectures: Sequence[str] = tuple(ARCHITECTURES),
    keep_models: bool = False,
    launch: Launcher = in_own_process,
    on_plan: Callable[[list[Task]], None] = lambda _tasks: None,
    on_progress: RunListener = lambda _fraction, _note: None,
) -> Comparison:
    """Train architectures under one protocol and write OUTPUT/comparison.json.

    Every training runs in a process of its own and leaves OUTPUT/runs/ARCHITECTURE-FOLD.json. Repeated after an
    interruption, finished runs are kept and an unfinished one goes on; architectures can be added later.

    Args:
        data: a folder of annotated images.
        output: folder to write to, new or of the same comparison.
        protocol: what all have in common; see its defaults.
        architectures: keys of overtile.models.ARCHITECTURES.
        keep_models: leave the model files in OUTPUT/runs.
        launch: performs a task.
        on_plan: told what is left to do before it is done.
        on_progress: told as the work goes on.

    Raises:
        UnknownNameError: no such architecture or setting.
        OptionError: settings contradict one another.
        DataError: the images cannot be used.
        OutputExistsError: the folder holds something else, or a comparison under another protocol.
        TrainingError: a training failed; finished ones are kept.
    """
    protocol = Protocol() if protocol is None else protocol
    folder = Path(output)
    protocol.check(architectures)
    images = protocol.read(str(data))
    rows = [contender(name, protocol, images) for name in architectures]  # so that mistakes show before any training
    claim(folder, protocol.shared(images))
    # All architectures of a fold before the next fold: what else the machine does hits all of them alike.
    tasks = [
        Task(str(data), folder / RUNS, name, fold, protocol, keep_models)
        for fold in range(len(k_folds(images.samples, protocol.folds, protocol.seed)))
        for name in architectures
    ]
    left = [task for task in tasks if not is_finished(task)]
    on_plan(left)
    for done, task in enumerate(left):
        launch(task, _part(on_progress, task, done, len(left)))
    runs = [Run.read(task.result) for task in tasks]
    rows = [replace(row, runs=tuple(run for run in runs if run.architecture == row.architecture)) for row in rows]
    found = Comparison(
        name=Path(data).resolve().name,
        metric=runs[0].metric,
        contenders=tuple(sorted(rows, key=lambda row: -math.inf if row.score is None else row.score, reverse=True)),
        protocol=protocol.shared(images),
        images=len(images.samples),
        command=protocol.compare_command(str(data), str(output), architectures),
        notes=tuple(_notes(runs, rows)),
        provenance={key: value for key, value in provenance().items() if key != "command"},
    )
    with atomic_file(folder / RESULT, overwrite=True) as file:
        file.write(json.dumps(found.to_json(), indent=1, allow_nan=False).encode())
    return found


def contender(name: str, protocol: Protocol, images: AnnotatedImages) -> Contender:
    """What an architecture costs before it is trained.

    Raises:
        UnknownNameError: no such argument.
        OptionError: an argument has a value that it cannot have.
    """
    recipe = protocol.recipe_of(name)
    with torch.device("meta"):
        network = build(name, images.channels, num_classes(images, recipe), **recipe.arguments)
    shape = geometry(network)
    cost = summary(network, shape.input_size((OUTPUT_PX,) * len(shape.stride)))
    return Contender(name, recipe.arguments, cost.parameters, cost.multiply_adds, cost.input_size, shape.tile_exact)


def claim(folder: Path, shared: Mapping[str, Any]) -> None:
    """Make a folder that of a comparison.

    Raises:
        OutputExistsError: it holds something else, or a comparison under another protocol.
    """
    file = folder / PROTOCOL
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        different = sorted(name for name in {*before, *shared} if before.get(name) != shared.get(name))
        if different:
            raise OutputExistsError(
                f"{folder} holds a comparison with other settings ({', '.join(different)}): repeat its command exactly to go "
                "on with it, or choose another folder"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputExistsError(f"{folder} exists already and holds no comparison: choose another folder, or remove it")
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as stored:
        stored.write(json.dumps(shared, indent=1).encode())


def is_finished(task: Task) -> bool:
    """Whether a run is done.

    Raises:
        OutputExistsError: it was done with other settings for its architecture.
    """
    if not task.result.is_file():
        return False
    before, wanted = Run.read(task.result).changes, task.protocol.own_changes.get(task.architecture, {})
    if before != wanted:
        raise OutputExistsError(
            f"{task.result} was made with the settings {before} for {task.architecture}, not {wanted}: choose another "
            "folder, or remove the runs of that architecture"
        )
    return True


def _part(listener: RunListener, task: Task, done: int, count: int) -> RunListener:
    """Tell the progress of one task as that of all."""
    return lambda fraction, note: listener((done + fraction) / count, f"{task.architecture}, fold {task.fold}: {note}")


def _notes(runs: Sequence[Run], rows: Sequence[Contender]) -> Iterator[str]:
    yield (
        "The held-out images of a fold also chose the best state of the network there, which makes every score a little too "
        "good, of all architectures alike."
    )
    if len({str(run.provenance["machine"]) for run in runs}) > 1:
        yield "The runs were made on different machines: their times and steps cannot be compared."
    approximate = ", ".join(row.architecture for row in rows if not row.tile_exact)
    if approximate:
        yield f"Tiles only approximate the whole image with {approximate}."
