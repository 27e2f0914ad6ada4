"""A process that outlives a test process and ends what that has started: also when it is killed.

Programs inherit the mark of their test process in their environment. Those that replace their environment, such as
nginx, are recognized by the temporary directory of the tests on their command line.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil

MARKS = "VIDEOBROKER_TEST_RUNS"
"""Environment variable: the marks of all test processes above this one. A test may run other tests."""
STOP_SECONDS = 30.0
"""For PostgreSQL, which shuts down when the processes that use it have ended."""
POLL_SECONDS = 0.1


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """End what this process starts, and what names `folder`: at the end of the context, or when this process dies.

    Either closes the pipe to the guard.
    """
    mark = uuid4().hex
    # Closes the pipe, and waits for the guard.
    with subprocess.Popen(
        [sys.executable, "-P", __file__, mark, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    ):
        others = os.environ.get(MARKS, "")
        os.environ[MARKS] = f"{others} {mark}".strip()
        try:
            yield
        finally:
            os.environ[MARKS] = others


def marks() -> dict[str, str]:
    """For programs that do not inherit the environment. `make coverage` measures them as well."""
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {MARKS: os.environ.get(MARKS, ""), **coverage}


def _started_by(mark: str, folder: str) -> list[psutil.Process]:
    return [each for each in psutil.process_iter() if each.pid != os.getpid() and _belongs(each, mark, folder)]


def _belongs(process: psutil.Process, mark: str, folder: str) -> bool:
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if any(f"{folder}/" in argument for argument in process.cmdline()):
            return True
        return mark in process.environ().get(MARKS, "").split()
    return False


def _ends_by_itself(process: psutil.Process) -> bool:
    """Whether the process ends without a signal: PostgreSQL and its supervisor do without clients, the guard of
    another test process when that ends."""
    with contextlib.suppress(psutil.Error):
        return process.name() == "postgres" or not {
            "videobroker.storage.postgres.embedded_server",
            __file__,
        }.isdisjoint(process.cmdline())
    return False


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _end(mark: str, folder: str) -> None:
    """Send SIGKILL, first to processes that do not end by themselves, and after a while to all others."""
    deadline = time.monotonic() + STOP_SECONDS
    while (found := _started_by(mark, folder)) and time.monotonic() < deadline:
        _kill([each for each in found if not _ends_by_itself(each)])
        time.sleep(POLL_SECONDS)
    _kill(_started_by(mark, folder))


def main() -> None:
    """Wait until the test process has ended, then end the processes that it started."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    mark, folder = sys.argv[1:]
    sys.stdin.read()
    _end(mark, folder)


if __name__ == "__main__":
    main()
