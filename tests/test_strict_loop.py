"""The event loop of `make loops` closes, whatever tests left open."""

import asyncio
import socket

import pytest

from strict_loop import StrictLoop


def test_a_transport_that_was_left_open_is_reported_and_closed() -> None:
    ours, theirs = socket.socketpair()
    loop = StrictLoop()
    with theirs:
        theirs.setblocking(False)
        opened = loop.run_until_complete(loop.create_unix_connection(asyncio.Protocol, sock=ours))
        with pytest.RaisesGroup(pytest.RaisesExc(ResourceWarning, match="unclosed resource <UnixTransport")):
            loop.close()
        assert loop.is_closed()
        assert theirs.recv(1) == b""
    del opened


def test_a_loop_with_nothing_open_closes() -> None:
    loop = StrictLoop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert loop.is_closed()
