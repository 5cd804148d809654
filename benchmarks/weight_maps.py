"""Time and error of the border weights of the U-Net paper: all pairs, windows around the cells, and overtile's way.

    python benchmarks/weight_maps.py [--rounds 5]

Every way gives 10 exp(-(d1 + d2)^2 / (2 5^2)) from the same made cells. The ways take turns for several rounds, and the
medians are compared; because machines are shared, the time is that of the processor, on which each way runs one thread.
The error is the largest difference from the brute force over all cells, for large images at pixels drawn at random. All
pairs take hours for many cells: of images larger than 512 px a fiftieth of --naive-cells is timed, and the time is
multiplied. Writes benchmarks/results/weight_maps.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects
from scipy.spatial import cKDTree

from overtile.targets import Distances, border_term, two_nearest_distances
from overtile.workflows.provenance import provenance

OUT = Path(__file__).resolve().parent / "results" / "weight_maps.json"

WINDOW_PX = 30
"""Six sigma: 10 exp(-6^2 / 2) is 1.5e-7, the error that windows are allowed."""

PROBES = 500
"""Pixels at which the error in large images is measured."""

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Case:
    """An image; its largest sides are for overtile's way alone."""

    side: int
    cells: int
    only_ours: bool = False


CASES = (
    Case(512, 100),
    Case(512, 1000),
    Case(2048, 1000),
    Case(2048, 16_000),
    Case(4096, 16_000, only_ours=True),
    Case(4096, 64_000, only_ours=True),
)


def main() -> None:
    """Measure every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--naive-cells", type=int, default=1000)
    options = parser.parse_args()
    two_nearest_distances(cells(64, 9))  # compiled before the clock runs
    rows = []
    for case in CASES:
        rows.append(measured(case, options.rounds, options.naive_cells))
        print(json.dumps(rows[-1]), flush=True)
    where = {k: v for k, v in provenance().items() if k in {"date", "versions", "machine"}}
    OUT.write_text(json.dumps({"rounds": options.rounds, "rows": rows, **where}, indent=1) + "\n")
    print(OUT)


def cells(side: int, count: int) -> Labels:
    """Discs on a shaken grid, many of which touch; each pixel belongs to the nearest centre."""
    rng = np.random.default_rng(0)
    per_side = int(np.ceil(np.sqrt(count)))
    step = side / per_side
    grid = np.stack(np.mgrid[:per_side, :per_side], axis=-1).reshape(-1, 2)[:count]
    centres = (grid + 0.5 + rng.uniform(-0.25, 0.25, grid.shape)) * step
    pixels = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2)
    distance, nearest = cKDTree(centres).query(pixels, distance_upper_bound=0.5 * step)
    return np.where(np.isfinite(distance), nearest + 1, 0).reshape(side, side).astype(np.int32)


def measured(case: Case, rounds: int, naive_cells: int) -> dict[str, Any]:
    """One row of the table."""
    labels = cells(case.side, case.cells)
    present = np.unique(labels[labels > 0])
    timed = present[:naive_cells] if case.side <= 512 else present[: max(naive_cells // 50, 1)]
    ways: dict[str, Callable[[], NDArray[np.float64]]] = {
        "overtile": lambda: border_term(two_nearest_distances(labels))
    }
    if not case.only_ours:
        ways["windows"] = lambda: border_term(in_windows(labels))
        ways["all_pairs"] = lambda: border_term(all_pairs(labels, timed))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    maps = {}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.process_time()
            maps[name] = way()
            seconds[name].append(time.process_time() - started)
    whole = len(timed) == len(present)
    reference = maps.pop("all_pairs", None)
    where = (slice(None),) if whole and reference is not None else drawn(case.side)
    truth = reference[where] if whole and reference is not None else border_term(at_pixels(labels, where))
    scale = {"all_pairs": len(present) / len(timed)}
    return {
        "side": case.side,
        "cells": len(present),
        "milliseconds": {n: round(1e3 * statistics.median(s) * scale.get(n, 1.0), 1) for n, s in seconds.items()},
        "largest_error": {name: float(np.abs(found[where] - truth).max()) for name, found in maps.items()},
        "error_measured_at": "every pixel" if whole and reference is not None else f"{PROBES} pixels",
        "cells_timed_for_all_pairs": 0 if case.only_ours else len(timed),
        "all_milliseconds": {n: [round(1e3 * t, 1) for t in s] for n, s in seconds.items()},
    }


def all_pairs(labels: Labels, ids: NDArray[np.int32]) -> Distances:
    """A distance map of the whole image for each cell, and the two least of them."""
    d1, d2 = np.full(labels.shape, np.inf), np.full(labels.shape, np.inf)
    for cell in ids:
        keep_two_least(d1, d2, distance_transform_edt(labels != cell))
    return Distances(d1, d2)


def in_windows(labels: Labels) -> Distances:
    """A distance map of the surroundings of each cell, and the two least of them."""
    d1, d2 = np.full(labels.shape, np.inf), np.full(labels.shape, np.inf)
    for cell, box in enumerate(find_objects(labels), start=1):
        if box is not None:
            window = tuple(slice(max(part.start - WINDOW_PX, 0), part.stop + WINDOW_PX) for part in box)
            keep_two_least(d1[window], d2[window], distance_transform_edt(labels[window] != cell))
    return Distances(d1, d2)


def keep_two_least(d1: NDArray[np.float64], d2: NDArray[np.float64], distance: NDArray[np.float64]) -> None:
    """Put a further distance in its place, in the arrays themselves."""
    np.minimum(d2, np.maximum(d1, distance), out=d2)
    np.minimum(d1, distance, out=d1)


def drawn(side: int) -> tuple[NDArray[np.int64], ...]:
    """Rows and columns of pixels drawn at random."""
    return tuple(np.random.default_rng(1).integers(0, side, (2, PROBES)))


def at_pixels(labels: Labels, where: tuple[Any, ...]) -> Distances:
    """Brute force at a few pixels: the least distance to every cell, and the two least of those."""
    y, x = np.nonzero(labels)
    order = np.argsort(labels[y, x], kind="stable")
    y, x = y[order], x[order]
    starts = np.flatnonzero(np.diff(labels[y, x], prepend=0))
    nearest = [
        np.sort(np.minimum.reduceat((y - row) ** 2 + (x - column) ** 2, starts))[:2]
        for row, column in zip(*where, strict=True)
    ]
    d1, d2 = np.sqrt(np.array(nearest)).T
    return Distances(d1, d2)


if __name__ == "__main__":
    main()
