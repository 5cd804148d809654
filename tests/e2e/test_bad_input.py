"""Bad input gets a clear error before any time is lost, and loses nothing."""

import imageio.v3 as imageio
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import overtile as api
from overtile.core import Image
from overtile.data import write_dataset, write_image, write_labels

QUICK = ["--steps", "2", "--set", "patch_px=32", "--set", "arguments.base_width=4", "--set", "arguments.depth=2"]


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path / "data", "membranes", 3, size=64)
    return tmp_path / "data"


def put(folder, name, image, labels):
    write_image(folder / "images" / f"{name}.png", Image(image[None] if image.ndim == 2 else image), overwrite=True)
    write_labels(folder / "labels" / f"{name}.png", labels, overwrite=True)


IMAGE = np.zeros((64, 64), np.uint8)
LABELS = np.pad(np.full((20, 20), 255, np.uint8), ((10, 34), (10, 34)))
COLOURS = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)


def background_only(data):
    for path in (data / "labels").iterdir():
        write_labels(path, IMAGE, overwrite=True)


def smoothed(data):
    for path in (data / "labels").iterdir():
        write_labels(path, gaussian_filter(np.float32(LABELS), 1.5).astype(np.uint8), overwrite=True)


def truncated(data):
    path = data / "images" / "membranes_01.png"
    path.write_bytes(path.read_bytes()[:200])


def not_a_number(data):
    (data / "images" / "membranes_01.png").unlink()
    pixels = np.zeros((1, 64, 64), np.float32)
    pixels[0, 3, 4] = np.nan
    write_image(data / "images" / "membranes_01.tif", Image(pixels))


SPOIL = {
    "no label": lambda data: (data / "labels" / "membranes_01.png").unlink(),
    "no image": lambda data: (data / "images" / "membranes_01.png").unlink(),
    "other size": lambda data: put(data, "membranes_01", IMAGE, LABELS[:50]),
    "transposed": lambda data: put(data, "membranes_01", IMAGE[:40], LABELS[:40].T),
    "colours": lambda data: imageio.imwrite(data / "labels" / "membranes_01.png", COLOURS),
    "channels": lambda data: imageio.imwrite(data / "images" / "membranes_01.png", COLOURS),
    "truncated": truncated,
    "background only": background_only,
    "nan": not_a_number,
    "smoothed": smoothed,
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no label", ["membranes_01", "label"]),
        ("no image", ["membranes_01", "image"]),
        ("other size", ["(64, 64)", "(50, 64)"]),
        ("transposed", ["transposed"]),
        ("colours", ["membranes_01", "colours"]),
        ("truncated", ["membranes_01.png", "cannot read"]),
        ("background only", ["single value (0)"]),
        ("nan", ["NaN", "(3, 4)"]),
        ("channels", ["3 channel", "1 channel"]),
        ("smoothed", ["smoothed", "mask > 127"]),
    ],
)
def test_what_cannot_be_trained_on_is_named_at_once(overtile, data, tmp_path, kind, words):
    SPOIL[kind](data)
    run = overtile("train", data, "-o", "m.overtile", *QUICK)
    assert run.code == 2
    assert run.text.startswith("error: ")
    assert [word for word in words if word not in run.text] == []
    assert not (tmp_path / "m.overtile").exists()
    checked = overtile("check", data)
    assert checked.code == 1
    assert [word for word in words if word not in checked.text] == []


def test_an_empty_folder_says_what_was_expected(overtile, tmp_path):
    (tmp_path / "empty").mkdir()
    run = overtile("train", "empty", "-o", "m.overtile")
    assert run.code == 2
    assert "images/" in run.text


def test_an_existing_model_is_not_overwritten(overtile, data, tmp_path):
    (tmp_path / "m.overtile").write_bytes(b"precious")
    run = overtile("train", data, "-o", "m.overtile", *QUICK)
    assert run.code == 2
    assert "m.overtile exists" in run.text
    assert (tmp_path / "m.overtile").read_bytes() == b"precious"


