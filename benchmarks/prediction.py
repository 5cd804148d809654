"""Predict one image in several ways: overtile's runners, and what users of other tools would call. Same weights.

    python benchmarks/prediction.py MODEL.overtile IMAGE.tif --rounds 3 -o benchmarks/results/prediction.json

Each way runs in a process of its own, so that its peak memory is its own, and the ways take turns round by round.
MONAI and nnU-Net are needed only here: `pip install --no-deps monai==1.6.1 nnunetv2` and what they then ask for. With
INT8_MODEL naming a file of `overtile export --int8`, that is measured too; its share of the peak is that of bfloat16.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

TILE = 512
"""Patch of the other tools: the one that the network was trained for or larger, as their users would choose."""

ONE_TILE = 1024
"""Pixels per axis of the tile that a runner is timed on alone."""

Way = Callable[[Path, np.ndarray], Callable[[], np.ndarray]]
"""Sets up with a model file and an image (channel, y, x), and gives what is timed; that gives logits (class, y, x)."""


def plain(model: Path, image: np.ndarray) -> Callable[[], np.ndarray]:
    """The whole image in one pass of plain PyTorch in float32."""
    network, batch = _network(model), _normalised(model, image)
    return lambda: _torch(network, batch)


def tiles_without_halo(model: Path, image: np.ndarray) -> Callable[[], np.ndarray]:
    """Tiles that do not overlap, as in many scripts."""
    network, batch = _network(model), _normalised(model, image)

    def run() -> np.ndarray:
        rows = [
            np.concatenate(
                [_torch(network, batch[..., y : y + TILE, x : x + TILE]) for x in range(0, batch.shape[-1], TILE)], -1
            )
            for y in range(0, batch.shape[-2], TILE)
        ]
        return np.concatenate(rows, -2)

    return run


def monai(overlap: float, mode: str) -> Way:
    """MONAI's sliding window."""

    def set_up(model: Path, image: np.ndarray) -> Callable[[], np.ndarray]:
        from monai.inferers import sliding_window_inference

        network, batch = _network(model), _normalised(model, image)

        def run() -> np.ndarray:
            with torch.inference_mode():
                found = sliding_window_inference(batch, (TILE, TILE), 1, network, overlap=overlap, mode=mode)
            return found[0].numpy()

        return run

    return set_up


def nnunet(*, mirroring: bool) -> Way:
    """nnU-Net's predictor: half-overlapping tiles under a Gaussian, with or without its mirroring."""

    def set_up(model: Path, image: np.ndarray) -> Callable[[], np.ndarray]:
        from types import SimpleNamespace

        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        network, batch = _network(model), _normalised(model, image)
        predictor = nnUNetPredictor(
            tile_step_size=0.5, use_gaussian=True, use_mirroring=mirroring, perform_everything_on_device=False,
            device=torch.device("cpu"), verbose=False, allow_tqdm=False,
        )  # fmt: skip
        predictor.network = network
        predictor.configuration_manager = SimpleNamespace(patch_size=[TILE, TILE])
        classes = int(_torch(network, batch[..., :64, :64]).shape[0])
        predictor.label_manager = SimpleNamespace(num_segmentation_heads=classes)
        predictor.allowed_mirroring_axes = (0, 1) if mirroring else None
        return lambda: predictor.predict_sliding_window_return_logits(batch[0][:, None])[:, 0].float().numpy()

    return set_up


def overtile(runner: str, precision: str, tile_px: int | None = None) -> Way:
    """overtile, tile by tile, with one of its runners; tiles are as large as the memory allows unless stated."""

    def set_up(model: Path, image: np.ndarray) -> Callable[[], np.ndarray]:
        from overtile.workflows.memory import Memory
        from overtile.workflows.model import load
        from overtile.workflows.predict_options import PredictOptions

        file = os.environ.get("INT8_MODEL", "") if precision == "int8" else runner
        loaded = load(model, runner=file, precision=None if precision == "int8" else precision)
        loaded.prepare(image)
        side = tile_px or Memory.of(loaded, PredictOptions()).tile_px(image)
        return lambda: loaded.logits(image, tile_px=side)

    return set_up


WAYS: dict[str, Way] = {
    "whole image, plain float32": plain,
    "tiles of 512 without halo": tiles_without_halo,
    "MONAI 0.25 constant": monai(0.25, "constant"),
    "MONAI 0.5 gaussian": monai(0.5, "gaussian"),
    "nnU-Net 0.5": nnunet(mirroring=False),
    "nnU-Net 0.5 mirrored": nnunet(mirroring=True),
    "overtile torch float32": overtile("torch", "float32"),
    "overtile torch bfloat16": overtile("torch", "bfloat16"),
    "overtile onnx float32": overtile("onnx", "float32"),
    "overtile openvino float32": overtile("openvino", "float32"),
    "overtile openvino bfloat16": overtile("openvino", "bfloat16"),
    "overtile openvino int8": overtile("openvino", "int8"),
}

REFERENCE = "whole image, plain float32"


def _network(model: Path) -> torch.nn.Module:
    from overtile.bundle import load

    return load(model).model


def _normalised(model: Path, image: np.ndarray) -> torch.Tensor:
    from overtile.bundle import load

    return torch.from_numpy(load(model).manifest.normalization.fitted_to(image)(image))[None]


