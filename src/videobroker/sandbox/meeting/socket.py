"""The WebSocket of a page. Its first message identifies the person.

When a page closes the connection, its person leaves at once. When the connection breaks, the seat stays for as long as
the vendor would wait, and the page can take it over with its secret.
"""

import asyncio
import contextlib
import json
from datetime import timedelta

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from videobroker.sandbox.agora.channel_events import LeaveReason
from videobroker.sandbox.background import BackgroundTasks
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, optional_string, optional_whole_number, required_string
from videobroker.sandbox.meeting.channel import MeetingChannel
from videobroker.sandbox.meeting.hub import MeetingHub
from videobroker.sandbox.meeting.joining import join_meeting
from videobroker.sandbox.meeting.participants import MeetingParticipant, SentMedia
from videobroker.sandbox.meeting.refusals import refusal_of
from videobroker.sandbox.state import SandboxState

EXPIRY_WARNING = timedelta(seconds=30)
"""How long before its expiry a page is notified about its token."""
POLL_SECONDS = 0.1
"""Interval for reading the sandbox's clock, which a test may move at any time."""
FIRST_MESSAGE_TIMEOUT_SECONDS = 30
MAX_CHAT_CHARACTERS, MAX_MESSAGE_CHARACTERS = 2_000, 100_000
INTENTIONAL_CLOSE_CODES = {1000, 1001}
REPLACED_CODE, MALFORMED_CODE, CROSS_ORIGIN_CODE = 4001, 1008, 1008


class _Malformed(Exception):
    """A message that no page of ours sends."""


def socket_route(state: SandboxState, hall: MeetingHub, background: BackgroundTasks) -> WebSocketRoute:
    """The WebSocket route for pages."""

    async def meet(websocket: WebSocket) -> None:
        if not _of_our_page(websocket):
            await websocket.close(CROSS_ORIGIN_CODE)
            return
        await websocket.accept()
        try:
            seat = await _seat(websocket, state, hall, background)
            if seat is not None:
                await _stay(websocket, hall, seat)
        except _Malformed:
            await websocket.close(MALFORMED_CODE)
        except WebSocketDisconnect:
            # The page disconnected before it got a seat or an error.
            return

    return WebSocketRoute("/page/socket", meet)


def _of_our_page(websocket: WebSocket) -> bool:
    """Whether the request comes from our page or from a program, which sends no origin."""
    origin = websocket.headers.get("origin")
    return origin is None or origin.partition("://")[2] == websocket.headers.get("host")


async def _seat(
    websocket: WebSocket, state: SandboxState, hall: MeetingHub, background: BackgroundTasks
) -> MeetingParticipant | None:
    """The seat for the first message; None if it was refused."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT_SECONDS):
            hello = _object(await websocket.receive_text())
    except TimeoutError:
        raise _Malformed from None
    answer: JsonObject
    try:
        secret, stale = optional_string(hello, "seat") or "", optional_string(hello, "instead_of") or ""
        if (farewell := hall.farewell(secret)) is not None:
            answer = farewell
        elif (former := hall.by_secret(secret)) is not None:
            former.acknowledge(_number(hello))
            former.tell(hall.welcome(former, resumed=True))
            return former
        else:
            # Count a reloaded page once, even if the end of its first connection was not noticed.
            if (ghost := hall.by_secret(stale)) is not None and ghost.lost_at is not None:
                hall.leave(ghost)
            seat = join_meeting(state, hall, hello, websocket.client.host if websocket.client else None)
            seat.tell(hall.welcome(seat, resumed=False))
            background.start(_watch(state, hall, seat))
            return seat
    except VendorError as problem:
        refusal = refusal_of(problem)
        answer = {"type": "refused", "code": refusal.code, "title": refusal.title, "message": refusal.sentence}
    await websocket.send_json(answer)
    await websocket.close()
    return None


async def _stay(websocket: WebSocket, hall: MeetingHub, seat: MeetingParticipant) -> None:
    line = seat.connect()
    writing = asyncio.create_task(_write(websocket, seat, line))
    code = 1011
    try:
        code = await _read(websocket, hall, seat)
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        if seat.line == line and code in INTENTIONAL_CLOSE_CODES:
            hall.leave(seat)
        elif seat.line == line:
            seat.lost_at = hall.now()


async def _write(websocket: WebSocket, seat: MeetingParticipant, line: int) -> None:
    """Send queued messages to the page, up to the one that ends its stay."""
    try:
        while (message := await seat.next_message(line)) is not None:
            await websocket.send_json(message)
            seat.sent()
            if message["type"] == "out":
                await websocket.close()
                return
        await websocket.close(REPLACED_CODE)
    except (WebSocketDisconnect, RuntimeError):
        # The reader gets the same error and handles it. Unacknowledged messages wait for the next connection.
        return


async def _read(websocket: WebSocket, hall: MeetingHub, seat: MeetingParticipant) -> int:
    """Handle messages of the page until it disconnects; returns its close code."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or 1005)
        try:
            _handle(hall, seat, _object(message.get("text") or ""))
        except VendorError as problem:
            seat.tell({"type": "problem", "message": problem.message})


