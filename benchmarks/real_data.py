"""Train on part of each folder of real images and measure on the rest, with the commands that a user types.

    python benchmarks/real_data.py isbi2012-em drive-retina --budget 10m

writes benchmarks/results/real_data/NAME-RECIPE.json: the commands, the machine, the scores with their intervals, and
the names of the images that were measured on. The images are found through OVERTILE_DATA.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from overtile.data import k_folds, load

LAUNCH = os.environ.get("OVERTILE_LAUNCH", "-m overtile").split()
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("OVERTILE_DATA", HERE.parents[1] / "shared" / "data"))


def fifth(index: int, _name: str) -> bool:
    """Every fifth image, in the order of the names."""
    return index % 5 == 3


@cache
def far_from_the_others(folder: str) -> frozenset[str]:
    """A fifth of the images that holds no near-copy of the other four fifths."""
    return frozenset(sample.name for sample in k_folds(load(DATA / folder).samples, 5, seed=0)[0].validation)


IS_TEST: dict[str, Callable[[int, str], bool]] = {
    "dsb2018-fluo": lambda _, name: name in far_from_the_others("dsb2018-fluo"),
    "isbi2012-em": lambda _, name: int(name) % 5 == 3,
    "drive-retina": lambda _, name: name.endswith("_test"),
    "epfl-hippocampus-em": lambda index, _: index >= 18,  # neighbours are alike, so that a range is held out
}
"""Which images are measured on; `fifth` where a folder is not named here."""

OPTIONS = {"camvid-sub": ["--ignore-label", "11"], "epfl-hippocampus-em": ["--labels", "labels"]}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="folders of OVERTILE_DATA")
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--tta", default="none")
    parser.add_argument("--tag", default="", help="added to the name of the result")
    parser.add_argument("--keep", type=Path, help="folder to keep models and reports in")
    parser.add_argument("--trained", action="store_true", help="take the model that an earlier run left in --keep")
    known, extra = parser.parse_known_args()
    for name in known.names:
        with tempfile.TemporaryDirectory() as folder:
            run(name, known, extra, known.keep or Path(folder))


def run(name: str, options: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Train and measure on one folder; further options go to `overtile train`."""
    label = f"{name}-{options.recipe}"
    work = folder / label
    label += options.tag
    train, test = split(DATA / name, work)
    model, scores = work / "model.overtile", work / "scores.json"
    commands = [
        ["train", train, "-o", model, "--recipe", options.recipe, "--budget", options.budget, "--overwrite"],
        ["evaluate", "-m", model, test, "--tta", options.tta, "--json", scores, "--overwrite"],
    ]
    commands[0] += [*OPTIONS.get(name, []), *extra]
    commands[1] += ["--report", work / "report.html"]
    for command in commands[1:] if options.trained else commands:
        subprocess.run([sys.executable, *LAUNCH, *map(str, command)], check=True)
    result = json.loads(scores.read_text())
    info = subprocess.run(
        [sys.executable, *LAUNCH, "info", str(model), "--json"], check=True, capture_output=True, text=True
    )
    record = json.loads(info.stdout)["training"]
    result["commands"] = [re.sub(re.escape(str(work)) + "/?", "", " ".join(map(str, c))) for c in commands]
    stored = ("steps", "elapsed_s", "drawing_s", "precision", "recipe", "plan", "notes", "machine")
    result["training"] = {key: record[key] for key in stored}
    result["training"]["validation_dice"] = [round(v["score"], 4) for v in record["validations"]]
    out = HERE / "results" / "real_data" / f"{label}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    result["provenance"].pop("command", None)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(out)


def split(source: Path, work: Path) -> tuple[Path, Path]:
    """Link the images of a folder into work/train and work/test."""
    images = sorted((source / "images").iterdir())
    chosen = IS_TEST.get(source.name, fifth)
    in_test = {path.stem: chosen(index, path.stem) for index, path in enumerate(images)}
    for part in source.iterdir():
        for path in sorted(part.iterdir()) if part.is_dir() else []:
            owner = next((stem for stem in in_test if path.stem == stem), None)
            if owner is None:
                continue
            target = work / ("test" if in_test[owner] else "train") / part.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(path.resolve())
    return work / "train", work / "test"


if __name__ == "__main__":
    main()
