"""Visits: what the holder of a ticket sees, for a page that waits with them."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from videobroker.domain.access import Reason
from videobroker.domain.apps import ProviderName
from videobroker.domain.lobby import EntryState
from videobroker.domain.sessions import SessionKind, SessionStatus
from videobroker.errors import NotFound, StorageUnavailable
from videobroker.usecases.joining.visits import (
    CallPerson,
    Visit,
    name_uids,
    request_to_join,
    visit,
    watch,
    withdraw_request,
)
from videobroker.web.http.auth import TICKET_PROBLEMS, TicketHolder, TicketReader, TicketRequest
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import AccessShape, Moment, access_shape
from videobroker.web.v1.stream import COME_BACK_MS, HEARTBEAT_SECONDS, LONGEST_SECONDS, STUCK_SECONDS

router = APIRouter(prefix="/visit", tags=["visits"], route_class=JsonRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)

MOST_UIDS = 100
"""Per request; a page with more people asks again."""
LARGEST_UID = 2**31 - 1


class VisitedSession(BaseModel):
    """The session."""

    kind: SessionKind
    reference: str
    title: str | None = Field(description="Null also for somebody who is not on the roster any more.")
    status: SessionStatus = Field(description="Of a group `confirmed`, until it is cancelled.")
    starts_at: Moment | None
    ends_at: Moment | None


class VisitPerson(BaseModel):
    """Whose ticket it is."""

    user_id: str
    display_name: str | None
    is_guest: bool
    role: str | None = Field(description="The app's role; null for somebody who is not on the roster any more.")
    is_host: bool = Field(description="Of one of the policy's `host_roles`.")
    ticket_expires_at: Moment = Field(
        description="As the session and its policy are now: moves with the session. For a day after the window's end, "
        "the visit can still be read."
    )


class VisitedLobby(BaseModel):
    """Where the visitor stands in the waiting room."""

    entry: UUID
    state: EntryState
    since: Moment = Field(description="Since when they wait; once that is decided, when it was.")


class RunningCall(BaseModel):
    """The call that runs."""

    id: UUID
    started_at: Moment


class CallPersonOut(BaseModel):
    """A person in the call."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"uid": 1840273645, "display_name": "Ada", "is_host": True, "is_guest": False}]}
    )

    uid: int
    display_name: str = Field(description="The user ID of a participant who has no display name.")
    is_host: bool
    is_guest: bool = Field(description="Not a participant of the session: a guest, or removed from its participants.")


class CallPeople(BaseModel):
    """The people behind the uids."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"data": [{"uid": 1840273645, "display_name": "Ada", "is_host": True, "is_guest": False}]}]
        }
    )

    data: list[CallPersonOut]


def call_person_out(person: CallPerson) -> CallPersonOut:
    """As the API shows it."""
    return CallPersonOut(
        uid=person.uid, display_name=person.display_name, is_host=person.is_host, is_guest=person.is_guest
    )


_EXAMPLE: dict[str, Any] = {
    "now": "2026-03-12T13:40:00Z",
    "session": {
        "kind": "booking",
        "reference": "lesson-1",
        "title": "Algebra, lesson 1",
        "status": "confirmed",
        "starts_at": "2026-03-12T14:00:00Z",
        "ends_at": "2026-03-12T15:00:00Z",
    },
    "visitor": {
        "user_id": "student-1",
        "display_name": "Ben",
        "is_guest": False,
        "role": "student",
        "is_host": False,
        "ticket_expires_at": "2026-03-12T15:15:00Z",
    },
    "decision": {
        "decision": "wait",
        "reason": "too_early",
        "role": None,
        "opens_at": "2026-03-12T13:50:00Z",
        "closes_at": "2026-03-12T15:15:00Z",
        "until": None,
        "retry_after": 600,
    },
    "lobby": None,
    "provider": "100ms",
    "call": None,
    "host_present": None,
    "waiting": None,
}


class VisitOut(BaseModel):
    """Everything that a page shows to somebody who followed a link."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    now: Moment = Field(description="The service's time: count down from it, not from the visitor's clock.")
    session: VisitedSession
    visitor: VisitPerson
    decision: AccessShape
    lobby: VisitedLobby | None = Field(description="Null for somebody who has not asked to be let in.")
    provider: ProviderName | None = Field(
        description="Where the session takes place. When it changes, join again: the session has moved."
    )
    call: RunningCall | None
    host_present: bool | None = Field(description="Whether a host is in the call; null when nobody can tell.")
    waiting: int | None = Field(
        description="For a host of a session with `waiting_room: admit`: how many wait. `GET .../lobby` has them."
    )


