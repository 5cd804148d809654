"""How many annotated images, and what elastic deformation and border weights bring: isbi2012-em with 1, 2, 4, 8, 16 sections.

    python benchmarks/few_images.py --budget 3m --keep FOLDER

trains the default recipe on growing, nested sets of sections, with and without elastic deformation of the patches and
weights at the borders, equally long each, and measures all on the sections with z % 5 == 3. No image is held out for
choosing a state, so that one image is one image. Writes benchmarks/results/few_images.json; trainings whose result lies
in FOLDER already are not repeated.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from real_data import DATA, HERE, LAUNCH, split

SIZES = (1, 2, 4, 8, 16)

WAYS: dict[str, list[str]] = {
    "both": ["--set", "weight_map=unet2015"],
    "without elastic deformation": ["--set", "weight_map=unet2015", "--set", "augmentation=rigid"],
    "without border weights": ["--set", "weight_map=uniform"],
}

SCORES = ("dice", "pixel_error_f", "rand_error", "v_rand")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--keep", type=Path, required=True, help="folder for models and scores")
    parser.add_argument("--ways", default="", help="parts of their names, separated by commas; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of sections to train on")
    options = parser.parse_args()
    train, test = split(DATA / "isbi2012-em", options.keep)
    for size in options.sizes:
        some = choose(train, options.keep / f"first-{size}", size)
        for way, changes in WAYS.items():
            if any(part in way for part in options.ways.split(",")):
                measure(options.keep / f"{size}-{way.replace(' ', '-')}", some, test, options.budget, changes)
    report(options.keep, options.budget)


def choose(train: Path, folder: Path, size: int) -> Path:
    """Link the first sections of a fixed order that takes turns between the less noisy and the noisier half."""
    stems = sorted(path.stem for path in (train / "images").iterdir())
    half = len(stems) // 2
    pairs = zip(stems[:half], stems[half : 2 * half], strict=True)
    order = [stem for pair in sorted(pairs, key=lambda pair: int(pair[0]) * 7 % 23) for stem in pair]
    for part in ("images", "labels"):
        for path in sorted((train / part).iterdir()):
            if path.stem in order[:size]:
                (folder / part).mkdir(parents=True, exist_ok=True)
                target = folder / part / path.name
                target.unlink(missing_ok=True)
                target.symlink_to(path.resolve())
    return folder


def measure(work: Path, some: Path, test: Path, budget: str, changes: list[str]) -> None:
    """Train one network and score it, unless that is done already."""
    scores, model = work / "scores.json", work / "model.overtile"
    if scores.exists():
        return
    work.mkdir(parents=True, exist_ok=True)
    commands = [
        ["train", some, "-o", model, "--budget", budget, "--no-validate", "--overwrite", *changes],
        ["evaluate", "-m", model, test, "--json", scores, "--overwrite"],
    ]
    for command in commands:
        subprocess.run([sys.executable, *LAUNCH, *map(str, command)], check=True)


def report(keep: Path, budget: str) -> None:
    """Write all scores, and print them as a table."""
    from overtile.workflows.provenance import provenance

    rows: dict[str, Any] = {}
    print("| sections | way | " + " | ".join(SCORES) + f" |\n|{'---|' * (2 + len(SCORES))}")
    for size in SIZES:
        for way in WAYS:
            scores = keep / f"{size}-{way.replace(' ', '-')}" / "scores.json"
            if scores.exists():
                total = json.loads(scores.read_text())["total"]
                rows[f"{size}, {way}"] = {name: total[name] for name in SCORES}
                cells = [f"{total[n]['value']:.3f} ({total[n]['low']:.3f} to {total[n]['high']:.3f})" for n in SCORES]
                print(f"| {size} | {way} | " + " | ".join(cells) + " |")
    where = {k: v for k, v in provenance().items() if k in {"date", "versions", "machine"}}
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    content = {"budget": budget, "threads": threads, "rows": rows, **where}
    (HERE / "results" / "few_images.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
