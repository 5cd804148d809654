"""What the networks are worth and whether their special parts do what they promise, with the commands that users type.

    python benchmarks/networks.py comparison-em comparison-nuclei supervision pruning guidance

writes benchmarks/results/networks/NAME.json. The images are found through OVERTILE_DATA; runs that are finished in
--keep are not repeated.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from overtile.core import Image
from overtile.data import read_image, read_labels, write_image, write_labels
from real_data import DATA, HERE, LAUNCH

RESULTS = HERE / "results" / "networks"


def overtile(*words: object) -> None:
    """Run a command as a user would."""
    subprocess.run([sys.executable, *LAUNCH, *map(str, words)], check=True)


def comparison(data: Path, name: str, work: Path, *options: str) -> None:
    """Compare networks and keep the numbers."""
    overtile("compare", data, "-o", work / name, "--keep-models", *options)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text((work / name / "comparison.json").read_text())


def comparison_em(work: Path) -> None:
    """All six on the membranes."""
    comparison(DATA / "isbi2012-em", "comparison-em", work, "--folds", "2", "--budget", "4m")


def comparison_nuclei(work: Path) -> None:
    """All six on every fifth image of the nuclei, 60 in all."""
    options = ("--folds", "2", "--budget", "3m", "--set", "instance_target=boundary")
    comparison(sixty_images(work / "dsb60"), "comparison-nuclei", work, *options)


def sixty_images(folder: Path) -> Path:
    """Link every fifth image of the nuclei."""
    source = DATA / "dsb2018-fluo"
    for number, image in enumerate(sorted((source / "images").iterdir())):
        if number % 5:
            continue
        for part in ("images", "labels"):
            path = next((source / part).glob(f"{image.stem}.*"))
            (folder / part).mkdir(parents=True, exist_ok=True)
            link = folder / part / path.name
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    return folder


def supervision(work: Path) -> None:
    """The two networks with several heads, with the loss on the last head alone; beside comparison_em."""
    options = ["--architectures", "unet_plus_plus,unet3plus", "--folds", "2", "--budget", "4m"]
    for name in ("unet_plus_plus", "unet3plus"):
        options += ["--set", f"{name}:arguments.deep_supervision=false"]
    comparison(DATA / "isbi2012-em", "supervision", work, *options)


def pruning(work: Path) -> None:
    """The levels of the U-Net++ of comparison_em."""
    model = work / "comparison-em" / "runs" / "unet_plus_plus-0.overtile"
    table = RESULTS / "pruning.json"
    overtile("prune", model, DATA / "isbi2012-em", "-o", work / "pruned.overtile", "--json", table, "--overwrite")


def guidance(work: Path) -> None:
    """U-Net 3+ with and without its guidance, on parts of sections of which some hold no mitochondrion."""
    train, test, empty = mitochondria(work / "mitochondria")
    found = {}
    for name in ("none", "cgm"):
        model, scores = work / f"guidance-{name}.overtile", work / f"guidance-{name}.json"
        overtile(
            *("train", train, "-o", model, "--architecture", "unet3plus", "--set", f"arguments.guidance={name}"),
            *("--budget", "4m", "--overwrite"),
        )
        overtile("predict", "-m", model, "-i", test / "images", "-o", work / f"guidance-{name}", "--overwrite")
        overtile("evaluate", "-m", model, test, "--json", scores, "--overwrite")
        labels = {path.stem: read_labels(path) for path in (work / f"guidance-{name}").glob("*.tif")}
        found[name] = {
            "empty parts": len(empty),
            "left empty": sum(not labels[stem].any() for stem in empty),
            "false pixels in empty parts": float(np.mean([(labels[stem] > 0).mean() for stem in empty])),
            "other parts": len(labels) - len(empty),
            "left empty by mistake": sum(not ids.any() for stem, ids in labels.items() if stem not in empty),
            "dice": json.loads(scores.read_text())["total"]["dice"],
        }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "guidance.json").write_text(json.dumps(found, indent=1) + "\n")


def mitochondria(folder: Path) -> tuple[Path, Path, set[str]]:
    """Cut sections into parts of 256 px; the last ones are for testing. Names of the test parts without any object."""
    source, empty = DATA / "epfl-hippocampus-em", set()
    sections = sorted((source / "images").iterdir())
    for number, path in enumerate(sections):
        image = read_image(path).array
        labels = read_labels(next((source / "labels-mitochondria").glob(f"{path.stem}.*")))
        place = folder / ("test" if number >= 18 else "train")
        for y in range(0, labels.shape[0], 256):
            for x in range(0, labels.shape[1], 256):
                stem, part = f"{path.stem}_{y}_{x}", np.s_[y : y + 256, x : x + 256]
                write_image(place / "images" / f"{stem}.tif", Image(image[(slice(None), *part)]), overwrite=True)
                write_labels(place / "labels" / f"{stem}.tif", labels[part], overwrite=True)
                if number >= 18 and not labels[part].any():
                    empty.add(stem)
    return folder / "train", folder / "test", empty


RUNS = {
    "comparison-em": comparison_em,
    "comparison-nuclei": comparison_nuclei,
    "supervision": supervision,
    "pruning": pruning,
    "guidance": guidance,
}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=RUNS)
    parser.add_argument("--keep", type=Path, required=True, help="folder for models and pages")
    options = parser.parse_args()
    for name in options.names:
        RUNS[name](options.keep)


if __name__ == "__main__":
    main()
