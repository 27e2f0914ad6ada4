"""The WebSocket of a page. Its first message identifies the person.

When a page closes the connection, its person leaves at once. When the connection breaks, the participant stays for as
long as the vendor would wait, and the page can resume with its token.
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


def socket_route(state: SandboxState, hub: MeetingHub, background: BackgroundTasks) -> WebSocketRoute:
    """The WebSocket route for pages."""

    async def handle_socket(websocket: WebSocket) -> None:
        if not _is_same_origin(websocket):
            await websocket.close(CROSS_ORIGIN_CODE)
            return
        await websocket.accept()
        try:
            participant = await _join_or_resume(websocket, state, hub, background)
            if participant is not None:
                await _serve(websocket, hub, participant)
        except _Malformed:
            await websocket.close(MALFORMED_CODE)
        except WebSocketDisconnect:
            # The page disconnected before it got a participant or an error.
            return

    return WebSocketRoute("/page/socket", handle_socket)


def _is_same_origin(websocket: WebSocket) -> bool:
    """Whether the request comes from our page or from a program, which sends no origin."""
    origin = websocket.headers.get("origin")
    return origin is None or origin.partition("://")[2] == websocket.headers.get("host")


async def _join_or_resume(
    websocket: WebSocket, state: SandboxState, hub: MeetingHub, background: BackgroundTasks
) -> MeetingParticipant | None:
    """The participant for the first message; None if it was refused."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT_SECONDS):
            first_message = _object(await websocket.receive_text())
    except TimeoutError:
        raise _Malformed from None
    answer: JsonObject
    try:
        resume_token = optional_string(first_message, "seat") or ""
        previous_token = optional_string(first_message, "instead_of") or ""
        if (final_message := hub.pop_final_message(resume_token)) is not None:
            answer = final_message
        elif (former := hub.by_resume_token(resume_token)) is not None:
            former.acknowledge(_number(first_message))
            former.send(hub.joined_message(former, resumed=True))
            return former
        else:
            # Count a reloaded page once, even if the end of its first connection was not noticed.
            if (previous := hub.by_resume_token(previous_token)) is not None and previous.disconnected_at is not None:
                hub.leave(previous)
            participant = join_meeting(state, hub, first_message, websocket.client.host if websocket.client else None)
            participant.send(hub.joined_message(participant, resumed=False))
            background.start(_watch(state, hub, participant))
            return participant
    except VendorError as error:
        refusal = refusal_of(error)
        answer = {"type": "refused", "code": refusal.code, "title": refusal.title, "message": refusal.sentence}
    await websocket.send_json(answer)
    await websocket.close()
    return None


async def _serve(websocket: WebSocket, hub: MeetingHub, participant: MeetingParticipant) -> None:
    connection_number = participant.connect()
    writer = asyncio.create_task(_write(websocket, participant, connection_number))
    code = 1011
    try:
        code = await _read(websocket, hub, participant)
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
        if participant.connection_number == connection_number and code in INTENTIONAL_CLOSE_CODES:
            hub.leave(participant)
        elif participant.connection_number == connection_number:
            participant.disconnected_at = hub.now()


async def _write(websocket: WebSocket, participant: MeetingParticipant, connection_number: int) -> None:
    """Send queued messages to the page, up to the one that ends its stay."""
    try:
        while (message := await participant.next_message(connection_number)) is not None:
            await websocket.send_json(message)
            participant.sent()
            if message["type"] == "out":
                await websocket.close()
                return
        await websocket.close(REPLACED_CODE)
    except (WebSocketDisconnect, RuntimeError):
        # The reader gets the same error and handles it. Unacknowledged messages wait for the next connection.
        return


async def _read(websocket: WebSocket, hub: MeetingHub, participant: MeetingParticipant) -> int:
    """Handle messages of the page until it disconnects; returns its close code."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or 1005)
        try:
            _handle(hub, participant, _object(message.get("text") or ""))
        except VendorError as error:
            participant.send({"type": "problem", "message": error.message})


def _handle(hub: MeetingHub, participant: MeetingParticipant, message: JsonObject) -> None:
    if not hub.contains(participant):
        return
    match message.get("type"):
        case "signal":
            data = message.get("data")
            if not isinstance(data, dict):
                raise _Malformed
            hub.forward_signal(participant, required_string(message, "to"), data)
        case "media":
            hub.set_media(participant, _media(message))
        case "chat":
            text = required_string(message, "text").strip()
            if text:
                hub.chat(participant, text[:MAX_CHAT_CHARACTERS])
        case "hand":
            hub.set_hand(participant, is_raised=_flag(message, "raised"))
        case "end":
            participant.meeting.end(participant.person_id)
        case "remove":
            participant.meeting.remove(required_string(message, "id"), participant.person_id)
        case "renew":
            _renew(participant, required_string(message, "token"))
        case "ping":
            participant.acknowledge(_number(message))
            participant.send({"type": "pong"})
        case _:
            raise _Malformed


def _renew(participant: MeetingParticipant, token: str) -> None:
    try:
        participant.ends_at = participant.meeting.renew(participant.person_id, token)
    except VendorError as error:
        participant.send({"type": "not-renewed", "message": refusal_of(error).sentence})
    else:
        participant.is_expiry_announced = False
        participant.send({"type": "renewed"})


def _media(message: JsonObject) -> SentMedia:
    streams = [optional_string(message, name) or "" for name in ("camera", "screen")]
    return SentMedia(_flag(message, "audio"), _flag(message, "video"), *streams)


def _flag(message: JsonObject, name: str) -> bool:
    flag = message.get(name)
    if not isinstance(flag, bool):
        raise _Malformed
    return flag


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


async def _watch(state: SandboxState, hub: MeetingHub, participant: MeetingParticipant) -> None:
    """Remove people when their token expires, connected or not."""
    while hub.contains(participant):
        now = state.now()
        if (
            participant.disconnected_at is not None
            and now >= participant.disconnected_at + participant.meeting.reconnect_timeout
        ):
            hub.leave(participant, lost=True)
        elif participant.ends_at is not None and now >= participant.ends_at:
            _expire(participant)
        elif (
            participant.ends_at is not None
            and not participant.is_expiry_announced
            and now >= participant.ends_at - EXPIRY_WARNING
        ):
            participant.is_expiry_announced = True
            participant.send(
                {"type": "token-will-expire", "seconds": max(0, round((participant.ends_at - now).total_seconds()))}
            )
        await asyncio.sleep(POLL_SECONDS)


def _expire(participant: MeetingParticipant) -> None:
    if isinstance(participant.meeting, MeetingChannel):
        participant.meeting.remove_user(participant.person_id, LeaveReason.TOKEN)
