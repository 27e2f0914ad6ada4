"""Hanging up: ending a connection as a crashing server or a broken line would."""

import asyncio

from starlette.types import Receive


async def hang_up(receive: Receive) -> None:
    """Close the connection behind `receive` after what was written to it, and wait until it is closed.

    Returning earlier would let the server notice a missing answer and write one of its own. Without a real
    connection, as in a test which calls the application directly, the caller gets a `ConnectionResetError`.
    """
    transport = _transport(receive)
    if transport is None:
        raise ConnectionResetError("The sandbox disconnected, as configured by its faults.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(receive: Receive) -> asyncio.Transport | None:
    # ASGI has no word for hanging up. Both HTTP implementations of uvicorn hand out a bound method of the
    # object which owns the transport, and no middleware of the sandbox wraps `receive`.
    transport: asyncio.Transport | None = getattr(getattr(receive, "__self__", None), "transport", None)
    return transport
