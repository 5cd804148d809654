"""What a GPU makes of overtile: prediction and training beside the peak of its matrix products, and other tools' ways.

    python benchmarks/gpu.py [--limit 540]
    python benchmarks/gpu.py --device cpu --quick -o gpu-quick.json

takes one GPU, and less than ten minutes; the second line runs the same code anywhere on tiny sizes, and its numbers mean
nothing. benchmarks/results/gpu.json is written after every row: one that fails is reported with its message, and the
others go on; what there was no time for is named. Whole images are predicted by networks that were trained for some steps,
because the logits of untrained ones are ties. In float32 PyTorch rounds the factors of convolutions to TF32 on a GPU
unless told not to: overtile's prediction tells it, its training and the other tools do not. MONAI and nnU-Net are left
out where they are missing: `pip install --no-deps monai==1.6.1 nnunetv2` and what they then ask for.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_bench import QUICK, Bench, Busy, Row, Rows, Sizes, image_file, model_file, mosaic, task
from gpu_ways import comparisons
from overtile.models import build, summary
from overtile.runners import TorchRunner
from overtile.training import RECIPES, Settings
from overtile.training.batches import Batch, Batches
from overtile.workflows.model import load
from overtile.workflows.predict import predict
from real_data import HERE
from training_task import with_overtile

RESULT = HERE / "results" / "gpu.json"

PRECISIONS = ("bfloat16", "float16", "float32")

NEVER = 10**9
"""Batches after which a network is compiled that shall stay as it is."""


def peaks(bench: Bench) -> Rows:
    """Matrix products."""
    return {name: partial(peak, bench, name) for name in ("float32", "TF32", "bfloat16", "float16")}


def peak(bench: Bench, name: str) -> Row:
    """The fastest of many products of two square matrices."""
    size, busy = bench.sizes.product, Busy(bench.device)
    dtype = getattr(torch, name, torch.float32)
    a, b = (torch.randn(size, size, device=bench.device).to(dtype) for _ in range(2))
    torch.set_float32_matmul_precision("high" if name == "TF32" else "highest")
    try:
        for _ in range(4 * bench.sizes.repeats):
            busy.mark()
            a @ b
            busy.mark()
    finally:
        torch.set_float32_matmul_precision("highest")
    bench.ceiling[name] = 2 * size**3 / min(busy.take())
    return {"tflops": bench.ceiling[name] / 1e12}


def runners(bench: Bench, *, compiled: bool) -> Rows:
    """One tile in overtile's runner, in memory and back; the most interesting first."""
    return {
        f"width {width}, {precision}, {px} px": partial(one_tile, bench, width, precision, px, compiled=compiled)
        for precision in PRECISIONS
        for px in reversed(bench.sizes.tiles)
        for width in bench.sizes.widths
    }


def one_tile(bench: Bench, width: int, precision: Any, px: int, *, compiled: bool) -> Row:
    """A call as prediction makes it, and of that the network alone."""
    torch.compiler.reset()  # else there are soon more variants than the compiler keeps
    torch.manual_seed(0)
    network = build("unet", 1, 2, **{**RECIPES["default"].arguments, "base_width": width})
    run = TorchRunner(network, device=bench.device, precision=precision, compile_after=0 if compiled else NEVER)
    tile = np.random.default_rng(0).standard_normal((1, px, px), np.float32)
    first = bench.wall(lambda: run(tile))
    held = bench.peak_gib(lambda: run(tile))
    seconds, busy = bench.median(lambda: run(tile)), Busy(bench.device)
    with torch.inference_mode(), run._numerics():
        batch = run._there(torch.from_numpy(tile[None])).contiguous(memory_format=torch.channels_last)
        for _ in range(bench.sizes.repeats):
            busy.mark()
            run._forward(batch)
            busy.mark()
        forward = statistics.median(busy.take())
    flops = 2 * summary(network, (px, px)).multiply_adds
    return {
        "megapixels_per_s": px**2 / seconds / 1e6, "share_of_peak": bench.share_of_peak(flops, seconds, precision),
        "share_of_peak_in_the_network": bench.share_of_peak(flops, forward, precision), "seconds": seconds,
        "seconds_in_the_network": forward, "first_call_s": first, "peak_gib": held,
    }  # fmt: skip


def trainings(bench: Bench) -> Rows:
    """Steps of overtile's training."""
    return {
        f"{recipe}, {precision}": partial(training, bench, recipe, precision)
        for recipe in RECIPES
        for precision in ("bfloat16", "float32")
    }


def training(bench: Bench, recipe: str, precision: str) -> Row:
    """As `overtile train` does it, and once more with a batch that is drawn only once."""
    what, runs = task(bench, recipe), []
    settings = Settings(seconds=None, steps=bench.sizes.steps, device=bench.device, precision=precision)
    held = bench.peak_gib(lambda: runs.append(with_overtile(what, settings)))
    with one_batch():
        alone = with_overtile(what, settings).seconds
    seconds = runs[0].seconds
    ceiling = "TF32" if precision == "float32" and bench.device.type == "cuda" else precision
    return {
        "steps_per_s": 1 / seconds, "share_of_peak": bench.share_of_peak(what.flops_of_a_step, seconds, ceiling),
        "idle_share": runs[0].idle_share, "seconds": seconds, "seconds_with_one_batch": alone, "peak_gib": held,
        "input_px": what.input_px, "batch": what.recipe.batch,
    }  # fmt: skip


