"""A service that stops answers every request that has been sent to it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from polling import eventually
from tenants import Tenant, free_port
from videobroker.web.http.http1_connection import Http1Connection
from videobroker.web.http.http1_server import Http1Server
from wire import Client, head, whole


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[Http1Server]:
    """The service on a socket. The test may stop it."""
    config = uvicorn.Config(
        app, port=free_port(), http=Http1Connection, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = Http1Server(config)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield server
    server.should_exit = True
    await task


@asynccontextmanager
async def connected(server: Http1Server) -> AsyncIterator[tuple[socket.socket, Client]]:
    """A connection, and its client. The socket sends without a turn of the event loop."""
    with socket.create_connection(("127.0.0.1", server.config.port)) as connection:
        client = Client(*await asyncio.open_connection(sock=connection.dup()))
        yield connection, client
        client.writer.close()


async def is_refused(server: Http1Server) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_connection_that_was_not_accepted_yet_gets_its_response(server: Http1Server, tutoring: Tenant) -> None:
    await tutoring.book()
    with socket.create_connection(("127.0.0.1", server.config.port)) as connection:
        connection.sendall(whole(tutoring))
        # There was no turn of the event loop, in which the server could accept it.
        stopping = asyncio.create_task(server.shutdown())
        client = Client(*await asyncio.open_connection(sock=connection.dup()))
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert await client.rest() == b""
        client.writer.close()
    await stopping
    assert await is_refused(server)


async def test_a_request_on_an_idle_connection_that_was_not_read_yet_gets_its_response(
    server: Http1Server, tutoring: Tenant
) -> None:
    await tutoring.book()
    async with connected(server) as (connection, client):
        connection.sendall(whole(tutoring))
        status, headers, _ = await client.answer()
        assert (status, headers.get("connection")) == (200, None)
        connection.sendall(whole(tutoring))
        stopping = asyncio.create_task(server.shutdown())
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert await client.rest() == b""
    await stopping


async def test_a_request_soon_after_the_stop_gets_its_response(
    server: Http1Server, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than the test takes.
    monkeypatch.setattr(Http1Connection, "drain_seconds", 60)
    await tutoring.book()
    async with connected(server) as (connection, client):
        connection.sendall(whole(tutoring))
        await client.answer()
        stopping = asyncio.create_task(server.shutdown())
        await eventually(lambda: is_refused(server))
        connection.sendall(whole(tutoring))
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert await client.rest() == b""
    await stopping


@pytest.mark.parametrize("beginning", [b"", b"GET /healthz HTTP/1.1\r\n"])
async def test_a_connection_without_a_request_is_closed(
    server: Http1Server, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(Http1Connection, "drain_seconds", 0.05)
    async with connected(server) as (connection, client):
        connection.sendall(beginning)
        await server.shutdown()
        assert await client.rest() == b""


async def test_a_stream_ends_and_closes_its_connection(
    server: Http1Server, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    monkeypatch.setattr(Http1Connection, "drain_seconds", 0.05)
    async with connected(server) as (connection, client):
        connection.sendall(head(tutoring, method="GET", path="/v1/events/stream"))
        assert (await client.answer(to_head=True))[0] == 200
        monkeypatch.setattr("sse_starlette.sse.AppStatus.should_exit", True)
        await server.shutdown()
        received = await client.rest()
        assert b": listening" in received
        assert received.endswith(b"0\r\n\r\n")
    assert "request.crashed" not in await asyncio.to_thread(log.read_text)
