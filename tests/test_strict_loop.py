"""The event loop of `make loops` closes, even with open transports."""

import asyncio
import socket

import pytest

from strict_loop import StrictLoop


def test_an_open_transport_is_reported_and_closed() -> None:
    local, remote = socket.socketpair()
    loop = StrictLoop()
    with remote:
        remote.setblocking(False)
        transport = loop.run_until_complete(loop.create_unix_connection(asyncio.Protocol, sock=local))
        with pytest.RaisesGroup(pytest.RaisesExc(ResourceWarning, match="unclosed resource <UnixTransport")):
            loop.close()
        assert loop.is_closed()
        assert remote.recv(1) == b""
    del transport


def test_a_loop_without_open_transports_closes() -> None:
    loop = StrictLoop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert loop.is_closed()
