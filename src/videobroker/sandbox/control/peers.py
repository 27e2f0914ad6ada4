"""Adds and removes people of 100ms rooms."""

import asyncio
import uuid
from datetime import datetime, timedelta

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox import admission, events
from videobroker.sandbox.background import BackgroundTasks
from videobroker.sandbox.config import RECORDER_ROLE
from videobroker.sandbox.control.routes import room_in_path, route
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.exchange import token_for_code
from videobroker.sandbox.json_body import (
    JsonObject,
    optional_seconds,
    optional_string,
    read_object,
    read_optional_object,
    required_string,
)
from videobroker.sandbox.rest.active_rooms import peer_as_json
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.state import SandboxState

POLL_SECONDS = 0.02
"""Interval for reading the sandbox's clock, which a test may move at any time."""

RECORDING_ERRORS = ("INTERNAL_ERROR", "MAX_RETRIES_REACHED", "UPLOAD_ERROR", "BEAM_STOPPED")
"""Reasons for a failed recording: stop the recorder with `?error_type=UPLOAD_ERROR`."""


def peer_routes(state: SandboxState, background: BackgroundTasks) -> list[Route]:
    """Routes for joining, leaving, losing the connection, and the recording bot."""

    async def join(request: Request) -> Response:
        return JSONResponse(_joined(state, room_in_path(state, request), await read_object(request)))

    async def leave(request: Request) -> Response:
        room = room_in_path(state, request)
        session, peer = _present(state, room, request.path_params["peer_id"])
        return _left_response(admission.leave(state, room, session, (peer,), reason=events.CLIENT_REQUEST))

    async def drop(request: Request) -> Response:
        room, body = room_in_path(state, request), await read_optional_object(request)
        session, peer = _present(state, room, request.path_params["peer_id"])
        reason = optional_string(body, "reason") or events.SOCKET_CLOSED
        seconds = optional_seconds(body, "after_seconds", 0)
        if not seconds:
            return _left_response(admission.leave(state, room, session, (peer,), reason=reason))
        background.start(_leave_at(state, room, peer, state.now() + timedelta(seconds=seconds), reason))
        return _left_response(session)

    async def start_recorder(request: Request) -> Response:
        room = room_in_path(state, request)
        if _recorder(state, room) is not None:
            raise VendorError(409, "beam already started")
        recorder = Peer(str(uuid.uuid4()), "recorder", RECORDER_ROLE, user_id="", metadata="", joined_at=state.now())
        return JSONResponse(_joined_as_json(admission.enter(state, room, recorder)))

    async def stop_recorder(request: Request) -> Response:
        room = room_in_path(state, request)
        recorder = _recorder(state, room)
        if recorder is None:
            raise VendorError(404, "beam not found")
        session = admission.running_session(state, room)
        error = request.query_params.get("error_type")
        if error is not None and error not in RECORDING_ERRORS:
            raise VendorError(400, f"error_type must be one of {', '.join(RECORDING_ERRORS)}")
        return _left_response(
            admission.leave(state, room, session, (recorder,), reason=events.CLIENT_REQUEST, recording_error=error)
        )

    async def messages(request: Request) -> Response:
        room = room_in_path(state, request)
        return JSONResponse({"messages": [sent.as_json() for sent in state.messages if sent.room_id == room.id]})

    return [
        route("POST", "/rooms/{room_id}/peers", join),
        route("DELETE", "/rooms/{room_id}/peers/{peer_id}", leave),
        route("POST", "/rooms/{room_id}/peers/{peer_id}/drop", drop),
        route("POST", "/rooms/{room_id}/recorder", start_recorder),
        route("DELETE", "/rooms/{room_id}/recorder", stop_recorder),
        route("GET", "/rooms/{room_id}/messages", messages),
    ]


def _joined(state: SandboxState, room: SandboxRoom, body: JsonObject) -> JsonObject:
    token = token_for_code(state, body) if body.get("code") else required_string(body, "token")
    admitted = admission.admit(state, f"Bearer {token}")
    if admitted.room.id != room.id:
        raise VendorError(400, "Room Mismatched with Token")
    joined = admission.join(
        state,
        admitted,
        name=optional_string(body, "name") or "",
        peer_id=optional_string(body, "peer_id"),
        metadata=optional_string(body, "metadata") or "",
    )
    return _joined_as_json(joined)


def _joined_as_json(joined: admission.JoinedPeer) -> JsonObject:
    return {
        "peer": peer_as_json(joined.peer),
        "session_id": joined.session.id,
        "session_opened": joined.opened,
    }


def _left_response(session: SandboxSession) -> Response:
    return JSONResponse({"session_id": session.id, "active": session.active})


async def _leave_at(state: SandboxState, room: SandboxRoom, peer: Peer, due: datetime, reason: str) -> None:
    while state.now() < due:  # noqa: ASYNC110 - a clock that tests may move has no event
        await asyncio.sleep(POLL_SECONDS)
    session = state.active_session(room)
    found = session and session.present_peer(peer.id)
    # Ignore people who were removed meanwhile, or left and returned.
    if session and found and found.joined_at == peer.joined_at:
        admission.leave(state, room, session, (found,), reason=reason)


def _present(state: SandboxState, room: SandboxRoom, peer_id: str) -> tuple[SandboxSession, Peer]:
    running = state.active_session(room)
    present = running is not None and running.present_peer(peer_id) is not None
    if not present and (departed := state.departed_peer(room, peer_id)) is not None:
        state.emit(events.leave_failed(room, departed, state.now()))
    session = admission.running_session(state, room)
    return session, admission.present_peer(session, peer_id)


def _recorder(state: SandboxState, room: SandboxRoom) -> Peer | None:
    session = state.active_session(room)
    present = session.present if session else ()
    return next((peer for peer in present if peer.role == RECORDER_ROLE), None)