def test_existing_results_are_not_overwritten(overtile, data, tmp_path):
    assert overtile("train", data, "-o", "m.overtile", *QUICK).code == 0
    assert overtile("predict", "-m", "m.overtile", "-i", data / "images", "-o", "out").code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    run = overtile("predict", "-m", "m.overtile", "-i", data / "images", "-o", "out")
    assert run.code == 2
    assert "exists" in run.text
    assert {p: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert overtile("predict", "-m", "m.overtile", "-i", data / "images", "-o", "out", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "soon"], "'soon' is no time budget"),
        (["--steps", "0"], "at least 1 step"),
        (["--steps", "2", "--budget", "1m"], "not both"),
        (["--recipe", "papre"], "did you mean 'paper'"),
        (["--architecture", "unett"], "did you mean 'unet'"),
        (["--set", "bach=2"], "did you mean 'batch'"),
        (["--set", "batch"], "NAME=VALUE"),
        (["--set", "loss.dicee=1"], "unknown loss"),
        (["--set", "arguments.dept=3"], "did you mean 'depth'"),
        (["--set", "augmentation=more"], "unknown augmentation"),
        (["--fold", "5/3", "--steps", "2"], "fold 5 does not exist"),
        (["--fold", "three"], "K/N"),
        (["--resume", "--steps", "2"], "nothing to resume"),
    ],
)
def test_options_that_make_no_sense_are_explained(overtile, data, arguments, words):
    run = overtile("train", data, "-o", "m.overtile", *arguments)
    assert run.code == 2
    assert words in run.text


def test_evaluate_asks_for_one_of_its_two_forms(overtile, data):
    run = overtile("evaluate", data)
    assert run.code == 2
    assert "--predictions DIR --labels DIR" in run.text


def test_calls_that_cannot_work_are_refused_before_any_image_is_read(overtile, data):
    assert overtile("train", data, "-o", "m.overtile", *QUICK).code == 0
    for arguments, words in (
        (["predict", "-m", "m.overtile", "-i", data / "images", "-o", "out", "--tta", "flip"], "did you mean 'flips'"),
        (["predict", "-m", "m.overtile", "-i", data / "images", "-o", "out", "--tile", "0"], "at least 1 pixel"),
        (["predict", "-m", "m.overtile", "-i", data / "images", "-o", "out", "-d", "gpu"], "'gpu' cannot be used"),
        (["evaluate", "-m", "m.overtile", data, "--fold", "7/3"], "fold 7 does not exist"),
        (["evaluate", "-m", "m.overtile", data, "--task", "semantic"], "the model knows what its labels mean"),
        (["synthesize", "none", "--count", "0"], "at least 1 image"),
    ):
        run = overtile(*arguments)
        assert run.code == 2
        assert words in run.text


def test_a_missing_prediction_is_named(overtile, data, tmp_path):
    (tmp_path / "out").mkdir()
    write_labels(tmp_path / "out" / "membranes_00.tif", np.zeros((64, 64), np.uint8))
    run = overtile("evaluate", "--predictions", "out", "--labels", data / "labels")
    assert run.code == 2
    assert "2 of 3 label images have no prediction, such as 'membranes_01'" in run.text


def test_a_file_that_is_no_model_is_named(overtile, data, tmp_path):
    (tmp_path / "m.overtile").write_bytes(b"not a model")
    run = overtile("predict", "-m", "m.overtile", "-i", data / "images", "-o", "out")
    assert run.code == 2
    assert "no overtile model" in run.text


def test_two_images_of_one_name_are_not_written_over_one_another(overtile, data, tmp_path):
    assert overtile("train", data, "-o", "m.overtile", *QUICK).code == 0
    for suffix in ("png", "tif"):
        write_image(tmp_path / "new" / f"a.{suffix}", Image(np.zeros((1, 32, 32), np.uint8)))
    run = overtile("predict", "-m", "m.overtile", "-i", "new", "-o", "out")
    assert run.code == 2
    assert "several images are named 'a'" in run.text


def test_a_full_disk_leaves_no_half_written_model(data, tmp_path, monkeypatch):
    import errno
    import zipfile

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    recipe = api.recipe("default", patch_px=32, arguments={"base_width": 4, "depth": 2})
    with pytest.raises(api.OvertileError, match="no space left to write"):
        api.train(data, tmp_path / "m.overtile", steps=2, recipe=recipe)
    assert not list(tmp_path.glob("*.overtile")) + list(tmp_path.glob(".*partial"))
    assert (tmp_path / "m.overtile.checkpoint").exists()
