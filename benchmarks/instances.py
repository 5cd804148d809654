"""Objects that touch: the default recipe against a plain two-class U-Net with connected components.

    python benchmarks/instances.py dsb2018-fluo u2os-nuclei t98g-phase --budget 10m --keep runs

Both are trained equally long on the same images with the commands that users type, and measured on the same others.
The plain network learns object or background, without weights at borders; its objects are the connected pieces of what
it calls object. Writes benchmarks/results/instances/NAME.json. The images are found through OVERTILE_DATA.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from skimage.measure import label

from overtile.data import read_labels, write_labels
from real_data import DATA, HERE, LAUNCH, split

METRICS = ("ap_50", "ap_75", "ap_mean", "f1_50", "pq_50", "seg", "det", "iou")


def overtile(*words: object) -> None:
    """Run a command as a user would."""
    subprocess.run([sys.executable, *LAUNCH, *map(str, words)], check=True)


def ours(train: Path, test: Path, work: Path, options: list[str]) -> Path:
    """The default recipe on object ids."""
    model, scores = work / "overtile.overtile", work / "overtile.json"
    overtile("train", train, "-o", model, "--overwrite", *options)
    overtile("predict", "-m", model, "-i", test / "images", "-o", work / "overtile", "--overwrite")
    overtile(
        "evaluate", "--predictions", work / "overtile", "--labels", test / "labels", "--json", scores, "--overwrite"
    )
    return scores


def plain(train: Path, test: Path, work: Path, options: list[str]) -> Path:
    """Two classes, uniform weights, connected components."""
    binary, model, scores = work / "binary", work / "plain.overtile", work / "plain.json"
    for path in sorted((train / "labels").iterdir()):
        write_labels(binary / "labels" / f"{path.stem}.tif", (read_labels(path) > 0).astype("uint8"), overwrite=True)
    if not (binary / "images").exists():
        (binary / "images").symlink_to((train / "images").resolve())
    overtile("train", binary, "-o", model, "--overwrite", "--set", "weight_map=uniform", *options)
    overtile("predict", "-m", model, "-i", test / "images", "-o", work / "classes", "--overwrite")
    for path in sorted((work / "classes").glob("*.tif")):
        write_labels(work / "plain" / path.name, label(read_labels(path) > 0, connectivity=1), overwrite=True)
    overtile("evaluate", "--predictions", work / "plain", "--labels", test / "labels", "--json", scores, "--overwrite")
    return scores


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="folders of OVERTILE_DATA whose labels are object ids")
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--keep", type=Path, required=True, help="folder for models and predictions")
    parser.add_argument("--only", choices=("overtile", "plain"), help="the other is taken from an earlier run")
    parser.add_argument("--cores", default="", help="what the trainings had, for the record")
    known, extra = parser.parse_known_args()
    for name in known.names:
        work = known.keep / name
        train, test = split(DATA / name, work)
        found = {}
        for way, run in {"overtile": ours, "plain": plain}.items():
            options = ["--budget", known.budget, *(extra if way == "overtile" else [])]
            scores = work / f"{way}.json"
            if known.only in (None, way):
                scores = run(train, test, work, options)
            if scores.exists():
                content = json.loads(scores.read_text())
                found[way] = {metric: content["total"][metric] for metric in METRICS}
                found[way]["images"] = {
                    stem: {m: s[m]["value"] for m in METRICS} for stem, s in content["images"].items()
                }
                print(name, way, {metric: round(found[way][metric]["value"], 3) for metric in METRICS}, flush=True)
        result = {"budget": known.budget, "cores": known.cores, "options": extra, **found}
        result["machine"] = content["provenance"].get("machine")
        out = HERE / "results" / "instances" / f"{name}.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
