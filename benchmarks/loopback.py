"""Debian's PgBouncer and nginx, with the files of `deploy/`, on this machine's loopback. The tests use it as well."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks.stage import ROOT, free_port

START_SECONDS = 20.0
HTTP, LOCATIONS = "videobroker-http.conf", "videobroker-locations.conf"
# What Debian's /etc/nginx/nginx.conf does, as an ordinary process of this user.
MAIN = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {http};
    {server}
}}
"""
PASSWORD = "invented-password-of-the-pooler"  # noqa: S105


def program(name: str) -> str | None:
    """The path of a program. Debian installs servers outside of the PATH of ordinary users."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True)
class Pooler:
    """PgBouncer in front of PostgreSQL."""

    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    def url(self, direct: str) -> str:
        """The database of this URL, through the pooler."""
        of = make_url(direct)
        through = of.set(host="127.0.0.1", port=self.port, password=PASSWORD, query={})
        return through.render_as_string(hide_password=False)


@contextmanager
def pgbouncer(postgres: str, folder: Path, *, connections: int) -> Iterator[Pooler]:
    """`pgbouncer.ini` of `deploy/kubernetes` as it is, but for its addresses and so few connections to the server."""
    server = make_url(postgres)
    place, port = str(server.query["host"]), free_port()
    users = folder / "userlist.txt"
    users.write_text(f'"{server.username}" "{PASSWORD}"\n')
    config = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    config.read(ROOT / "deploy" / "kubernetes" / "pgbouncer" / "pgbouncer.ini")
    config["databases"] = {"*": f"host={place} port={server.port or 5432}"}
    moved = {"listen_addr": "127.0.0.1", "listen_port": str(port), "auth_file": str(users), "unix_socket_dir": ""}
    # No connection is refused because this machine is busy.
    config["pgbouncer"].update({**moved, "default_pool_size": str(connections), "query_wait_timeout": "60"})
    with (folder / "pgbouncer.ini").open("w") as file:
        config.write(file)
    folder.chmod(0o755)
    # It refuses to be root, and PostgreSQL's socket is open to PostgreSQL's user only.
    owner = Path(place).stat()
    as_user = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    as_user = as_user if os.geteuid() == 0 else []
    command = [*as_user, str(program("pgbouncer")), str(folder / "pgbouncer.ini")]
    with _listening(command, port, folder / "pgbouncer.log") as process:
        yield Pooler(port, process)


@dataclass(frozen=True)
class Proxy:
    """nginx in front of some processes."""

    url: str
    access_log: Path
    error_log: Path
    process: subprocess.Popen[bytes] = field(repr=False)


def nginx_command(*words: str, folder: Path) -> list[str]:
    """nginx with its files in this folder."""
    return [str(program("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf"), *words]


def write_nginx(folder: Path, *, ports: Sequence[int], listen: int) -> None:
    """The files of `deploy/nginx` as they are, but for addresses and folders, in a plain server."""
    shipped = ROOT / "deploy" / "nginx"
    processes = "\n".join(f"    server 127.0.0.1:{port} max_fails=3 fail_timeout=5s;" for port in ports)
    http = re.sub(r"(    server 127\.0\.0\.1:\d+ [^\n]+\n)+", f"{processes}\n", (shipped / HTTP).read_text())
    (folder / HTTP).write_text(http)
    locations = (shipped / LOCATIONS).read_text().replace("/var/log/nginx/", f"{folder}/")
    (folder / LOCATIONS).write_text(locations)
    server = f"server {{ listen 127.0.0.1:{listen}; server_name _; include {folder / LOCATIONS}; }}"
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, http=folder / HTTP, server=server))


@contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[Proxy]:
    """nginx, in front of the processes that listen on these ports."""
    listen = free_port()
    write_nginx(folder, ports=ports, listen=listen)
    with _listening(nginx_command(folder=folder), listen, folder / "nginx.out") as process:
        yield Proxy(f"http://127.0.0.1:{listen}", folder / "videobroker.log", folder / "error.log", process)


@contextmanager
def _listening(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that accepts connections."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  our own commands
    try:
        _await_listening(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"no server listens on port {port}:\n{log.read_text()}")
