"""nnU-Net: DATA/imagesTr/CASE_0000.tif, one file per channel, DATA/labelsTr/CASE.tif, DATA/dataset.json."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from overtile.core.errors import DataError, FormatError
from overtile.core.image import Image
from overtile.data.file_names import by_key, natural_order, stem_of
from overtile.data.layouts.folders import contents, readable
from overtile.data.layouts.layout import Annotation, Layout, Meaning, Pair
from overtile.data.layouts.masks import palette_meaning, read_masked, refuse_lonely
from overtile.data.reading import Reading

IGNORE = "ignore"
"""The label of this name marks pixels that are not annotated (nnU-Net v2)."""


@dataclass(frozen=True)
class DatasetJson:
    """What dataset.json says: names of the channels in their order, and of the label values."""

    channels: tuple[str, ...] = ()
    labels: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What the label values mean: classes in any case, with names where there are some."""
        ignored = next((value for value, name in self.labels.items() if name.lower() == IGNORE), None)
        return Meaning(objects=False, class_names=self.labels, ignore_label=ignored)


def find_nnunet(root: Path, reading: Reading) -> Layout | None:
    """Find imagesTr and labelsTr.

    Raises:
        DataError: a case has no labels or other channels than the first one, or dataset.json is damaged.
    """
    images, targets = root / "imagesTr", root / "labelsTr"
    if not images.is_dir() or not targets.is_dir():
        return None
    image_files, image_notes = readable(images)
    label_files, label_notes = readable(targets)
    for folder, files in ((images, image_files), (targets, label_files)):
        if not files:
            raise DataError(f"{folder} holds no image that can be read. Found {contents(folder)}.")
    said = read_dataset_json(root / "dataset.json")
    cases, labels = _cases(image_files), by_key(label_files, stem_of)
    common = sorted(cases.keys() & labels.keys(), key=lambda name: natural_order(Path(name)))
    notes = refuse_lonely(
        [files[0] for name, files in cases.items() if name not in labels],
        [file for name, file in labels.items() if name not in cases],
        allow_unlabelled=reading.allow_unlabelled and bool(common),
    )
    pairs = [
        Pair(name, cases[name][0], labels[name], partial(_read, cases[name], labels[name], reading, said.channels))
        for name in common
    ]
    meaning = palette_meaning(reading.palette) or said.meaning
    return Layout("nnunet", tuple(pairs), (*image_notes, *label_notes, *said.notes, *notes), meaning)


def _cases(files: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Case -> its files, one per channel in their order."""
    cases: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for path in files:
        match = re.fullmatch(r"(.+)_(\d{4})", stem_of(path))
        case, channel = (match[1], match[2]) if match else (stem_of(path), "0000")
        if channel in cases[case]:
            raise DataError(f"{cases[case][channel]} and {path} are the same channel of {case}. Move one elsewhere.")
        cases[case][channel] = path
    first = next(iter(cases))
    for case, channels in cases.items():
        if channels.keys() != cases[first].keys():
            raise DataError(
                f"{files[0].parent}: {case} has the channels {', '.join(sorted(channels))}, {first} has "
                f"{', '.join(sorted(cases[first]))}. Expected the same channels for all cases."
            )
    return {case: tuple(channels[key] for key in sorted(channels)) for case, channels in cases.items()}


def _read(files: Sequence[Path], labels: Path, reading: Reading, names: tuple[str, ...]) -> tuple[Image, Annotation]:
    image, annotation = read_masked(files, labels, reading.palette)
    if len(names) == image.channels:
        image = replace(image, channel_names=names)
    return image, annotation


def read_dataset_json(path: Path) -> DatasetJson:
    """Read the names of channels and labels, of version 1 or 2; nothing where there is no such file.

    Raises:
        FormatError: it is no such file.
    """
    if not path.is_file():
        return DatasetJson(notes=(f"there is no {path.name}: channels and classes have no names",))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        channels = content.get("channel_names", content.get("modality", {}))
        labels = content["labels"]
        if all(key.isdecimal() for key in labels):  # version 1 has value -> name
            labels = {name: int(value) for value, name in labels.items()}
        regions = [name for name, value in labels.items() if isinstance(value, list)]
        single = {name: value for name, value in labels.items() if name not in regions}
        return DatasetJson(
            tuple(str(channels[key]) for key in sorted(channels, key=int)),
            {} if regions else {int(value): str(name) for name, value in _by_value(single)},
            tuple(_regions(regions)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"cannot read {path}: {type(error).__name__}: {error}. Expected the dataset.json of nnU-Net with "
            '"channel_names" and "labels". Correct it or move it elsewhere.'
        ) from error


def _by_value(labels: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(labels.items(), key=lambda item: int(item[1]))


def _regions(names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        f"dataset.json joins label values to regions ({', '.join(names)}): each value is learned as a class instead"
    ]
