"""Answers that leave in one piece.

The server writes the head of an answer and its body separately, and each is sent at once: two calls of the system, two
packets, and a client that wakes up twice.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

END_OF_HEAD = b"\r\n\r\n"


class OnePiece:
    """A transport that keeps the head of an answer until its body comes, at most for this turn of the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._kept = b""
        # What is not about writing is the transport's business.
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, after what was kept; or keep it."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        elif data.endswith(END_OF_HEAD):
            self._kept = data
            self._loop.call_soon(self._send_kept)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what was kept, and close."""
        self._send_kept()
        self._transport.close()

    def _send_kept(self) -> None:
        kept, self._kept = self._kept, b""
        # The client may have gone meanwhile.
        if kept and not self._transport.is_closing():
            self._transport.write(kept)


class OnePieceProtocol(HttpToolsProtocol):
    """uvicorn's HTTP over such transports."""

    # As uvicorn narrows the type itself.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(cast("asyncio.Transport", OnePiece(transport)))
