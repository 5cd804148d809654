"""Print the results of benchmarks/real_data.py as the table of docs/benchmarks.md.

python benchmarks/table.py
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results" / "real_data"
SHOWN = {
    "foreground Dice": lambda t: t["dice"]["per_class"].get("foreground"),
    "mean Dice": lambda t: t["dice"],
    "pixel error (1 - F1)": lambda t: t.get("pixel_error_f"),
    "Rand error": lambda t: t.get("rand_error"),
    "V-Rand": lambda t: t.get("v_rand"),
    "AP 0.5": lambda t: t.get("ap_50"),
    "SEG": lambda t: t.get("seg"),
}


def main() -> None:
    """Print one row per result."""
    print("| folder and recipe | task | measured on | steps | " + " | ".join(SHOWN) + " |")
    print("|---" * (4 + len(SHOWN)) + "|")
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        total = result["total"]
        task = "objects" if "ap_50" in total else f"{len(total['dice']['per_class'])} classes"
        cells = [path.stem, task, f"{len(result['images'])} images", str(result["training"]["steps"])]
        print("| " + " | ".join([*cells, *(entry(pick(total)) for pick in SHOWN.values())]) + " |")


def entry(one: dict[str, Any] | None) -> str:
    """A value with its interval."""
    if one is None or one["value"] is None:
        return ""
    low, high = one["low"], one["high"]
    return f"{one['value']:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
