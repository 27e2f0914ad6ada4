"""Starts PgBouncer and nginx with the files of `deploy/`, on the loopback interface. The tests use it too."""

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

from benchmarks.environment import ROOT, free_port

START_TIMEOUT_SECONDS = 20.0
HTTP_CONF, LOCATIONS_CONF = "videobroker-http.conf", "videobroker-locations.conf"
# Replaces Debian's /etc/nginx/nginx.conf: a foreground process of this user.
MAIN_CONF = """
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
SERVICE_ROLE = "videobroker_service"
"""The role of the service in tests; benchmarks connect as the owner of the tables."""
POOLER_PASSWORD = "invented-password-of-the-pooler"  # noqa: S105


def find_program(name: str) -> str | None:
    """The path of an installed program. Debian installs servers in /usr/sbin, outside the PATH of ordinary users."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True)
class Pooler:
    """PgBouncer in front of PostgreSQL."""

    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    def url(self, direct: str) -> str:
        """The URL of the same database through PgBouncer."""
        pooled = make_url(direct).set(host="127.0.0.1", port=self.port, password=POOLER_PASSWORD, query={})
        return pooled.render_as_string(hide_password=False)


@contextmanager
def pgbouncer(postgres: str, folder: Path, *, connections: int) -> Iterator[Pooler]:
    """PgBouncer with `deploy/kubernetes/pgbouncer/pgbouncer.ini`, except for addresses and pool size."""
    server = make_url(postgres)
    socket_folder, port = str(server.query["host"]), free_port()
    users = folder / "userlist.txt"
    users.write_text("".join(f'"{user}" "{POOLER_PASSWORD}"\n' for user in (server.username, SERVICE_ROLE)))
    config = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    config.read(ROOT / "deploy" / "kubernetes" / "pgbouncer" / "pgbouncer.ini")
    config["databases"] = {"*": f"host={socket_folder} port={server.port or 5432}"}
    addresses = {"listen_addr": "127.0.0.1", "listen_port": str(port), "auth_file": str(users), "unix_socket_dir": ""}
    # A long wait timeout, because the machine may be busy.
    config["pgbouncer"].update({**addresses, "default_pool_size": str(connections), "query_wait_timeout": "60"})
    with (folder / "pgbouncer.ini").open("w") as file:
        config.write(file)
    folder.chmod(0o755)
    # PgBouncer refuses to run as root, and only PostgreSQL's user can use the socket.
    owner = Path(socket_folder).stat()
    run_as_owner = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    prefix = run_as_owner if os.geteuid() == 0 else []
    command = [*prefix, str(find_program("pgbouncer")), str(folder / "pgbouncer.ini")]
    with start_listener(command, port, folder / "pgbouncer.log") as process:
        yield Pooler(port, process)


@dataclass(frozen=True)
class Proxy:
    """A running nginx in front of service processes."""

    url: str
    access_log: Path
    error_log: Path
    process: subprocess.Popen[bytes] = field(repr=False)


def nginx_command(*arguments: str, folder: Path) -> list[str]:
    """The command line of nginx with its files in `folder`."""
    return [str(find_program("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf"), *arguments]


def write_nginx(folder: Path, *, ports: Sequence[int], listen: int) -> None:
    """Writes the files of `deploy/nginx` with local addresses and folders, and a server without TLS."""
    source = ROOT / "deploy" / "nginx"
    upstream_servers = "\n".join(f"    server 127.0.0.1:{port} max_fails=0;" for port in ports)
    http = re.sub(r"(    server 127\.0\.0\.1:\d+ [^\n]+\n)+", f"{upstream_servers}\n", (source / HTTP_CONF).read_text())
    (folder / HTTP_CONF).write_text(http)
    locations = (source / LOCATIONS_CONF).read_text().replace("/var/log/nginx/", f"{folder}/")
    (folder / LOCATIONS_CONF).write_text(locations)
    server = f"server {{ listen 127.0.0.1:{listen}; server_name _; include {folder / LOCATIONS_CONF}; }}"
    (folder / "nginx.conf").write_text(MAIN_CONF.format(folder=folder, http=folder / HTTP_CONF, server=server))


@contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[Proxy]:
    """nginx in front of the processes that listen on these ports."""
    listen = free_port()
    write_nginx(folder, ports=ports, listen=listen)
    with start_listener(nginx_command(folder=folder), listen, folder / "nginx.out") as process:
        yield Proxy(f"http://127.0.0.1:{listen}", folder / "videobroker.log", folder / "error.log", process)


@contextmanager
def start_listener(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a server, and waits until it accepts connections."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  our own commands
    try:
        _wait_until_listening(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"no server listens on port {port}:\n{log.read_text()}")
