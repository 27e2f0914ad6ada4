"""Visits: the state of a session for the holder of a ticket, for pages on which they wait and join."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import ServerSentEvent

from videobroker.domain.access import AccessReason
from videobroker.domain.apps import ProviderName
from videobroker.domain.lobby import EntryState
from videobroker.domain.sessions import SessionKind, SessionStatus
from videobroker.errors import NotFound, StorageUnavailable
from videobroker.usecases.joining.visits import (
    CallPerson,
    Visit,
    load_visit,
    name_uids,
    request_to_join,
    watch,
    withdraw_request,
)
from videobroker.web.http.auth import LIMIT_PROBLEMS, TICKET_PROBLEMS, TicketHolder, TicketReader, TicketRequest
from videobroker.web.http.event_stream_response import EventStreamResponse
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import AccessDecisionOut, Moment, access_shape
from videobroker.web.v1.stream import HEARTBEAT_SECONDS, MAX_STREAM_SECONDS, RECONNECT_DELAY_MS, SEND_TIMEOUT_SECONDS

router = APIRouter(prefix="/visit", tags=["visits"], route_class=JsonRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)

MAX_UIDS = 100
"""Per request. A page with more people sends several requests."""
MAX_UID = 2**31 - 1


class VisitSession(BaseModel):
    """The session."""

    kind: SessionKind
    reference: str
    title: str | None = Field(
        description="Null if the session has no title, or if the person is not a participant any more."
    )
    status: SessionStatus = Field(description="For a group, `confirmed` or `cancelled`.")
    starts_at: Moment | None
    ends_at: Moment | None


class VisitPerson(BaseModel):
    """The person that the ticket is for."""

    user_id: str
    display_name: str | None
    is_guest: bool
    role: str | None = Field(description="The person's role in your app. Null if they are not a participant any more.")
    is_host: bool = Field(description="Whether the role is one of the policy's `host_roles`.")
    ticket_expires_at: Moment = Field(
        description="Based on the current schedule and policy of the session: changes when the session is rescheduled. "
        "The visit can still be read for a day after the end of the window."
    )


class VisitLobby(BaseModel):
    """The person's entry in the waiting room."""

    entry: UUID
    state: EntryState
    since: Moment = Field(description="When the person asked to join, or when they were admitted or denied.")


class RunningCall(BaseModel):
    """The running call."""

    id: UUID
    started_at: Moment


class VisitOthers(BaseModel):
    """Who else is in the call."""

    count: int = Field(description="How many people are in the call, without this person.")
    names: list[str] = Field(
        description="Display names of at most three of them, by arrival. Empty for guests, and for people who are "
        "waiting to be admitted."
    )


class CallPersonOut(BaseModel):
    """A person in the call."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"uid": 1840273645, "display_name": "Ada", "is_host": True, "is_guest": False}]}
    )

    uid: int = Field(description="The Agora uid.")
    display_name: str = Field(description="The user ID if the participant has no display name.")
    is_host: bool
    is_guest: bool = Field(
        description="Whether the person is not a participant: a guest, or deleted from the participants."
    )


class CallPersonList(BaseModel):
    """People in the call, by uid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"data": [{"uid": 1840273645, "display_name": "Ada", "is_host": True, "is_guest": False}]}]
        }
    )

    data: list[CallPersonOut]


def call_person_out(person: CallPerson) -> CallPersonOut:
    return CallPersonOut(
        uid=person.uid, display_name=person.display_name, is_host=person.is_host, is_guest=person.is_guest
    )


_EXAMPLE: dict[str, Any] = {
    "now": "2030-03-12T13:40:00Z",
    "session": {
        "kind": "booking",
        "reference": "lesson-1",
        "title": "Algebra, lesson 1",
        "status": "confirmed",
        "starts_at": "2030-03-12T14:00:00Z",
        "ends_at": "2030-03-12T15:00:00Z",
    },
    "visitor": {
        "user_id": "student-1",
        "display_name": "Ben",
        "is_guest": False,
        "role": "student",
        "is_host": False,
        "ticket_expires_at": "2030-03-12T15:15:00Z",
    },
    "decision": {
        "decision": "wait",
        "reason": "too_early",
        "role": None,
        "opens_at": "2030-03-12T13:50:00Z",
        "closes_at": "2030-03-12T15:15:00Z",
        "until": None,
        "retry_after": 600,
    },
    "lobby": None,
    "provider": "100ms",
    "call": None,
    "host_present": None,
    "others": None,
    "waiting": None,
    "host_name": None,
    "people_version": None,
    "latest_join": None,
}


