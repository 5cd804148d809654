"""Steps per second of overtile's training beside a plain PyTorch loop with MONAI's transforms, on the same network.

    python benchmarks/training_rival.py [--recipe paper] [--rounds 3] [--steps 20]
    python benchmarks/training_rival.py --score --seconds 600

Every way runs in a process of its own, which gives its peak memory; the ways take turns for several rounds, and the
medians over the rounds are compared. What is timed of overtile is `fit`, as `overtile train` calls it; the rival is the
loop of a tutorial, with transforms of the same strength, and the recipe's optimiser and learning rate. With --score both
train equally long on the sections with z % 5 != 3, and the others are measured on; a round is a seed then. The images
are those of isbi2012-em, found through OVERTILE_DATA, else made membranes. Writes
benchmarks/results/training_rival-RECIPE.json, or with --score training_rival-RECIPE-score.json.

MONAI is needed only here: `pip install --no-deps monai==1.6.1`, einops and tqdm.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtile.augment import AUGMENTATIONS
from overtile.core import generator
from overtile.core.memory import peak_during
from overtile.runners import pick_precision
from overtile.training import Settings
from overtile.training.batches import Batches
from overtile.training.optimizer import learning_rate
from prediction import peak_flops
from real_data import HERE
from training_task import SKIPPED, Task, Trained, score, task_of, with_overtile

CPU = torch.device("cpu")

SAMPLE_PX = 512
"""The time for augmentation is given for samples of so many pixels per axis."""

DRAWS = 6
"""Batches that are drawn to time the augmentation alone."""


@dataclass(frozen=True)
class Way:
    """One way to train the network.

    Attributes:
        loop: "overtile" or "monai".
        precision: of the network's computations; "" for the fastest that the machine has units for.
        workers: processes that augment; 0 for the one that trains.
    """

    loop: str
    precision: str = "float32"
    workers: int = 0


WAYS = {
    "overtile": Way("overtile", precision=""),
    "overtile float32": Way("overtile"),
    "MONAI loop": Way("monai"),
    "MONAI loop, 2 workers": Way("monai", workers=2),
    "MONAI loop, bfloat16 autocast": Way("monai", "bfloat16"),
}

SCORED = ("overtile", "MONAI loop")


def with_monai(task: Task, settings: Settings, workers: int = 0) -> Trained:
    """Train with the loop of a tutorial."""
    from monai.data import DataLoader, Dataset
    from monai.losses import DiceCELoss

    network = task.network(settings.seed).to(settings.device).train()
    rate = task.recipe.learning_rate
    optimizer = (
        torch.optim.SGD(network.parameters(), lr=rate, momentum=task.recipe.momentum)
        if task.recipe.optimizer == "sgd"
        else torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=task.recipe.weight_decay)
    )
    loss_of = DiceCELoss(softmax=True, to_onehot_y=True)
    # The images many times over, so that the workers need not start anew after each pass over so few.
    dataset = Dataset(items(task) * 1000, monai_transforms(task, settings.seed))
    loader = DataLoader(dataset, batch_size=task.recipe.batch, shuffle=True, num_workers=workers, drop_last=True)
    seconds, waiting, batches = list[float](), list[float](), endless(loader)
    began = start = time.perf_counter()
    while (done := fraction(settings, len(seconds), start - began)) < 1:
        batch = next(batches)
        waiting.append(time.perf_counter() - start)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(done, task.recipe)
        image, label = batch["image"].to(settings.device), batch["label"].to(settings.device)
        optimizer.zero_grad()
        with torch.autocast(settings.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            output = network(image)
            loss = loss_of(output, centre(label, output.shape[-1]))
        loss.backward()
        optimizer.step()
        if not np.isfinite(loss.item()):
            raise SystemExit("the loss is no number")
        seconds.append(time.perf_counter() - start)
        start += seconds[-1]
    first = SKIPPED if len(seconds) > SKIPPED else 0
    return Trained(network.cpu().eval(), seconds, sum(waiting[first:]) / sum(seconds[first:]))


def monai_transforms(task: Task, seed: int) -> Any:
    """A window and its variation, about as strong as the recipe's: the same ranges wherever both have them."""
    import monai.transforms as mt

    both, geometric = ["image", "label"], AUGMENTATIONS[task.recipe.augmentation].geometric
    intensity, size = AUGMENTATIONS[task.recipe.augmentation].intensity, task.input_px
    crop = (
        mt.RandCropByPosNegLabeld(
            both, "label", (size, size), pos=task.recipe.foreground, neg=1 - task.recipe.foreground
        )
        if task.recipe.foreground
        else mt.RandSpatialCropSamplesd(both, (size, size), num_samples=1, random_size=False)
    )
    smallest = min(min(image.labels.shape) for image in task.training)
    low, high = (factor - 1 for factor in geometric.scale)
    spacing = geometric.elastic_spacing_px or (size - 1) / (geometric.elastic_grid - 1)
    how: dict[str, Any] = {"mode": ("bilinear", "nearest"), "padding_mode": "reflection", "prob": 1.0}
    changes: list[Any] = [
        *([mt.SpatialPadd(both, (size, size), mode="reflect")] if smallest < size else []),
        crop,
        mt.RandAffined(
            both, rotate_range=pi, scale_range=((low, high),) * 2, translate_range=(geometric.shift_px,) * 2, **how
        ),
        mt.Rand2DElasticd(both, spacing=(spacing,) * 2, magnitude_range=(geometric.elastic_sigma_px,) * 2, **how),
    ]
    if geometric.flip:
        changes += [mt.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in (0, 1)]
    if intensity.blur_sigma_px:
        sigma = (0.01, intensity.blur_sigma_px)
        changes.append(mt.RandGaussianSmoothd("image", sigma_x=sigma, sigma_y=sigma, prob=intensity.probability))
    if intensity.gamma != (1.0, 1.0):
        changes.append(mt.RandAdjustContrastd("image", gamma=intensity.gamma, prob=intensity.probability))
    factors = tuple(factor - 1 for factor in intensity.contrast)
    changes.append(mt.RandScaleIntensityd("image", factors=factors, prob=intensity.probability))
    changes.append(mt.RandShiftIntensityd("image", offsets=intensity.brightness, prob=intensity.probability))
    if intensity.noise_sd:
        changes.append(mt.RandGaussianNoised("image", std=intensity.noise_sd, prob=intensity.probability))
    return mt.Compose(changes).set_random_state(seed)


