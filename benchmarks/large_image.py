"""Predict an image that does not fit in memory under a stated limit; kill the program once, and repeat the command.

    python benchmarks/large_image.py --side 40000 --max-memory 2GB --kill-after 120 --work FOLDER

draws an OME-Zarr of made cells, trains a network on such cells for a minute unless --model gives one, and runs
`overtile predict` in a process of its own whose resident memory is read twice a second. Afterwards windows of the
result are compared with what the same model says about a part of the image in memory. Writes
benchmarks/results/large_image.json. Takes about twelve bytes of disk per pixel.
"""

import argparse
import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

HERE = Path(__file__).resolve().parent
BLOCK_PX = 2048
POINTS = 240
"""Of the memory curve that is kept."""

ALIKE = 0.9
"""Intersection over union from which objects are alike: bfloat16 moves single pixels at edges."""


@dataclass
class Attempt:
    """One run of the command.

    Attributes:
        seconds: that it took.
        exit_status: 0, or minus the signal that ended it.
        peak_bytes: most resident memory, as Linux counted it.
        curve: (second, MiB) of resident memory; of each stretch of time the largest.
    """

    seconds: float
    exit_status: int
    peak_bytes: int
    curve: list[tuple[float, int]]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=40_000)
    parser.add_argument("--max-memory", default="2GB")
    parser.add_argument("--kill-after", type=float, default=120.0, help="seconds; 0 for never")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for the image and the result")
    parser.add_argument("--name", default="large_image", help="of the result")
    known, extra = parser.parse_known_args()
    known.work.mkdir(parents=True, exist_ok=True)
    image, model = known.work / f"cells-{known.side}.ome.zarr", known.model or known.work / "cells.overtile"
    if not image.exists():
        draw(image, known.side)
    if not model.exists():
        train(model, known.work / "annotated")
    out = known.work / "out"
    command = [sys.executable, "-m", "overtile", "predict", "-m", model, "-i", image, "-o", out]
    command += ["--max-memory", known.max_memory, *extra]
    attempts = []
    if known.kill_after:
        attempts.append(attempt(command, known.kill_after))
    record = out / ".unfinished" / f"cells-{known.side}" / "tiles.txt"
    kept = len(record.read_text().splitlines()) - 1 if record.exists() else 0
    attempts.append(attempt(command, None))
    from overtile.core.memory import parse_bytes
    from overtile.workflows.provenance import provenance

    report = json.loads((out / "prediction.json").read_text())["images"][f"cells-{known.side}"]
    content: dict[str, Any] = {
        "side_px": known.side,
        "max_memory_bytes": parse_bytes(known.max_memory),
        "peak_bytes": max(a.peak_bytes for a in attempts),
        "command": shlex.join(["overtile", "predict", "--max-memory", known.max_memory, *extra]),
        "tiles_kept_from_the_killed_attempt": kept,
        "report": {key: value for key, value in report.items() if key not in ("model", "runner_report")},
        "attempts": [asdict(a) for a in attempts],
        "agreement": agreement(model, image, next(out.glob("cells-*"))),
        **{k: v for k, v in provenance().items() if k in {"date", "versions", "machine"}},
    }
    target = HERE / "results" / f"{known.name}.json"
    target.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps({k: v for k, v in content.items() if k != "attempts"}, indent=1))
    print(target)


def draw(path: Path, side: int) -> None:
    """Blocks of made cells, turned and mirrored so that neighbours differ."""
    from overtile.data import cells
    from overtile.data.stores import create_store, finish_store

    blocks = [cells(seed, size=BLOCK_PX)[0] for seed in range(4)]
    rng = np.random.default_rng(0)
    store = create_store(path, (side, side), np.uint8, chunks=(BLOCK_PX, BLOCK_PX), axes="YX", pixel_size_um=(0.5, 0.5))
    for y in range(0, side, BLOCK_PX):
        for x in range(0, side, BLOCK_PX):
            block = np.rot90(blocks[rng.integers(4)], rng.integers(4))[: side - y, : side - x]
            store[y : y + BLOCK_PX, x : x + BLOCK_PX] = block
    finish_store(path, downsample="mean")


def train(model: Path, folder: Path) -> None:
    """A network for such cells, in a minute."""
    for arguments in (
        ["synthesize", str(folder), "--kind", "cells", "-n", "8"],
        ["train", str(folder), "-o", str(model), "--budget", "90s", "--overwrite"],
    ):
        subprocess.run([sys.executable, "-m", "overtile", *arguments], check=True)


def attempt(command: list[Any], kill_after: float | None) -> Attempt:
    """Run the command, and watch its memory."""
    start = time.monotonic()
    with subprocess.Popen([str(part) for part in command]) as process:
        watched, points, peak = psutil.Process(process.pid), list[tuple[float, int]](), 0
        while process.poll() is None:
            seconds = time.monotonic() - start
            if kill_after is not None and seconds > kill_after:
                process.send_signal(signal.SIGKILL)
                break
            try:
                points.append((round(seconds, 1), watched.memory_info().rss >> 20))
                peak = max(peak, high_water_mark(process.pid))
            except (psutil.NoSuchProcess, OSError, StopIteration):
                break
            time.sleep(0.5)
    return Attempt(round(time.monotonic() - start, 1), process.returncode, peak, thinned(points))


def high_water_mark(pid: int) -> int:
    """Most memory that a process held so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def thinned(points: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """At most POINTS of a curve, each the highest of its neighbours."""
    step = -(-len(points) // POINTS) or 1
    return [max(points[i : i + step], key=lambda point: point[1]) for i in range(0, len(points), step)]


def agreement(model_file: Path, image: Path, labels: Path, *, windows: int = 8, side: int = 512) -> dict[str, Any]:
    """Compare windows, at random and at the seams of tiles, with a prediction in memory of the part around them."""
    from overtile import load
    from overtile.data.lazy import open_image

    model, rng, margin = load(model_file, precision="bfloat16"), np.random.default_rng(1), 512
    pixels, differ, objects, same, alike = 0, 0, 0, 0, 0
    with open_image(image) as opened, open_image(labels) as found:
        size = opened.array.shape[1:]
        for number in range(windows):
            y, x = (int(rng.integers(margin, n - margin - side)) // 16 * 16 for n in size)  # as the network pools
            if number % 2:  # across a corner of four tiles
                y, x = (max(v // BLOCK_PX, 1) * BLOCK_PX - side // 2 for v in (y, x))
            part = opened.array[:, y - margin : y + side + margin, x - margin : x + side + margin]
            here = model.predict(part)[margin:-margin, margin:-margin]
            there = np.asarray(found.array[0, y : y + side, x : x + side])
            pixels += here.size
            differ += int(((here > 0) != (there > 0)).sum())
            for number_of_object in np.setdiff1d(np.unique(here), edge_ids(here) | {0}):
                objects += 1
                mask = here == number_of_object
                other = there == np.bincount(there[mask]).argmax()
                same += np.array_equal(other, mask)
                alike += (other & mask).sum() >= ALIKE * (other | mask).sum()
    return {
        "windows": windows, "pixels": pixels, "foreground_differs": differ,
        "objects": objects, "objects_equal": int(same), "objects_alike": int(alike),
    }  # fmt: skip


def edge_ids(labels: np.ndarray) -> set[int]:
    """Objects that the edge of a window cuts."""
    return {int(i) for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for i in np.unique(line)}


if __name__ == "__main__":
    main()