class VisitOut(BaseModel):
    """The state of the session for the person who opened the link."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    now: Moment = Field(
        description="The time of the service. Use it for countdowns instead of the clock of the device."
    )
    session: VisitSession
    visitor: VisitPerson
    decision: AccessDecisionOut
    lobby: VisitLobby | None = Field(description="Null if the person has not asked to join.")
    provider: ProviderName | None = Field(
        description="The provider of the session. When it changes, the session has moved: join again."
    )
    call: RunningCall | None = Field(description="The running call, if any.")
    host_present: bool | None = Field(description="Whether a host is in the call. Null if it is unknown.")
    others: VisitOthers | None = Field(
        description="Who else is in the call. Null if it is unknown, or if the person cannot join."
    )
    waiting: int | None = Field(
        description="How many people are waiting to be admitted. Only for hosts, with `waiting_room: admit`. To list "
        "them, use `GET .../lobby`."
    )
    host_name: str | None = Field(
        description="The display name of the host, for a participant who cannot join or was removed. Null for everyone "
        "else, for people who may not see names, and if the session has no host or several."
    )
    people_version: str | None = Field(
        description="Changes when the list of `GET .../people` changes: who is in the call, registered, or blocked. "
        "Only for hosts, while a call is running. Compare it with the previous one; it has no other meaning."
    )
    latest_join: UUID | None = Field(
        description="The `join_id` of the latest join credentials that this person got with a ticket, while a call at "
        "100ms is running. A page that has joined with others can leave: the person has joined somewhere else. Null if "
        "there are none, or if it is unknown."
    )


def visit_out(seen: Visit, now: datetime) -> VisitOut:
    return VisitOut(
        now=now,
        session=VisitSession(
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
        else VisitLobby(entry=seen.entry.id, state=seen.entry.state, since=seen.entry.since),
        provider=seen.provider,
        call=None if seen.call is None else RunningCall(id=seen.call[0], started_at=seen.call[1]),
        host_present=seen.host_present,
        others=None if seen.others is None else VisitOthers(count=seen.others.count, names=list(seen.others.names)),
        waiting=seen.waiting,
        host_name=seen.host_name,
        people_version=seen.people_version,
        latest_join=seen.latest_join,
    )


_REASONS = tuple(reason.value for reason in AccessReason)
_PROBLEMS = described("invalid_request", *TICKET_PROBLEMS, *LIMIT_PROBLEMS, "session_not_found", "storage_unavailable")


@router.get("", summary="Get my session", responses=_PROBLEMS)
async def get_visit(request: TicketReader) -> VisitOut:
    """Returns the session for the holder of a ticket: the access decision, the waiting room, and the call. The request
    changes nothing, except that it counts as a poll of a person who is waiting to be admitted."""
    seen = await load_visit(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.post("/knock", summary="Ask to join", responses=_PROBLEMS)
async def request_admission(request: TicketHolder) -> VisitOut:
    """Adds the person to the waiting room, like a join request, but without requesting credentials. Asking again has no
    effect. If the person can join already, or cannot join for another reason, nothing changes; see `decision`."""
    seen = await request_to_join(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.delete("/knock", summary="Withdraw my request to join", responses=_PROBLEMS)
async def withdraw_admission_request(request: TicketHolder) -> VisitOut:
    """Removes the person from the waiting room. Has no effect if there is no request, or if it was already decided."""
    seen = await withdraw_request(request.context, request.ticket)
    return visit_out(seen, request.context.now)


@router.get(
    "/people",
    summary="Get the names of people in the call",
    responses=described(
        "invalid_request", *TICKET_PROBLEMS, *LIMIT_PROBLEMS, *_REASONS, "session_not_found", "storage_unavailable"
    ),
)
async def list_visit_people(
    request: TicketReader,
    uid: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_UID)]],
        Query(
            min_length=1,
            max_length=MAX_UIDS,
            description="An Agora uid, as reported by the SDK. Repeat the parameter for several uids.",
        ),
    ],
) -> CallPersonList:
    """Returns the display names for Agora uids, for pages that show a call. The ticket holder must be able to join now.
    Unknown uids are omitted."""
    found = await name_uids(request.context, request.ticket, uid)
    return CallPersonList(data=[call_person_out(each) for each in found])


@router.get(
    "/stream",
    summary="Stream my session",
    response_class=EventStreamResponse,
    responses={
        200: {
            "description": "Server-sent events of type `visit`. `data` is the response of `GET /v1/visit`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **_PROBLEMS,
    },
)
async def stream_visit(request: TicketReader) -> EventStreamResponse:
    """Sends the session immediately, and again after each change. A stream ends after ten minutes, and when the ticket
    expires or is revoked; then reconnect. While a person is waiting to be admitted, an open stream shows that they are
    still there."""
    return EventStreamResponse(
        _sent(request),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_TIMEOUT_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _sent(request: TicketRequest) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="listening", retry=RECONNECT_DELAY_MS)
    try:
        async for seen, now in watch(request.context, request.ticket, seconds=MAX_STREAM_SECONDS):
            shown = json.dumps(visit_out(seen, now).model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
            yield ServerSentEvent(shown, event="visit")
    except (StorageUnavailable, NotFound) as error:
        # The response has started, so it can only end. The client reconnects, and gets the error then.
        log.warning("visit_stream.interrupted", error=error.code)
