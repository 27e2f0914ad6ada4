"""A test that starts programs and never ends. `test_interrupted.py` runs and interrupts it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from cli.program import COMMAND, environment
from tenants import free_port


def test_that_never_ends(postgres: str, tmp_path: Path) -> None:
    """Starts PostgreSQL, a program in a new session, and an orphan process with an empty environment."""
    subprocess.Popen(
        [*COMMAND, "sandbox", "--port", str(free_port())], cwd=tmp_path, env=environment(), start_new_session=True
    )
    orphan = f"import os, signal; os.fork() and os._exit(0); os.chdir({str(tmp_path)!r}); signal.pause()"
    subprocess.run([sys.executable, "-c", orphan], env={}, start_new_session=True, check=True)
    report = Path(os.environ["STARTED_PROCESSES"])
    report.with_suffix(".new").write_text(json.dumps(_started(str(tmp_path), str(make_url(postgres).query["host"]))))
    report.with_suffix(".new").rename(report)
    signal.pause()


def _started(*folders: str) -> list[int]:
    """This process, its children, and processes with one of these folders in their arguments."""
    current = psutil.Process()
    others = [each for each in psutil.process_iter() if any(folder in _command_line(each) for folder in folders)]
    return [each.pid for each in (current, *current.children(recursive=True), *others)]


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