@contextmanager
def one_batch() -> Iterator[None]:
    """Let every step have the batch of the first."""
    draw, drawn = Batches.draw, list[Batch]()

    def first(self: Batches, rng: np.random.Generator) -> Batch:
        if not drawn:
            drawn.append(draw(self, rng))
        return drawn[0]

    Batches.draw = first  # type: ignore[method-assign]
    try:
        yield
    finally:
        Batches.draw = draw  # type: ignore[method-assign]


def whole_images(bench: Bench) -> Rows:
    """From an image to what the user wants, of each network."""
    rows: Rows = {}
    for width in bench.sizes.trained:
        rows[f"width {width}, Model.probabilities"] = partial(end_to_end, bench, width, to_disk=False)
        rows[f"width {width}, predict"] = partial(end_to_end, bench, width, to_disk=True)
        rows[f"width {width}, the command"] = partial(command, bench, width)
    return rows


def end_to_end(bench: Bench, width: int, *, to_disk: bool) -> Row:
    """In this process; idle is the device while the network is not computed."""
    px = bench.sizes.image_px
    image, path = mosaic(px), image_file(bench)
    model = load(model_file(bench, width), device=str(bench.device), runner="torch")
    model.prepare(image)
    run = partial(predict, model, path, bench.folder / "labels", overwrite=True)
    action: Callable[[], object] = run if to_disk else partial(model.probabilities, image)
    first = bench.wall(action)
    runner: Any = model._runner
    busy, network = Busy(bench.device), runner.model
    network.register_forward_pre_hook(busy.mark)
    network.register_forward_hook(busy.mark)
    seconds = bench.wall(action)
    computing = sum(busy.take())
    flops = 2 * summary(network, (px, px)).multiply_adds
    return {
        "seconds": seconds, "megapixels_per_s": px**2 / seconds / 1e6, "idle_share": 1 - computing / seconds,
        "share_of_peak": bench.share_of_peak(flops, seconds, model.precision), "first_call_s": first,
        "peak_gib": bench.peak_gib(action), "precision": model.precision,
    }  # fmt: skip


def command(bench: Bench, width: int) -> Row:
    """`overtile predict`, with everything from the start of Python to the file of labels."""
    where = ["-m", model_file(bench, width), "-i", image_file(bench), "-o", bench.folder / "command", "--overwrite"]
    arguments = [sys.executable, "-m", "overtile", "predict", *where, "--device", bench.device]
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    report = json.loads((bench.folder / "command" / "prediction.json").read_text())["images"]["mosaic"]
    about = {key: report[key] for key in ("tile_px", "precision", "runner")}
    return {"seconds": seconds, "megapixels_per_s": bench.sizes.image_px**2 / seconds / 1e6, **about}


SECTIONS: dict[str, Callable[[Bench], Rows]] = {
    "matrix products": peaks,
    "one tile": partial(runners, compiled=False),
    "training": trainings,
    "an image in several ways": comparisons,
    "a large image from end to end": whole_images,
    "one tile, compiled": partial(runners, compiled=True),
}
"""What is least interesting, or takes longest, comes last."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--limit", type=float, default=540.0, help="seconds after which nothing new is begun")
    parser.add_argument("--sections", default="", help="parts of their names, separated by commas; all by default")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.quick and options.output == RESULT:
        parser.error("the numbers of --quick mean nothing: write them elsewhere, with -o")
    end = time.monotonic() + options.limit
    chosen = [name for name in SECTIONS if any(part in name for part in options.sections.split(","))]
    sections: dict[str, dict[str, Row]] = {name: {} for name in chosen}
    content = {"quick": options.quick, "sections": sections, **guarded(origin)}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(torch.device(options.device), QUICK if options.quick else Sizes(), Path(folder))
        for section, rows in sections.items():
            for name, measure in SECTIONS[section](bench).items():
                start = time.monotonic()
                rows[name] = guarded(measure) if start < end else {"skipped": "there was no time left"}
                print(f"{section}: {name}: {described(rows[name])} [{time.monotonic() - start:.0f} s]", flush=True)
                options.output.write_text(json.dumps(content, indent=1) + "\n")
    print(options.output)


def guarded(measure: Callable[[], Row]) -> Row:
    """A row, or the reason why there is none."""
    torch.backends.cudnn.benchmark = False  # nnU-Net's predictor switches it on
    try:
        return measure()
    except ModuleNotFoundError as error:
        return {"left_out": str(error)}
    except Exception as error:  # noqa: BLE001  (whatever happens to one row, the others are wanted)
        return {"failed": f"{type(error).__name__}: {str(error).strip()[:500]}"}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def origin() -> Row:
    """Date, versions and machine."""
    from overtile.workflows.provenance import provenance

    return {key: value for key, value in provenance().items() if key in {"date", "versions", "machine"}}


def described(row: Row) -> str:
    """A row in one line."""
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
    )


if __name__ == "__main__":
    main()