def _handle(hall: MeetingHub, seat: MeetingParticipant, message: JsonObject) -> None:
    if not hall.holds(seat):
        return
    match message.get("type"):
        case "signal":
            data = message.get("data")
            if not isinstance(data, dict):
                raise _Malformed
            hall.pass_on(seat, required_string(message, "to"), data)
        case "media":
            hall.shows(seat, _media(message))
        case "chat":
            text = required_string(message, "text").strip()
            if text:
                hall.chat(seat, text[:MAX_CHAT_CHARACTERS])
        case "end":
            seat.place.end(seat.person_id)
        case "remove":
            seat.place.remove(required_string(message, "id"), seat.person_id)
        case "renew":
            _renew(seat, required_string(message, "token"))
        case "ping":
            seat.acknowledge(_number(message))
            seat.tell({"type": "pong"})
        case _:
            raise _Malformed


def _renew(seat: MeetingParticipant, token: str) -> None:
    try:
        seat.ends_at = seat.place.renew(seat.person_id, token)
    except VendorError as problem:
        seat.tell({"type": "not-renewed", "message": refusal_of(problem).sentence})
    else:
        seat.warned = False
        seat.tell({"type": "renewed"})


def _media(message: JsonObject) -> SentMedia:
    flags = [message.get(name) for name in ("audio", "video")]
    streams = [optional_string(message, name) or "" for name in ("camera", "screen")]
    if not all(isinstance(flag, bool) for flag in flags):
        raise _Malformed
    return SentMedia(bool(flags[0]), bool(flags[1]), *streams)


def _number(message: JsonObject) -> int:
    return optional_whole_number(message, "received", low=0, high=2**53) or 0


def _object(text: str) -> JsonObject:
    try:
        message = json.loads(text) if len(text) <= MAX_MESSAGE_CHARACTERS else None
    except (ValueError, RecursionError):
        raise _Malformed from None
    if not isinstance(message, dict):
        raise _Malformed
    return message


async def _watch(state: SandboxState, hall: MeetingHub, seat: MeetingParticipant) -> None:
    """Remove people when their token expires, connected or not."""
    while hall.holds(seat):
        now = state.now()
        if seat.lost_at is not None and now >= seat.lost_at + seat.place.patience:
            hall.leave(seat, lost=True)
        elif seat.ends_at is not None and now >= seat.ends_at:
            _expire(seat)
        elif seat.ends_at is not None and not seat.warned and now >= seat.ends_at - EXPIRY_WARNING:
            seat.warned = True
            seat.tell({"type": "token-will-expire", "seconds": max(0, round((seat.ends_at - now).total_seconds()))})
        await asyncio.sleep(POLL_SECONDS)


def _expire(seat: MeetingParticipant) -> None:
    if isinstance(seat.place, MeetingChannel):
        seat.place.take_out(seat.person_id, LeaveReason.TOKEN)