def visit_out(seen: Visit, now: datetime) -> VisitOut:
    """As the API shows it."""
    return VisitOut(
        now=now,
        session=VisitedSession(
            kind=seen.key.kind,
            reference=seen.key.reference,
            title=seen.title,
            status=seen.status,
            starts_at=seen.starts_at,
            ends_at=seen.ends_at,
        ),
        visitor=VisitPerson(
            user_id=seen.ticket.user_id,
            display_name=seen.display_name,
            is_guest=seen.ticket.is_guest,
            role=seen.role,
            is_host=seen.is_host,
            ticket_expires_at=seen.ticket.expires_at,
        ),
        decision=access_shape(seen.decision),
        lobby=None
        if seen.entry is None
        else VisitedLobby(entry=seen.entry.id, state=seen.entry.state, since=seen.entry.since),
        provider=seen.provider,
        call=None if seen.call is None else RunningCall(id=seen.call[0], started_at=seen.call[1]),
        host_present=seen.host_present,
        waiting=seen.waiting,
    )


_REASONS = tuple(reason.value for reason in Reason)
_PROBLEMS = described("invalid_request", *TICKET_PROBLEMS, "session_not_found", "storage_unavailable")


@router.get("", summary="See how the session stands for you", responses=_PROBLEMS)
async def get_visit(request: TicketReader) -> VisitOut:
    """For the holder of a ticket: the session, the access decision, the waiting room, the call. Nothing is changed;
    of somebody who waits to be let in, asking is a sign that they still do."""
    seen = await visit(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.post(
    "/knock",
    summary="Ask to be let in",
    responses=_PROBLEMS,
)
async def knock(request: TicketHolder) -> VisitOut:
    """What `join` does as well for somebody whom the waiting room keeps outside, without asking for credentials.
    Asking twice is the same as once; whoever is kept outside by something else, or may come in, is told so."""
    seen = await request_to_join(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.delete("/knock", summary="Withdraw your request to join", responses=_PROBLEMS)
async def withdraw_knock(request: TicketHolder) -> VisitOut:
    """Removes you from the waiting room. A request that a host has already decided stays decided; without a request,
    nothing changes."""
    seen = await withdraw_request(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.get(
    "/people",
    summary="Get the names of people in the call",
    responses=described("invalid_request", *TICKET_PROBLEMS, *_REASONS, "session_not_found", "storage_unavailable"),
)
async def get_call_people(
    request: TicketReader,
    uid: Annotated[
        list[Annotated[int, Field(ge=1, le=LARGEST_UID)]],
        Query(min_length=1, max_length=MOST_UIDS, description="Agora uids that the SDK reports. Repeat the parameter."),
    ],
) -> CallPeople:
    """Maps Agora uids to display names, for a page that shows a call. Only a ticket holder who may join now gets names,
    and only for uids that they already know; unknown uids are left out."""
    found = await name_uids(request.context, request.ticket, uid)
    return CallPeople(data=[call_person_out(each) for each in found])


@router.get(
    "/stream",
    summary="Follow how the session stands for you",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events of the type `visit`; their `data` is what `GET /v1/visit` answers.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **_PROBLEMS,
    },
)
async def stream_visit(request: TicketReader) -> EventSourceResponse:
    """The same at once, and again whenever something of it changes. A stream ends after ten minutes, and when the
    ticket expires or is revoked: reconnect. While a person waits to be admitted, an open stream is the sign that they
    are still there."""
    return EventSourceResponse(
        _sent(request),
        ping=HEARTBEAT_SECONDS,
        send_timeout=STUCK_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _sent(request: TicketRequest) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="listening", retry=COME_BACK_MS)
    try:
        async for seen, now in watch(request.context, request.ticket, seconds=LONGEST_SECONDS):
            shown = json.dumps(visit_out(seen, now).model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
            yield ServerSentEvent(shown, event="visit")
    except (StorageUnavailable, NotFound) as error:
        # The answer has begun: all that is left to say is its end. The client comes back, and is told then.
        log.warning("visit_stream.interrupted", error=error.code)
