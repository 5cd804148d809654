from pathlib import Path

import numpy as np
import pytest
import tifffile

from overtile.core.errors import DataError, FormatError, OptionError
from overtile.core.image import Image
from overtile.data import check, from_arrays, holdout, k_folds, load, write_image, write_labels

NAMES = ("p1_a", "p1_b", "p2_a", "p2_b", "p3_a", "p3_b")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Two images each of three patients."""
    for i, name in enumerate(NAMES):
        array = np.random.default_rng(i).integers(0, 200, (40, 40)).astype(np.uint8)
        write_image(tmp_path / "images" / f"{name}_img.tif", Image(array[np.newaxis]))
        write_labels(tmp_path / "labels" / f"{name}_mask.tif", (array > 100).astype(np.uint8))
    return tmp_path


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def groups(folder: Path, said: str | Path | None = None) -> list[str]:
    return [sample.group for sample in load(folder, groups=said).samples]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"p(\d)", ["1", "1", "2", "2", "3", "3"]),
        (r"^p\d", ["p1", "p1", "p2", "p2", "p3", "p3"]),
        (r"p(1|2)|(p3)", ["1", "1", "2", "2", "p3", "p3"]),
        (r"_(\w)_img\.tif$", ["a", "b", "a", "b", "a", "b"]),
    ],
)
def test_groups_by_a_pattern_in_names(patients: Path, pattern: str, found: list[str]) -> None:
    assert groups(patients, pattern) == found


def test_groups_are_noted(patients: Path) -> None:
    data = load(patients, groups=r"p(\d)")
    assert r"6 images in 3 groups by the pattern 'p(\d)': 1 (2), 2 (2), 3 (2)" in data.notes
    assert all(sample.grouped for sample in data.samples)
    assert not load(patients).samples[0].grouped


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (("image,group", *(f"{n},{n[:2]}" for n in NAMES)), "6 images in 3 groups by groups.csv: p1 (2), p2 (2), p3 (2)"),
        (("Group; Image ;age", *(f"{n[:2]};{n}_img.tif;7" for n in NAMES)), "6 images in 3 groups by groups.csv: p1 (2)"),
        (("image\tgroup", *(f"{n}_img\t x" for n in NAMES)), "6 images in 1 groups by groups.csv: x (6)"),
        (("image,group", "old,p9", *(f"{n},x" for n in NAMES)), "groups.csv names 1 image(s) that are not here, such as old"),
    ],
    ids=["names", "file names", "stems", "one too many"],
)  # fmt: skip
def test_a_table_in_the_folder_is_found(patients: Path, lines: tuple[str, ...], note: str) -> None:
    table(patients / "groups.csv", *lines)
    data = load(patients)
    assert any(one.startswith(note) for one in data.notes)
    assert not any("left out" in one for one in data.notes)


def test_what_is_said_prevails_over_the_table_in_the_folder(patients: Path) -> None:
    table(patients / "groups.csv", "no table of groups")
    assert "groups.csv is not used, as --groups says otherwise" in load(patients, groups=r"p(\d)").notes
    other = table(patients / "other.CSV", "image,group", *(f"{n},{n[-1]}" for n in NAMES))
    assert groups(patients, other) == ["a", "b"] * 3


def test_a_table_beside_images_is_no_image_left_out(tmp_path: Path) -> None:
    for i in range(2):
        array = np.random.default_rng(i).integers(0, 2, (1, 20, 20)).astype(np.uint8)
        write_image(tmp_path / f"{i}.tif", Image(array * 9))
        write_labels(tmp_path / f"{i}_mask.tif", array[0])
    table(tmp_path / "groups.csv", "image,group", "0,x", "1,y")
    data = load(tmp_path)
    assert data.layout == "cellpose"
    assert not any("left out" in note for note in data.notes)


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (r"p(\d)_a", DataError, r"finds no group in the names of 3 of 6 images, such as 'p1_b'\. Correct it"),
        (r"p(\d*?)_?", DataError, r"finds no group in the names of 6 of 6 images"),
        ("p(", OptionError, r"'p\(' is neither a file \.csv nor a regular expression: .* Expected one such as"),
        ("none.csv", FormatError, r"cannot read the groups none\.csv: .*Expected a header image,group"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(patients: Path, said: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load(patients, groups=said)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("name,patient", "a,1"), r"has no column image and no group: its first line is 'name,patient'"),
        (("image,patient", "a,1"), r"has no column group: its first line is 'image,patient'"),
        ((), r"has no column image and no group: its first line is ''"),
        (("image,group", "p1_a,1"), r"has no group for 5 of 6 images, such as 'p1_b_img\.tif'"),
        (("image,group", "p1_a,1", "p1_b,", "p2_a"), r"has no group for 5 of 6 images, such as 'p1_b_img\.tif'"),
        (("image,group", "p1_a,1", "p1_a,2"), r"into two groups: p1_a in '1', p1_a again in '2'"),
        (("image,group", *(f"{n},1" for n in NAMES), "p1_a_img.tif,2"), r"two groups: p1_a in '1', p1_a_img\.tif in '2'"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(patients: Path, lines: tuple[str, ...], message: str) -> None:
    table(patients / "groups.csv", *lines)
    with pytest.raises(DataError, match=message):
        load(patients)
    assert len(check(patients).errors) == 1


def test_a_table_that_is_no_text_is_refused(patients: Path) -> None:
    (patients / "groups.csv").write_bytes(b"\xff\xfe\xd8")
    with pytest.raises(FormatError, match=r"cannot read the groups .*groups\.csv: .*utf-8"):
        load(patients)


def test_planes_of_a_stack_get_the_group_of_their_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("p1_s1", "p1_s2", "p2_s1"):
        stack = rng.integers(0, 200, (2, 40, 40)).astype(np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", stack, photometric="minisblack", metadata=None)
        write_labels(tmp_path / "labels" / f"{name}.tif", (stack > 100).astype(np.uint8))
    data = load(tmp_path, groups=r"p(\d)")
    assert [(s.name, s.group) for s in data.samples] == [
        ("p1_s1_z000", "1"), ("p1_s1_z001", "1"), ("p1_s2_z000", "1"), ("p1_s2_z001", "1"),
        ("p2_s1_z000", "2"), ("p2_s1_z001", "2"),
    ]  # fmt: skip
    assert "3 images in 2 groups" in " ".join(data.notes)
    assert [len(fold.validation) for fold in k_folds(data.samples, 5, 0)] == [4, 2]


def test_the_held_out_images_are_whole_groups(patients: Path) -> None:
    samples = load(patients, groups=r"p(\d)").samples
    for split in (*k_folds(samples, 5, 0), *(holdout(samples, 0.12, seed) for seed in range(3))):
        assert len(split.validation) == 2
        assert len({sample.group for sample in split.validation}) == 1


def test_copies_in_two_groups_join_these(patients: Path) -> None:
    copy = (patients / "images" / "p1_a_img.tif").read_bytes()
    (patients / "images" / "p2_b_img.tif").write_bytes(copy)
    samples = load(patients, groups=r"p(\d)").samples
    held_out = {frozenset(s.name[:2] for s in fold.validation) for fold in k_folds(samples, 5, 0)}
    assert held_out == {frozenset({"p1", "p2"}), frozenset({"p3"})}
    alike = [one for one in check(patients, groups=r"p(\d)").findings if one.kind == "near-duplicates"]
    assert [one.file for one in alike] == ["p1_a, p2_b"]
    assert "2 images of different groups are nearly alike" in alike[0].message


def test_a_single_group_is_not_split(patients: Path) -> None:
    for split in (lambda s: k_folds(s, 2, 0), lambda s: holdout(s, 0.5, 0), lambda s: holdout(s[:1], 0.5, 0)):
        with pytest.raises(
            DataError, match=r"all images are of one group, 'p': it cannot be split.*Annotate an image of"
        ):
            split(load(patients, groups="p").samples)
    (error,) = check(patients, groups="p").errors
    assert error.message == "all images are of one group, 'p': it cannot be split into training and validation."


def test_groups_that_copies_join_are_not_split(patients: Path) -> None:
    copy = (patients / "images" / "p1_a_img.tif").read_bytes()
    for name in ("p2_a", "p3_b"):
        (patients / "images" / f"{name}_img.tif").write_bytes(copy)
    with pytest.raises(DataError, match=r"near-duplicates join all 3 groups to one: .*`overtile check` names"):
        k_folds(load(patients, groups=r"p(\d)").samples, 3, 0)


def test_check_says_how_to_train_with_the_groups(patients: Path) -> None:
    found = check(patients, groups=r"p(\d)")
    assert found.train.endswith(r" --groups 'p(\d)'")
    assert not found.errors


def test_arrays_have_groups() -> None:
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 200, (4, 40, 40)).astype(np.uint8))
    labels = [(image > 100).astype(np.uint8) for image in images]
    samples = from_arrays(images, labels, groups=["x", "y", "x", "y"]).samples
    assert [[s.group for s in fold.validation] for fold in k_folds(samples, 5, 0)] in (
        [["x"] * 2, ["y"] * 2],
        [["y"] * 2, ["x"] * 2],
    )
    for wrong in (["x"], ["x", "y", "", "y"]):
        with pytest.raises(DataError, match="expected the name of a group for each of 4 images, got"):
            from_arrays(images, labels, groups=wrong)