def items(task: Task) -> list[dict[str, np.ndarray]]:
    """The images as MONAI takes them, in memory and normalised."""
    return [{"image": each.image, "label": each.classes[None].astype(np.float32)} for each in task.training]


def centre(maps: torch.Tensor, size: int) -> torch.Tensor:
    """The part (..., y, x) that a network of valid convolutions has an output for."""
    margin = (maps.shape[-1] - size) // 2
    return maps[..., margin : margin + size, margin : margin + size]


def endless(loader: Any) -> Iterator[Any]:
    """Batch after batch."""
    while True:
        yield from loader


def fraction(settings: Settings, steps: int, seconds: float) -> float:
    """Share of the training that is done."""
    return steps / settings.steps if settings.steps is not None else seconds / (settings.seconds or 1)


def seconds_per_sample(task: Task, way: Way) -> float:
    """For drawing and augmenting as many pixels as a sample of SAMPLE_PX has, in this process."""
    pixels = task.recipe.batch * task.input_px**2
    batches = Batches(task.training, task.network(), task.recipe, CPU)
    transforms, images = (None, []) if way.loop == "overtile" else (monai_transforms(task, 0), items(task))

    def draw(step: int) -> None:
        if transforms is None:
            batches.draw(generator(0, step))
        else:
            for i in range(task.recipe.batch):
                transforms(images[(step * task.recipe.batch + i) % len(images)])

    times = []
    for step in range(DRAWS + 1):
        start = time.perf_counter()
        draw(step)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) * SAMPLE_PX**2 / pixels


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One way, in this process."""
    way, task = WAYS[options.only], task_of(options.recipe)
    settings = Settings(
        seconds=float(options.seconds) if options.score else None,
        steps=None if options.score else options.steps + SKIPPED,
        seed=options.round,
        precision=way.precision or pick_precision(CPU),
    )
    runs: list[Trained] = []
    train = with_overtile if way.loop == "overtile" else partial(with_monai, workers=way.workers)
    peak = peak_during(lambda: runs.append(train(task, settings)))
    row = {
        "seconds": runs[0].seconds,
        "idle_share": runs[0].idle_share,
        "peak_gib": round(peak / 2**30, 2),
        "precision": settings.precision,
    }
    if options.score:
        return {**row, "steps": len(runs[0].steps), **score(runs[0].network, task.test)}
    if way.workers:  # of the largest, with the pages that it shares with the others
        row["peak_gib_of_a_worker"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2)
    return {**row, "seconds_per_sample": seconds_per_sample(task, way)}


def main() -> None:
    """Run all ways in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="default", choices=("default", "paper"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    parser.add_argument("--ways", default="", help="parts of their names, separated by commas; all by default")
    parser.add_argument("--score", action="store_true", help="train for --seconds and measure what was learned")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--round", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options)))
        return
    chosen = [name for name in (SCORED if options.score else WAYS) if any(p in name for p in options.ways.split(","))]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for number in range(options.rounds):
        for name, found in runs.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--only", name, "--round", str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: left out: {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number}: {name}: {found[-1]}", flush=True)
    report(options, {name: found for name, found in runs.items() if found})


def report(options: argparse.Namespace, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Print a table and write the numbers."""
    from overtile.workflows.provenance import provenance

    task = task_of(options.recipe)
    ceiling = {name: peak_flops(getattr(torch, name)) for name in ("float32", "bfloat16")}
    rows = {}
    for name, found in runs.items():
        middle = {
            key: statistics.median(run[key] for run in found)
            for key, value in found[0].items()
            if isinstance(value, float | int)
        }
        rows[name] = {
            **asdict(WAYS[name]), **middle, "precision": found[0]["precision"],
            "steps_per_second": 1 / middle["seconds"],
            "share_of_matmul_peak": task.flops_of_a_step / middle["seconds"] / ceiling[found[0]["precision"]],
            "rounds": found,
        }  # fmt: skip
    columns = ["steps_per_second", "seconds_per_sample", "idle_share", "peak_gib", "share_of_matmul_peak"]
    columns += ["steps", "foreground_dice", "background_dice"] if options.score else []
    print("| way | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[c]:.4g}" if c in row else "" for c in columns) + " |")
    where = {key: value for key, value in provenance().items() if key in {"date", "versions", "machine"}}
    content = {
        "recipe": options.recipe, "images": task.source, "input_px": task.input_px, "batch": task.recipe.batch,
        "seconds_of_training": options.seconds if options.score else None, "timed_steps": options.steps,
        "threads": torch.get_num_threads(), "ceiling_flops": ceiling, "rows": rows, **where,
    }  # fmt: skip
    if any("MONAI" in name for name in rows):
        content["versions"]["monai"] = version("monai")
    name = f"training_rival-{options.recipe}{'-score' if options.score else ''}.json"
    out = options.output or HERE / "results" / name
    out.write_text(json.dumps(content, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main()
