"""Steps per second and peak memory of training, before and after each speed decision.

    python benchmarks/training.py [--recipe default] [--rounds 3] [--steps 4]

Every way runs in a process of its own, which gives its peak memory; the ways take turns for several rounds on the same
made images, and the medians over the rounds are compared, because machines are shared. Writes
benchmarks/results/training-RECIPE.json.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Way:
    """One way to run the same training step."""

    precision: str = "float32"
    channels_last: bool = False
    fused: bool = False
    compiled: bool = False


WAYS = {
    "plain float32": Way(),
    "+ channels last": Way(channels_last=True),
    "+ bfloat16": Way("bfloat16", channels_last=True),
    "+ fused optimiser (what overtile does)": Way("bfloat16", channels_last=True, fused=True),
    "bfloat16 without channels last": Way("bfloat16", fused=True),
    "+ torch.compile": Way("bfloat16", channels_last=True, fused=True, compiled=True),
}


def main() -> None:
    """Run all ways in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(WAYS[options.only], options.recipe, options.steps)))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(options.rounds):
        for name in WAYS:
            command = [sys.executable, __file__, "--recipe", options.recipe, "--steps", str(options.steps)]
            run = subprocess.run([*command, "--only", name], check=True, capture_output=True, text=True)
            found[name].append(json.loads(run.stdout.splitlines()[-1]))
            print(name, found[name][-1], flush=True)
    from overtile.workflows.provenance import provenance

    rows = {
        name: {
            **asdict(WAYS[name]),
            "seconds_per_step": statistics.median(r["seconds"] for r in runs),
            "augmentation_seconds": statistics.median(r["draw"] for r in runs),
            "peak_gib": statistics.median(r["peak_gib"] for r in runs),
            "all_seconds": [r["seconds"] for r in runs],
        }
        for name, runs in found.items()
    }
    first = rows["plain float32"]["seconds_per_step"]
    for row in rows.values():
        row["times_faster"] = round(first / row["seconds_per_step"], 2)
    where = {k: v for k, v in provenance().items() if k in {"date", "versions", "machine"}}
    out = HERE / "results" / f"training-{options.recipe}.json"
    out.write_text(json.dumps({"recipe": options.recipe, "rows": rows, **where}, indent=1) + "\n")
    print(out)


def measure(way: Way, recipe_name: str, steps: int) -> dict[str, float]:
    """Median seconds of a step, of which for drawing and augmenting the batch, and the peak memory of the process."""
    import torch

    from overtile.core import Normalization, generator
    from overtile.data import from_arrays, membranes
    from overtile.models import build
    from overtile.training import fitted_to, prepare, recipe_named
    from overtile.training.batches import Batches
    from overtile.training.objective import total_loss

    made = [membranes(seed, size=512) for seed in range(3)]
    data = from_arrays([image for image, _ in made], [labels for _, labels in made])
    recipe, _ = fitted_to(recipe_named(recipe_name), data)
    images = prepare(data, data.samples, Normalization((128.0,), (40.0,)), recipe)
    torch.manual_seed(0)
    model = build(recipe.architecture, 1, 2, **recipe.arguments).train()
    batches = Batches(images, model, recipe, torch.device("cpu"))
    if way.channels_last:
        model = model.to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    optimizer = (
        torch.optim.SGD(parameters, lr=1e-3, momentum=0.99, fused=way.fused)
        if recipe.optimizer == "sgd"
        else torch.optim.AdamW(parameters, lr=1e-3, fused=way.fused)
    )
    network = torch.compile(model) if way.compiled else model
    seconds, drawing = [], []
    for step in range(steps + 2):
        start = time.perf_counter()
        batch = batches.draw(generator(0, step))
        drawing.append(time.perf_counter() - start)
        image = batch.image if way.channels_last else batch.image.contiguous()
        with torch.autocast("cpu", getattr(torch, way.precision), enabled=way.precision != "float32"):
            loss = total_loss(network(image), batch, recipe)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "seconds": statistics.median(seconds[2:]),
        "draw": statistics.median(drawing[2:]),
        "peak_gib": round(peak_gib, 2),
    }


if __name__ == "__main__":
    main()
