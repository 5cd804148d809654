"""Read regions of a large image: 1,000 at random, and all tiles in the order of a prediction.

    python benchmarks/reading.py --work FOLDER -o benchmarks/results/reading.json

The image is made: 20,000 x 20,000 pixels of 8 bit with noise, so that it hardly compresses. Regions have the size of a
tile of 1,024 pixels with 96 around. Processor time is given beside the time that passed, as other work on the machine
does not change it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

from overtile.core.memory import peak_during, resident_bytes
from overtile.data import create_store, finish_store, open_image
from overtile.workflows.provenance import provenance

SIZE, TILE, HALO = 20_000, 1024, 96


def patch() -> np.ndarray:
    """A piece of noise over blobs; the image repeats it."""
    rng = np.random.default_rng(0)
    blobs = gaussian_filter(rng.standard_normal((1000, 1000)), 3) * 300 + 128
    return np.clip(blobs + rng.normal(0, 6, blobs.shape), 0, 255).astype(np.uint8)


def pieces(height: int, width: int) -> Iterator[np.ndarray]:
    """The image in pieces, in the order of the tiles or strips of a TIFF."""
    one = patch()
    for y in range(0, SIZE, height):
        for x in range(0, SIZE, width):
            rows, columns = np.arange(y, min(y + height, SIZE)) % 1000, np.arange(x, min(x + width, SIZE)) % 1000
            yield one[np.ix_(rows, columns)]


def tiff(side: int | None, compression: str | None) -> Callable[[Path], None]:
    """A TIFF in tiles of `side` pixels, or in strips."""
    layout = {"rowsperstrip": 1000} if side is None else {"tile": (side, side)}
    tiles = (1000, SIZE) if side is None else (side, side)
    return lambda path: tifffile.imwrite(
        path, pieces(*tiles), shape=(SIZE, SIZE), dtype="uint8", compression=compression, **layout
    )


def ome_zarr(path: Path) -> None:
    """An OME-Zarr in chunks of 512 pixels, with a pyramid."""
    store = create_store(path, (SIZE, SIZE), "uint8", axes="yx", chunks=(512, 512))
    for rows, y in zip(pieces(512, SIZE), range(0, SIZE, 512), strict=True):
        store[y : y + 512] = rows
    finish_store(path)


FILES: dict[str, Callable[[Path], None]] = {
    "deflate_512.tif": tiff(512, "zlib"), "jpeg_256.tif": tiff(256, "jpeg"), "strips.tif": tiff(None, None),
    "zstd_512.ome.zarr": ome_zarr,
}  # fmt: skip


def at_random() -> Iterator[tuple[slice, slice]]:
    """1,000 regions."""
    for y, x in np.random.default_rng(1).integers(0, SIZE - TILE - 2 * HALO, (1000, 2)).tolist():
        yield slice(y, y + TILE + 2 * HALO), slice(x, x + TILE + 2 * HALO)


def in_order() -> Iterator[tuple[slice, slice]]:
    """All tiles with what lies around them, row by row."""
    for y in range(0, SIZE, TILE):
        for x in range(0, SIZE, TILE):
            yield (
                slice(max(y - HALO, 0), min(y + TILE + HALO, SIZE)),
                slice(max(x - HALO, 0), min(x + TILE + HALO, SIZE)),
            )


def measure(path: Path, regions: Callable[[], Iterator[tuple[slice, slice]]]) -> dict[str, float]:
    """Read the regions of a file."""
    before, count = resident_bytes(), 0
    began, opened, processor = time.perf_counter(), 0.0, time.process_time()

    def read() -> None:
        nonlocal opened, count
        with open_image(path) as image:
            opened = time.perf_counter() - began
            for region in regions():
                count += image.array[(slice(0, 1), *region)].shape[0]

    peak = peak_during(read)
    return {
        "regions": count,
        "open_ms": 1e3 * opened,
        "ms_per_region": 1e3 * (time.perf_counter() - began) / count,
        "processor_ms_per_region": 1e3 * (time.process_time() - processor) / count,
        "peak_mib": (peak - before) / 2**20,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the images, 2 GB")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, float]] = {}
    for name, write in FILES.items():
        if not (args.work / name).exists():
            write(args.work / name)
        for order in (at_random, in_order):
            # A process of its own for each, since memory that was freed may still count as the process's.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found[f"{name}, {order.__name__}"] = row = pool.submit(measure, args.work / name, order).result()
            print(f"{name}, {order.__name__}", {key: round(value, 1) for key, value in row.items()}, flush=True)
    if args.output is not None:
        args.output.write_text(json.dumps({"rows": found, **provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