def _torch(network: torch.nn.Module, batch: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return network(batch)[0].numpy()


def main() -> None:
    """Run the benchmark, or one way of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default="", help="parts of their names, separated by commas; all by default")
    parser.add_argument("--once", default="", help="ways that run in the first round only")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--logits", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure(options)
    else:
        compare(options)


def measure(options: argparse.Namespace) -> None:
    """One way, in this process: set up, once on a small part, then timed."""
    from overtile.core.memory import peak_during
    from overtile.data import read_image

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    image = read_image(options.image).array
    WAYS[options.way](options.model, image[:, : 2 * TILE, : 2 * TILE])()
    run = WAYS[options.way](options.model, image)
    found: list[np.ndarray] = []
    start = time.perf_counter()
    peak = peak_during(lambda: found.append(run()))
    seconds = time.perf_counter() - start
    np.save(options.logits, found[0])
    one_tile = seconds_of_one_tile(options.model, image, options.way) if options.way.startswith("overtile") else None
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "one_tile_s": one_tile}))


def seconds_of_one_tile(model: Path, image: np.ndarray, way: str) -> float:
    """What the runner alone takes for ONE_TILE x ONE_TILE pixels, the best of three: what tiling is measured by."""
    from overtile.runners import make_runner

    _, runner, precision = way.partition(",")[0].split()
    runner = os.environ["INT8_MODEL"] if precision == "int8" else runner
    run = make_runner(runner, _network(model), device=torch.device("cpu"), precision=precision)
    tile = np.ascontiguousarray(_normalised(model, image)[0, :, :ONE_TILE, :ONE_TILE])
    run(tile)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run(tile)
        times.append(time.perf_counter() - start)
    return min(times)


def compare(options: argparse.Namespace) -> None:
    """All ways in turns."""
    chosen = [way for way in WAYS if not options.ways or any(part in way for part in options.ways.split(","))]
    chosen = [way for way in chosen if "int8" not in way or os.environ.get("INT8_MODEL")]
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in chosen}
    agreement: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for way in chosen:
                if number and any(part and part in way for part in options.once.split(",")):
                    continue
                logits = Path(folder) / f"{chosen.index(way)}.npy"
                command = [sys.executable, __file__, options.model, options.image, "--way", way, "--logits", logits]
                done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{way}: left out: {done.stderr.strip().splitlines()[-1]}")
                    continue
                rounds[way].append(json.loads(done.stdout.splitlines()[-1]))
                print(f"round {number}: {way}: {rounds[way][-1]['seconds']:.2f} s", flush=True)
        reference = np.load(Path(folder) / f"{chosen.index(REFERENCE)}.npy")
        for way in chosen:
            path = Path(folder) / f"{chosen.index(way)}.npy"
            if path.exists():
                agreement[way] = difference(np.load(path), reference)
    report(options, rounds, agreement, reference.shape)


def difference(found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """How far logits (class, y, x) are from those of the whole-image pass."""
    changed = found.argmax(0) != reference.argmax(0)
    return {"largest_difference": float(np.abs(found - reference).max()), "labels_changed": float(changed.mean())}


def peak_flops(dtype: torch.dtype, size: int = 2048) -> float:
    """Multiply-adds times two per second of a square matrix product: what this machine can do at most."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def share_of_peak(network: torch.nn.Module, side: int, seconds: float, peak: float) -> float:
    """Of the matrix-product peak, for one pass over side x side pixels."""
    from overtile.models import summary

    return 2 * summary(network, (side, side)).multiply_adds / seconds / peak


def report(
    options: argparse.Namespace,
    rounds: dict[str, list[dict[str, float]]],
    agreement: dict[str, dict[str, float]],
    shape: tuple[int, ...],
) -> None:
    """Print a table and write the numbers."""
    from overtile.models import summary
    from overtile.workflows.provenance import provenance

    network = _network(options.model)
    cost = summary(network, shape[-2:])
    ceiling = {"float32": peak_flops(torch.float32), "bfloat16": peak_flops(torch.bfloat16)}
    rows = {}
    for way, runs in rounds.items():
        if not runs:
            continue
        seconds = statistics.median(run["seconds"] for run in runs)
        peak = ceiling["float32" if "float32" in way or not way.startswith("overtile") else "bfloat16"]
        rows[way] = {
            "seconds": seconds, "all_seconds": [run["seconds"] for run in runs],
            "peak_gib": max(run["peak_bytes"] for run in runs) / 2**30,
            "share_of_matmul_peak": 2 * cost.multiply_adds / seconds / peak, **agreement[way],
        }  # fmt: skip
        if way.startswith("overtile"):
            alone = statistics.median(run["one_tile_s"] for run in runs)
            rows[way] |= {
                "one_tile_s": alone,
                "share_of_one_tile": alone * shape[-2] * shape[-1] / ONE_TILE**2 / seconds,
                "share_of_matmul_peak_in_the_runner": share_of_peak(network, ONE_TILE, alone, peak),
            }
    best = min(row["seconds"] for way, row in rows.items() if way.startswith("overtile"))
    print(
        f"| way | seconds | times the fastest | peak GiB | largest difference | labels changed | of matmul peak |\n|{'---|' * 7}"
    )
    for way, row in rows.items():
        print(
            f"| {way} | {row['seconds']:.2f} | {row['seconds'] / best:.1f} | {row['peak_gib']:.2f} | "
            f"{row['largest_difference']:.2g} | {row['labels_changed']:.4%} | {row['share_of_matmul_peak']:.0%} |"
        )
    for way, row in rows.items():
        if "one_tile_s" in row:
            print(
                f"{way}: {row['share_of_one_tile']:.0%} of the speed of one tile alone, which is "
                f"{row['share_of_matmul_peak_in_the_runner']:.0%} of the peak"
            )
    content = {
        "image": list(shape), "parameters": cost.parameters, "multiply_adds": cost.multiply_adds, "ceiling_flops": ceiling,
        "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)), "rows": rows,
        "provenance": {key: value for key, value in provenance().items() if key != "command"},
    }  # fmt: skip
    if options.output:
        options.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
