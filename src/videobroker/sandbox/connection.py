"""Closes connections without a response, like a crashing server or a broken network."""

import asyncio

from starlette.types import Receive


async def close_connection(receive: Receive) -> None:
    """Close the connection behind `receive` after what was written to it, and wait until it is closed.

    If it returned earlier, the server would notice the missing response, and send its own. Without a real connection,
    as in a test that calls the application directly, it raises `ConnectionResetError`.
    """
    transport = _transport(receive)
    if transport is None:
        raise ConnectionResetError("The sandbox disconnected, as configured by its faults.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(receive: Receive) -> asyncio.Transport | None:
    # ASGI cannot close a connection. In both HTTP implementations of uvicorn, `receive` is a bound method of the object
    # that has the transport, and no middleware of the sandbox wraps it.
    transport: asyncio.Transport | None = getattr(getattr(receive, "__self__", None), "transport", None)
    return transport
