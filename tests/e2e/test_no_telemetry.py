"""Nothing phones home: no command opens a connection or leaves a file in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from overtile.bundle import Manifest, save
from overtile.core import Normalization
from overtile.data import write_dataset
from overtile.models import build
from overtile.runners import PACKAGES, is_installed

WATCH = """
import atexit, os, socket

def refuse(*arguments, **options):
    os.write(2, f"CONNECTS {arguments[1:]}\\n".encode())
    raise OSError("no connections here")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = lambda *arguments, **options: refuse(None, *arguments)

def look():
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        link = f"/proc/self/fd/{name}"
        if os.path.islink(link) and os.readlink(link).startswith("socket:"):
            os.write(2, f"SOCKET OPEN {name}\\n".encode())

atexit.register(look)
"""
"""Run by every Python that finds it as sitecustomize.py: connections fail and are reported, as are sockets left open,
also those that a library opened without Python."""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("quiet")
    write_dataset(folder / "data", "membranes", 3, seed=1, size=64)
    manifest = Manifest(
        architecture="unet", arguments={"base_width": 4, "depth": 1, "padding": "same"}, in_channels=1, num_classes=2,
        normalization=Normalization((100.0,), (50.0,)), task="semantic", target="classes", class_values=(0, 255),
        class_names=("background", "membrane"),
    )  # fmt: skip
    save(folder / "m.overtile", manifest, build("unet", 1, 2, **manifest.arguments))
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    return folder


COMMANDS = {
    "torch": ["train data -o new.overtile --steps 1 --set patch_px=32 --set arguments.depth=1", "check data"],
    "openvino": ["predict -m m.overtile -i data/images -o openvino --runner openvino -v", "export m.overtile -o m.xml"],
    "onnx": ["predict -m m.overtile -i data/images -o onnx --runner onnx -v", "export m.overtile -o m.onnx"],
}

AS_TYPED = """
import sys
from overtile.cli.main import main

for line in sys.stdin:
    sys.argv = ["overtile", *line.split()]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
"""
"""Run each line of the input as a command, all in one process, which has to import PyTorch only once."""


def run(project: Path, home: Path, program: str, lines: list[str]) -> subprocess.CompletedProcess[str]:
    unset = ("XDG_", "ORT_", "CI")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    environment |= {"HOME": str(home), "PYTHONPATH": str(project / "watch")}
    return subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(lines), cwd=project, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_no_connection_and_no_file_in_the_home_folder(project, tmp_path):
    runners = [name for name in COMMANDS if is_installed(name)]
    done = run(project, tmp_path, AS_TYPED, [line for name in runners for line in COMMANDS[name]])
    assert done.returncode == 0, done.stderr
    assert "CONNECTS" not in done.stderr
    assert "SOCKET" not in done.stderr
    assert not list(tmp_path.rglob("*"))
    for name in runners[1:]:
        assert f"runner: {name}" in done.stderr
    if len(runners) < len(COMMANDS):
        pytest.skip(f"of {list(PACKAGES.values())} only those of {runners} are installed")


def test_the_watch_sees_what_it_should(project, tmp_path):
    """The same watch, on a program that phones home."""
    program = "import socket; s = socket.socket(); s.connect(('127.0.0.1', 9))"
    done = run(project, tmp_path, program, [])
    assert "CONNECTS (('127.0.0.1', 9),)" in done.stderr
    assert "SOCKET OPEN" in done.stderr
