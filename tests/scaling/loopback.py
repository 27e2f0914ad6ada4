"""Debian's PgBouncer and nginx, with the files of `deploy/`, on this machine's loopback."""

import configparser
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from house import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0
PASSWORD = "invented-password-of-the-pooler"


def program(name: str) -> str | None:
    """Where a program is: Debian keeps servers where only root looks."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


needs_pgbouncer = pytest.mark.skipif(program("pgbouncer") is None, reason="pgbouncer is not installed")


@dataclass(frozen=True)
class Pooler:
    """PgBouncer in front of the tests' PostgreSQL."""

    port: int

    def url(self, direct: str) -> str:
        """The database of this URL, through the pooler."""
        of = make_url(direct)
        through = of.set(host="127.0.0.1", port=self.port, password=PASSWORD, query={})
        return through.render_as_string(hide_password=False)


@contextmanager
def pgbouncer(postgres: str, folder: Path, *, connections: int) -> Iterator[Pooler]:
    """`deploy/pgbouncer/pgbouncer.ini` as it is, but for its addresses and so few connections to the server."""
    server = make_url(postgres)
    place, port = str(server.query["host"]), free_port()
    users = folder / "userlist.txt"
    users.write_text(f'"{server.username}" "{PASSWORD}"\n')
    config = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    config.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini")
    config["databases"] = {"*": f"host={place} port={server.port or 5432}"}
    moved = {"listen_addr": "127.0.0.1", "listen_port": str(port), "auth_file": str(users), "unix_socket_dir": ""}
    config["pgbouncer"].update({**moved, "default_pool_size": str(connections)})
    with (folder / "pgbouncer.ini").open("w") as file:
        config.write(file)
    folder.chmod(0o755)
    # It refuses to be root, and PostgreSQL's socket is open to PostgreSQL's user only.
    as_user = ["setpriv", f"--reuid={Path(place).stat().st_uid}", "--clear-groups"] if os.geteuid() == 0 else []
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [*as_user, str(program("pgbouncer")), str(folder / "pgbouncer.ini")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        listening(process, port, folder / "pgbouncer.log")
        yield Pooler(port)
    finally:
        ended(process)


def listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody listens there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on port {port}:\n{log.read_text()}")


def ended(process: subprocess.Popen[bytes]) -> None:
    """Tell it to stop, and wait until it has."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
