"""Responses with server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from sse_starlette import EventSourceResponse
from starlette.types import Message, Receive, Scope, Send


class EventStreamResponse(EventSourceResponse):
    """Completes its response also when the service stops.

    sse-starlette cancels the stream then, and the server would take the incomplete response for a crash.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and its end if that is missing."""
        needs_end = False

        async def send_on(message: Message) -> None:
            nonlocal needs_end
            await send(message)
            needs_end = message["type"] == "http.response.start" or message.get("more_body", False)

        await super().__call__(scope, receive, send_on)
        if needs_end:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
