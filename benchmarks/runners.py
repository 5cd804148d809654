"""Seconds per tile of every runner, on one core, and how far each is from plain PyTorch in float32.

    OMP_NUM_THREADS=1 python benchmarks/runners.py [--rounds 3] [--widths 16 32] [--sizes 512 1024]

The network is the default recipe's (padded U-Net with batch normalisation) at two widths, with the weights it starts
with. Every way runs in a process of its own, which gives its peak memory; the ways take turns, and the smallest time of
all rounds counts. Time is that of the processor, which on one core is what passes where nobody else works. Writes
benchmarks/results/runners.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

REPEATS = 4


@dataclass(frozen=True)
class Way:
    """One way to compute the same tile."""

    runner: str
    precision: str = "float32"
    keeps_memory: bool = True


WAYS = {
    "plain PyTorch float32": Way("plain", keeps_memory=False),
    "torch float32, memory given back": Way("torch", keeps_memory=False),
    "torch float32": Way("torch"),
    "onnx float32": Way("onnx"),
    "openvino float32": Way("openvino"),
    "torch bfloat16, memory given back": Way("torch", "bfloat16", keeps_memory=False),
    "torch bfloat16": Way("torch", "bfloat16"),
    "openvino bfloat16": Way("openvino", "bfloat16"),
    "openvino int8": Way("int8", "int8"),
}


def main() -> None:
    """Run all ways in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(WAYS[options.only], options.widths[0], options.sizes[0])))
        return
    rows: dict[str, Any] = {}
    for width in options.widths:
        for size in options.sizes:
            runs: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
            for _ in range(options.rounds):
                for name, found in runs.items():
                    found.append(in_a_process(name, width, size))
                    print(width, size, name, found[-1], flush=True)
            first = min(run["seconds"] for run in runs["plain PyTorch float32"])
            for name, found in runs.items():
                best = min(found, key=lambda run: run["seconds"])
                rows[f"width {width}, {size} px, {name}"] = {**best, "times_faster": round(first / best["seconds"], 2)}
    from overtile.workflows.provenance import provenance

    where = {k: v for k, v in provenance().items() if k in {"date", "versions", "machine"}}
    out = HERE / "results" / "runners.json"
    out.write_text(json.dumps({"rows": rows, **where}, indent=1) + "\n")
    print(out)


def in_a_process(name: str, width: int, size: int) -> dict[str, float]:
    """What one way takes."""
    command = [sys.executable, __file__, "--only", name, "--widths", str(width), "--sizes", str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(way: Way, width: int, size: int) -> dict[str, float]:
    """Seconds of a tile, of making the runner, and for the first tile; peak memory; difference from plain PyTorch."""
    import numpy as np
    import torch

    from overtile.models import build
    from overtile.workflows.agreement import check_runner, plain

    torch.manual_seed(0)
    arguments = {"base_width": width, "depth": 4, "padding": "same", "norm": "batch", "dropout": 0.0}
    network = build("unet", 1, 2, **arguments).eval()
    image = np.random.default_rng(0).normal(size=(1, size, size)).astype(np.float32)
    start = time.process_time()
    run = made(way, network)
    setup = time.process_time() - start
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        run(image)
        seconds.append(time.process_time() - start)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    agreement = check_runner(run, plain(network), image)
    return {
        "seconds": round(min(seconds[1:]), 3),
        "seconds_to_make": round(setup, 2),
        "seconds_of_first_tile": round(seconds[0], 2),
        "peak_gib": round(peak_gib, 2),
        "largest_difference": agreement.largest_difference,
        "share_of_labels_changed": agreement.share_of_labels_changed,
    }


def made(way: Way, network: Any) -> Callable[[Any], Any]:
    """The way, ready to be called."""
    import torch

    import overtile.runners.torch
    from overtile.models import geometry
    from overtile.runners import make_runner, to_onnx
    from overtile.runners.int8 import fingerprint, quantize
    from overtile.workflows.agreement import plain
    from overtile.workflows.export import save_openvino
    from overtile.workflows.runner_choice import noise_image

    if way.runner == "plain":
        return plain(network)
    if not way.keeps_memory:
        overtile.runners.torch.keep_freed_memory = lambda: None
    name = way.runner
    if name == "int8":
        graph = quantize(to_onnx(network), [noise_image(network, geometry(network))[None]] * 4)
        folder = Path(tempfile.mkdtemp())
        notes = {"precision": "int8", "weights": fingerprint(network)}
        name = str(save_openvino(graph, folder / "m.xml", notes))
    return make_runner(name, network, device=torch.device("cpu"), precision=way.precision)


if __name__ == "__main__":
    main()
