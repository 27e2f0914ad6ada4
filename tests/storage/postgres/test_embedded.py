"""The embedded PostgreSQL starts in any directory, is shared, and stops with its last user, even with a killed one."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.program import TIMEOUT_SECONDS, fetch_rows
from polling import eventually_blocking
from videobroker.errors import StorageUnavailable
from videobroker.storage.postgres.embedded import ServerFiles, embedded_postgres

USE = """
import sys
from pathlib import Path
from videobroker.storage.postgres.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty directory. Not in pytest's, which other test runs make inaccessible to PostgreSQL when they start."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as name:
        yield Path(name)


def processes(data: Path) -> list[psutil.Process]:
    """The supervisor and the servers of this directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def await_none(data: Path) -> None:
    eventually_blocking(lambda: not processes(data), context=lambda: processes(data))


def user_of(data: Path) -> "subprocess.Popen[str]":
    """A process that uses the server until its stdin closes."""
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    "name", ["pg", "a, b+c%20 é ' \" $x", "long" * 30], ids=["plain", "special characters", "longer than a socket path"]
)
def test_any_directory_works_and_the_environment_of_postgresql_has_no_effect(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("LC_ALL", "xx_XX.unknown")
    data = folder / name / "pg"
    with embedded_postgres(data) as url:
        assert fetch_rows(url, "select current_setting('data_directory')") == [(str(data),)]
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        # A second user shares the server, and leaves it running.
        with embedded_postgres(data) as second:
            assert second == url
        assert fetch_rows(url, "select 1") == [(1,)]
    assert processes(data) == []


def test_it_stops_when_its_only_user_is_killed(folder: Path) -> None:
    data = folder / "pg"
    with user_of(data) as user:
        assert user.stdout is not None
        assert user.stdout.readline().startswith("postgresql://")
        user.kill()
    await_none(data)
    assert not (data / "postmaster.pid").exists()


def test_after_its_supervisor_was_killed_the_next_start_works(folder: Path) -> None:
    data = folder / "pg"
    with embedded_postgres(data):
        (supervisor,) = [
            each for each in processes(data) if "videobroker.storage.postgres.embedded_server" in each.cmdline()
        ]
        supervisor.kill()
    with embedded_postgres(data) as url:
        assert fetch_rows(url, "select 1") == [(1,)]
    assert processes(data) == []


def test_a_start_whose_first_user_is_killed_is_finished_for_the_next_one(folder: Path) -> None:
    data = folder / "pg"
    with user_of(data) as user:
        eventually_blocking(ServerFiles(data).incomplete.exists)
        user.kill()
    with embedded_postgres(data) as url:
        assert fetch_rows(url, "select 1") == [(1,)]
    assert processes(data) == []


def test_processes_that_start_and_leave_at_the_same_time_all_reach_the_server(folder: Path) -> None:
    data = folder / "pg"
    users = [user_of(data) for _ in range(4)]
    for user in users:
        out, _ = user.communicate(timeout=TIMEOUT_SECONDS)
        assert out.startswith("postgresql://")
    assert [user.returncode for user in users] == [0, 0, 0, 0]
    assert processes(data) == []


def test_a_stale_process_id_that_another_program_has_does_not_prevent_the_start(folder: Path) -> None:
    data = folder / "pg"
    with embedded_postgres(data):
        running = (data / "postmaster.pid").read_text().splitlines()
    stale = data / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *running[1:]]) + "\n")
    with embedded_postgres(data) as url:
        assert fetch_rows(url, "select 1") == [(1,)]


def test_a_directory_with_other_files_is_refused_and_unchanged(folder: Path) -> None:
    data = folder / "pg"
    data.mkdir()
    (data / "letter").write_text("mine")
    with pytest.raises(StorageUnavailable, match="has files but no database"), embedded_postgres(data):
        pass
    assert [path.name for path in data.iterdir()] == ["letter"]
