import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi

from overtile.core.errors import DataError, FormatError
from overtile.data import Reading, find_pairs, load

SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3], [1, 1]]
HOLE = [[2, 1], [3, 1], [3, 2], [2, 2], [2, 1]]
FAR = [[6, 5], [9, 5], [9, 8], [6, 8], [6, 5]]


def image(root: Path, name: str = "a.png") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.arange(80, dtype=np.uint8).reshape(8, 10)).save(root / name)
    return root


def feature(coordinates: Any, name: str | None = None, kind: str = "Polygon", **geometry: Any) -> dict[str, Any]:
    properties = {} if name is None else {"classification": {"name": name}}
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates, **geometry},
        "properties": {"objectType": "annotation", **properties},
    }


def geojson(path: Path, *features: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def rois(path: Path, *areas: ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, roi in enumerate(areas):
            archive.writestr(f"{number}.roi", roi.tobytes())
    return path


def roi(points: list[list[int]], **about: Any) -> ImagejRoi:
    made = ImagejRoi.frompoints(np.array(points[:-1]), name=about.pop("name", "0001-0002"))
    made.roitype = ROI_TYPE.POLYGON
    for key, value in about.items():
        setattr(made, key, value)
    return made


def test_unclassified_outlines_are_objects_with_holes(tmp_path: Path) -> None:
    geojson(image(tmp_path) / "a.geojson", feature([SQUARE, HOLE]), feature([[SQUARE], [FAR]], kind="MultiPolygon"))

    data = load(tmp_path)

    assert (data.layout, data.labelling.task, data.labelling.class_names) == (
        "geojson",
        "instances",
        ("background", "object"),
    )
    assert data.samples[0].labels[1].tolist() == [0, 2, 1, 2, 0, 0, 0, 0, 0, 0] or data.samples[0].labels[1, 2] == 1
    assert data.samples[0].labels.max() == 2


def test_classes_regions_and_ignored_parts_of_qupath(tmp_path: Path) -> None:
    box = [[0, 0], [10, 0], [10, 6], [0, 6], [0, 0]]
    geojson(
        image(tmp_path) / "a.geojson",
        feature([SQUARE], "Tumor"), feature([FAR], "Stroma"), feature([box], "Region*"), feature([HOLE], "Ignore*"),
        feature([3, 3], "Tumor", "Point"),
    )  # fmt: skip

    data = load(tmp_path)

    assert data.labelling.class_names == ("background", "Stroma", "Tumor")
    valid = data.samples[0].valid
    assert valid is not None
    assert valid[:6].sum() == 60 - 1
    assert not valid[6:].any()
    assert not valid[1, 2]
    assert "a.geojson: 1 shape(s) without area left out: Point" in data.notes


@pytest.mark.parametrize(
    ("picture", "outline"),
    [
        ("a.png", "a.geojson"), ("a.png", "a.png.geojson"), ("images/a.png", "annotations/a.geojson"),
        ("images/a.png", "images/a.geojson"), ("a_img.png", "a_labels.geojson"),
    ],
)  # fmt: skip
def test_outlines_are_found_beside_images(tmp_path: Path, picture: str, outline: str) -> None:
    image((tmp_path / picture).parent, Path(picture).name)
    geojson(tmp_path / outline, feature([SQUARE]))
    (pair,) = find_pairs(tmp_path).pairs
    assert (pair.image, pair.labels) == (tmp_path / picture, tmp_path / outline)


def test_planes_of_a_stack(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((6, 8, 10), np.uint8), photometric="minisblack")
    geojson(tmp_path / "s.geojson", feature([SQUARE], plane={"c": -1, "z": 2, "t": 0}))

    data = load(tmp_path)

    assert [s.name for s in data.samples] == ["s_z002"]
    assert "5 of 6 images or planes hold no annotation: left out" in data.notes


@pytest.mark.parametrize("text", ["{", "3", '{"features": [{"geometry": null}]}', '{"features": [{}]}'])
def test_damaged_geojson_is_named(tmp_path: Path, text: str) -> None:
    (image(tmp_path) / "a.geojson").write_text(text)
    with pytest.raises(FormatError, match=r"cannot read .*a\.geojson: .*Expected the GeoJSON that QuPath exports"):
        load(tmp_path)


def test_outlines_without_partner_are_named(tmp_path: Path) -> None:
    geojson(image(tmp_path) / "a.geojson", feature([SQUARE]))
    image(tmp_path, "b.png")
    with pytest.raises(DataError, match=r"1 image\(s\) without labels: b\.png.*--allow-unlabelled"):
        find_pairs(tmp_path)
    assert len(find_pairs(tmp_path, Reading(allow_unlabelled=True)).pairs) == 1
    geojson(tmp_path / "c.geojson", feature([SQUARE]))
    with pytest.raises(DataError, match=r"1 label file\(s\) without image: c\.geojson"):
        find_pairs(tmp_path, Reading(allow_unlabelled=True))


def test_nothing_drawn_is_named(tmp_path: Path) -> None:
    geojson(image(tmp_path) / "a.geojson")
    with pytest.raises(DataError, match=r"annotation of all 1 image\(s\) holds no object"):
        load(tmp_path)


def test_rois_of_imagej_are_objects(tmp_path: Path) -> None:
    oval = ImagejRoi(roitype=ROI_TYPE.OVAL, left=6, top=4, right=10, bottom=8, name="oval")
    rectangle = ImagejRoi(roitype=ROI_TYPE.RECT, left=0, top=6, right=2, bottom=8, name="box")
    rois(image(tmp_path) / "a.zip", roi(SQUARE), oval, rectangle)

    data = load(tmp_path)

    labels = data.samples[0].labels
    assert (data.layout, data.labelling.task, labels.max()) == ("imagej", "instances", 3)
    assert np.argwhere(labels == labels[1, 1]).tolist() == [[y, x] for y in (1, 2) for x in (1, 2, 3)]
    assert (labels[6:, :2] == labels[7, 0]).all()
    assert labels[4, 6] == 0  # the corner of the oval's box
    assert (labels[5:7, 7:9] > 0).all()


def test_roi_groups_are_classes_and_names_say_what_is_ignored(tmp_path: Path) -> None:
    line = ImagejRoi(roitype=ROI_TYPE.LINE, name="line")
    rois(
        image(tmp_path) / "RoiSet_a.zip",
        roi(SQUARE, group=1), roi(FAR, group=2), roi(HOLE, name="ignore-1"), line,
    )  # fmt: skip

    data = load(tmp_path)

    assert data.labelling.class_names == ("background", "group 1", "group 2")
    assert data.samples[0].valid is not None
    assert np.argwhere(~data.samples[0].valid).tolist() == [[1, 2]]
    assert "RoiSet_a.zip: 1 ROI(s) without area left out: line" in data.notes


def test_single_rois_and_positions_in_a_stack(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((6, 8, 10), np.uint8), photometric="minisblack")
    (tmp_path / "s.roi").write_bytes(roi(SQUARE, position=4).tobytes())
    assert [s.name for s in load(tmp_path).samples] == ["s_z003"]


def test_damaged_and_other_zips(tmp_path: Path) -> None:
    path = image(tmp_path) / "a.zip"
    path.write_bytes(b"PK no zip")
    with pytest.raises(FormatError, match=r"a\.zip is a damaged zip"):
        find_pairs(tmp_path)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.roi", b"Iout nonsense")
    path.write_bytes(content.getvalue())
    with pytest.raises(FormatError, match=r"cannot read .*a\.zip: .* save them again in the ROI Manager"):
        find_pairs(tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="holds no annotated images"):
        find_pairs(tmp_path)
