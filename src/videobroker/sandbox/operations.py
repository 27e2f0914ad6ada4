"""Operations of the vendors: routes with request counts and injected faults."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from videobroker.sandbox.connection import close_connection
from videobroker.sandbox.faults import Fault, FaultKind, FaultPlan
from videobroker.sandbox.traffic import OPERATION, RequestCounters

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """The shared objects of all operations of one sandbox."""

    counters: RequestCounters = field(default_factory=RequestCounters)
    faults: FaultPlan = field(default_factory=FaultPlan)


@dataclass(slots=True)
class _BufferedResponse:
    """A response that is delayed until the caller is authorized."""

    messages: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    async def forward(self, send: Send) -> None:
        for message in self.messages:
            await send(message)

    async def forward_half(self, send: Send) -> None:
        start, *rest = self.messages
        body = b"".join(message.get("body", b"") for message in rest)
        await send(start)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


class Operation(Route):
    """One method on one path of the vendor."""

    def __init__(self, name: str, method: str, path: str, endpoint: Endpoint, instrumentation: Instrumentation) -> None:
        super().__init__(path, endpoint, methods=[method], name=name)
        self._vendor = instrumentation

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, and respond like the vendor, or with injected faults."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        scope[OPERATION] = self.name
        self._vendor.counters.count_request(self.name)
        faults = self._vendor.faults.take(self.name)
        if any(fault.replaces_response for fault in faults):
            self._vendor.counters.count_fault(self.name)
        await self._answer(faults, scope, receive, send)

    async def _answer(self, faults: tuple[Fault, ...], scope: Scope, receive: Receive, send: Send) -> None:
        answer = _BufferedResponse()
        for fault in (fault for fault in faults if not fault.follows_operation):
            if await _apply_fault(fault, answer, scope, receive, send):
                return
        await super().handle(scope, receive, answer.send)
        for fault in (fault for fault in faults if fault.follows_operation):
            if await _apply_fault(fault, answer, scope, receive, send):
                return
        await answer.forward(send)


class CrossOriginOperation(Operation):
    """An operation for browsers: pages of every origin may read its responses, including errors."""

    def __init__(self, name: str, method: str, path: str, endpoint: Endpoint, instrumentation: Instrumentation) -> None:
        super().__init__(name, method, path, endpoint, instrumentation)
        self.methods = (self.methods or set()) | {"OPTIONS"}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to preflight requests without counting them, and to others like every operation."""
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
            return

        async def send_unchecked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"access-control-allow-origin", b"*")]
                message = {**message, "headers": headers}
            await send(message)

        await super().handle(scope, receive, send_unchecked)


_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "*, Authorization, Content-Type",
    "access-control-max-age": "600",
}


async def _apply_fault(fault: Fault, answer: _BufferedResponse, scope: Scope, receive: Receive, send: Send) -> bool:
    """Apply a fault. True if it has sent or dropped the response."""
    match fault.kind:
        case FaultKind.LATENCY:
            await asyncio.sleep(fault.milliseconds / 1000)
        case FaultKind.STATUS:
            await fault.as_response()(scope, receive, send)
        case FaultKind.TRUNCATE:
            await answer.forward_half(send)
            await close_connection(receive)
        case FaultKind.DROP:
            await close_connection(receive)
    return fault.replaces_response
