"""`videobroker serve --server`: the program starts, serves, and stops alike under every server."""

import json
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cli.program import TIMEOUT_SECONDS, CommandRunner, await_ready, run, running_program, stop
from tenants import free_port
from videobroker.cli import serve

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@contextmanager
def serving(
    folder: Path, log: Path, variables: Mapping[str, str], *arguments: str
) -> Iterator[tuple[Any, httpx.Client]]:
    """The program, when it is ready, and a client of it."""
    port = free_port()
    with (
        running_program(
            "serve", *arguments, cwd=folder, log=log, variables={**variables, "PORT": str(port)}
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):
        await_ready(process, f"{client.base_url}/readyz", log)
        yield process, client


@pytest.mark.parametrize("how", SIGNALS, ids=lambda each: each.name)
def test_granian_serves_in_one_process_until_a_signal(
    variables: dict[str, str], tmp_path: Path, log_folder: Path, how: signal.Signals
) -> None:
    log = log_folder / f"granian-{how.name}.log"
    with serving(tmp_path, log, variables, "--server", "granian") as (process, client):
        assert client.get("/healthz").headers["server"] == "granian"
        assert psutil.Process(process.pid).children(recursive=True) == []
        assert stop(process, how) == 0, log.read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"server.started"} <= {line["event"] for line in lines}
    assert not [line for line in lines if line["level"] in {"warning", "error"}]
    # The server has no access log of its own.
    assert not [line for line in lines if "GET /" in line["event"]]


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_a_stream_ends_when_the_service_stops(
    videobroker: CommandRunner, variables: dict[str, str], tmp_path: Path, log_folder: Path, server: str
) -> None:
    log = log_folder / f"{server}-stream.log"
    videobroker.succeed("apps", "create", "acme")
    key = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)["api_key"]
    with serving(tmp_path, log, {**variables, "VIDEOBROKER_SERVER": server}) as (process, client):
        headers = {"Authorization": f"Bearer {key}"}
        with client.stream("GET", "/v1/events/stream", headers=headers) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            process.send_signal(signal.SIGTERM)
            # The response is complete: a client, or a proxy, need not take it for an error.
            list(lines)
        assert process.wait(TIMEOUT_SECONDS) == 0, log.read_text()
    # It ended by itself: neither server had to cancel it after `GRACE_SECONDS`.
    assert "cancel" not in log.read_text().lower()
    assert "Traceback" not in log.read_text()


def test_a_request_that_runs_is_finished(
    videobroker: CommandRunner, variables: dict[str, str], tmp_path: Path, log_folder: Path
) -> None:
    log = log_folder / "granian-running.log"
    videobroker.succeed("apps", "create", "acme")
    key = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)["api_key"]
    body = b'{"participants": [{"user_id": "tutor-1", "role": "tutor"}]}'
    head = (
        f"PUT /v1/groups/circle HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with (
        serving(tmp_path, log, variables, "--server", "granian") as (process, client),
        socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30) as connection,
    ):
        connection.sendall(head.encode())
        # The application reads the body.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        process.send_signal(signal.SIGTERM)
        connection.sendall(body)
        assert connection.recv(1000).split()[1] in {b"200", b"201"}
        assert process.wait(TIMEOUT_SECONDS) == 0, log.read_text()


def test_a_second_signal_does_not_wait(variables: dict[str, str], tmp_path: Path, log_folder: Path) -> None:
    log = log_folder / "granian-twice.log"
    with (
        serving(tmp_path, log, variables, "--server", "granian") as (process, client),
        socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30) as connection,
    ):
        connection.sendall(
            b"PUT /v1/groups/circle HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(serve.GRACE_SECONDS - 5) == 0, log.read_text()
        assert b"HTTP/1.1 2" not in connection.recv(1000)


def test_a_server_that_is_not_installed_is_named(
    videobroker: CommandRunner, monkeypatch: pytest.MonkeyPatch, own_database: str
) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    monkeypatch.setattr(serve, "find_spec", lambda _: None)
    outcome = videobroker("serve", "--server", "granian")
    assert (outcome.code, outcome.out) == (1, "")
    assert "pip install 'videobroker[granian]'" in outcome.err


def test_a_server_that_does_not_exist_is_refused(videobroker: CommandRunner) -> None:
    assert videobroker("serve", "--server", "gunicorn").code == 2
    outcome = videobroker("serve", VIDEOBROKER_SERVER="gunicorn")
    assert outcome.code == 2
    assert "VIDEOBROKER_SERVER" in outcome.err


@pytest.mark.parametrize("reuses_port", [False, True])
def test_granian_shares_its_port_with_nothing(variables: dict[str, str], tmp_path: Path, reuses_port: bool) -> None:
    with socket.socket() as taken:
        if reuses_port:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        outcome = run("serve", "--server", "granian", cwd=tmp_path, **{**variables, "PORT": port})
    assert outcome.code == 1
    assert port in outcome.err
    assert "Traceback" not in outcome.output
