"""One training in two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from overtile.core import OptionError, TrainingError
from overtile.training.scale_out import is_main_process, processes, refuse_uneven

SCRIPT = Path(__file__).with_name("killed_process.py")


def start_two():
    """Start two processes as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    joined = {"TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    joined |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": 1}
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            env={**os.environ, **{k: str(v) for k, v in {**joined, "RANK": rank, "LOCAL_RANK": rank}.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


def test_a_killed_process_stops_the_other_with_a_message():
    main, other = start_two()
    try:
        _, err = main.communicate(timeout=200)
    finally:
        for process in (main, other):
            process.kill()
            process.communicate()
    assert main.returncode == 1
    assert "error: process 0 of 2 lost another process of this training" in err
    assert "--resume" in err


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert processes() == 1
    assert is_main_process()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(TrainingError, match=r"srun started 4 processes that would all train the same.*torchrun"):
        processes()


def test_a_batch_that_the_processes_cannot_share_is_refused():
    refuse_uneven(4, 1, 2)
    with pytest.raises(OptionError, match=r"a batch of 3 cannot be shared by 2 process\(es\).*--set batch=2"):
        refuse_uneven(3, 1, 2)
