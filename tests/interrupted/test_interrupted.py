"""An interrupted test run leaves no process: whether by Ctrl+C, SIGTERM, or SIGKILL."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.program import TIMEOUT_SECONDS
from polling import eventually_blocking

pytestmark = pytest.mark.long

ENDLESS = Path(__file__).with_name("endless.py")


@pytest.mark.parametrize(
    ("how", "workers"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, 1)],
    ids=["Ctrl+C", "SIGTERM", "SIGKILL of the controller"],
)
def test_an_interrupted_run_leaves_no_processes(how: signal.Signals, workers: int, tmp_path: Path) -> None:
    report, log = tmp_path / "started", tmp_path / "log"
    with log.open("wb") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "-p", "no:cacheprovider", str(ENDLESS)],
            # In the default root, pytest restricts permissions: PostgreSQL of other tests could not reach its data.
            env={**_without_xdist(), "STARTED_PROCESSES": str(report), "PYTEST_DEBUG_TEMPROOT": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    eventually_blocking(lambda: report.exists() or run.poll() is not None)
    assert run.poll() is None, log.read_text()
    started = [psutil.Process(pid) for pid in set(json.loads(report.read_text()))]
    # The test process, its guard, PostgreSQL with a supervisor, the sandbox, and the orphan process.
    assert len(started) >= 6
    run.send_signal(how)
    run.wait(TIMEOUT_SECONDS)
    eventually_blocking(lambda: not any(map(_is_running, started)))


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _without_xdist() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
