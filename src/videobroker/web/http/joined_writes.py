"""Responses in one write.

uvicorn writes the head of a response and its body separately, and the loop sends each at once: two system calls, two
packets, and a client that wakes up twice.
"""

import asyncio
from typing import Any

_END_OF_HEAD = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 "


class JoinedWrites:
    """A transport that delays the head of a response until its body follows, at most for one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._head = b""
        self._is_detached = False
        self.has_written = False
        """Whether something was written since this was reset, except for `100 Continue`."""
        # Everything that does not write is the transport's own.
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the delayed head and these bytes, or delay them."""
        if self.is_closing():
            return
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(_END_OF_HEAD):
            self.has_written = self.has_written or not data.startswith(_CONTINUE)
            self._head = data
            self._loop.call_soon(self._send_head)
            return
        self.has_written = True
        self._transport.write(data)

    def close(self) -> None:
        """Send the delayed head, and close."""
        if not self._is_detached:
            self._send_head()
            self._transport.close()

    def detach(self) -> None:
        """Ignore everything that is written from now on."""
        self._head = b""
        self._is_detached = True
        self.is_closing = lambda: True

    def _send_head(self) -> None:
        head, self._head = self._head, b""
        # The client may have closed the connection meanwhile.
        if head and not self.is_closing():
            self._transport.write(head)
