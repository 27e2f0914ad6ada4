"""The journal: reading events, and reporting events of the app."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.usecases.journal.app_events import (
    MAX_REPORT_BYTES,
    REPORTED_LATE,
    report,
    require_lately,
    require_may_report,
)
from videobroker.usecases.journal.queries import cursor_before, read_journal
from videobroker.web.http.auth import EventsReader, EventsReporter
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Identifier, Metadata, Moment, RequestModel
from videobroker.web.v1.calls import SessionRef
from videobroker.web.v1.session_schemas import (
    BODY_PROBLEMS,
    COMMON_PROBLEMS,
    ROLE_PROBLEMS,
    Cursor,
    Limit,
    session_of_filters,
)

router = APIRouter(prefix="/events", tags=["events"], route_class=JsonRoute, generate_unique_id_function=by_name)


TypeFilter = Annotated[
    list[EventType] | None, Query(description="Only events of this type. Repeat the parameter for several types.")
]
KindFilter = Annotated[
    SessionKind | None, Query(description="Only events of the session with this kind. Requires `reference`.")
]
ReferenceFilter = Annotated[
    Identifier | None, Query(description="Only events of the session with this reference. Requires `kind`.")
]
UserFilter = Annotated[Identifier | None, Query(description="Only events about this person.")]


class EventRequester(BaseModel):
    """Who made the request that caused the event."""

    key_id: UUID | None = Field(
        description="The ID of the API key, or of the operator key, whose name is `operator`. Null for a user."
    )
    user_id: str | None = Field(description="The user of the user token or the ticket. Null for a backend.")
    operator: str | None = Field(
        description="The name of the operator who used the console or the command line. Otherwise null."
    )
    operator_subject: str | None = Field(
        description="The operator's `sub` at the OpenID Connect issuer. Null for a sign-in with the admin key."
    )
    ticket_id: UUID | None = Field(description="The ID of the link whose ticket was used. Otherwise null.")
    ip: str | None = Field(description="The IP address of the client.")
    user_agent: str | None


class EventFields(BaseModel):
    """The fields of every event."""

    id: UUID
    type: EventType
    occurred_at: Moment
    session: SessionRef | None = Field(description="Null if the event is not about a session.")
    user_id: str | None = Field(description="The person that the event is about.")
    asked_by: EventRequester
    data: dict[str, Any] = Field(description="Depends on the type. See the webhooks of this document.")
    cursor: str = Field(description="The position of the event in the journal. Use it to continue after this event.")


class EventOut(EventFields):
    """An event of the journal."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
                    "type": "credentials.issued",
                    "occurred_at": "2030-03-12T13:55:00.120Z",
                    "session": {"kind": "booking", "reference": "lesson-1"},
                    "user_id": "tutor-1",
                    "asked_by": {
                        "key_id": "0195d3c2-0000-7000-8000-000000000001",
                        "user_id": None,
                        "operator": None,
                        "operator_subject": None,
                        "ticket_id": None,
                        "ip": "10.0.0.7",
                        "user_agent": None,
                    },
                    "data": {
                        "provider": "100ms",
                        "surface": "sdk",
                        "role": "teacher",
                        "guest": False,
                        "token_id": "5f1d7e84-7a34-4e53-9c53-6e6f0c6f9a55",
                        "expires_at": "2030-03-12T15:15:00Z",
                    },
                    "cursor": "Wzc3MSwgMTJd",
                }
            ]
        }
    )


MAX_DETAILS_DEPTH = 8
"""Maximum nesting depth of objects and lists, including the outermost object."""


def _shallow(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DETAILS_DEPTH):
        level = [
            member
            for each in level
            for member in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(member, (dict, list))
        ]
    if level:
        raise ValueError(f"must not be nested deeper than {MAX_DETAILS_DEPTH} levels")
    return value


class EventInput(RequestModel):
    """An event that your app reports."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "booking",
                    "reference": "lesson-1",
                    "user_id": "student-1",
                    "event": "whiteboard.opened",
                    "details": {"page": 3},
                },
                {"event": "survey.sent"},
            ]
        }
    )

    kind: SessionKind | None = Field(
        default=None, description="The kind of the session in which it happened. Requires `reference`."
    )
    reference: Identifier | None = Field(
        default=None, description="The reference of the session in which it happened. Requires `kind`."
    )
    user_id: Identifier | None = Field(
        default=None, description="The person that the event is about. With a user token, only the user of the token."
    )
    event: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.:-]*$")] = Field(
        description="Your name for the event: letters, digits, `_`, `.`, `:`, and `-`."
    )
    details: Annotated[Metadata, AfterValidator(_shallow)] = Field(
        default_factory=dict,
        description=f"Additional data: at most {MAX_REPORT_BYTES} bytes as JSON, and {MAX_DETAILS_DEPTH} levels of "
        "nesting. Credentials are removed.",
    )
    occurred_at: Moment | None = Field(
        default=None,
        description=f"When it happened, by your app's clock: within the last {REPORTED_LATE.days} days. The event "
        "contains it as `reported_at`; the event's own `occurred_at` is the time of the request.",
    )

    @model_validator(mode="after")
    def _one_session(self) -> "EventInput":
        if (self.kind is None) != (self.reference is None):
            raise ValueError("send `kind` and `reference` together: both name the session")
        return self


class EventList(BaseModel):
    """One page of the journal, oldest first."""

    data: list[EventOut]
    next: str | None = Field(
        description="The `cursor` of the next page. Null if there are no more events yet: to follow the journal, "
        "continue from the `cursor` of the last event."
    )


def event_out(recorded: RecordedEvent) -> EventOut:
    event = recorded.event
    key = event.session
    return EventOut(
        id=event.id,
        type=event.type,
        occurred_at=event.occurred_at,
        session=None if key is None else SessionRef(kind=key.kind, reference=key.reference),
        user_id=event.user_id,
        asked_by=EventRequester(
            key_id=event.actor.key_id,
            user_id=event.actor.user_id,
            operator=event.actor.operator,
            operator_subject=event.actor.operator_subject,
            ticket_id=event.actor.ticket_id,
            ip=event.actor.ip,
            user_agent=event.actor.user_agent,
        ),
        data=dict(event.data or {}),
        cursor=recorded.cursor,
    )


@router.get("", summary="List events", responses=described(*COMMON_PROBLEMS, "invalid_cursor", "session_not_found"))
async def list_events(
    caller: EventsReader,
    type: TypeFilter = None,
    kind: KindFilter = None,
    reference: ReferenceFilter = None,
    user_id: UserFilter = None,
    since: Annotated[Moment | None, Query(description="Only events that happened at this time or later.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EventList:
    """Returns the events of the app, oldest first. Clients that follow the cursor do not miss events."""
    session = session_of_filters(caller, kind, reference)
    recorded, following = await read_journal(
        caller.context, types=type or (), session=session, user_id=user_id, since=since, limit=limit, cursor=cursor
    )
    return EventList(data=[event_out(each) for each in recorded], next=following)


@router.post(
    "",
    summary="Report an event",
    status_code=201,
    response_model=EventOut,
    responses=described(
        *COMMON_PROBLEMS,
        "session_not_found",
        *BODY_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        *ROLE_PROBLEMS,
    ),
)
async def report_event(caller: EventsReporter, body: EventInput, idempotency: Idempotency) -> Response:
    """Writes an `app.reported` event into the journal. Like all events, it is also streamed and sent to webhook
    endpoints. With a user token, the session must be one of the user's, and the event can only be about the user."""
    user_id = caller.speaks_for(body.user_id)
    if body.occurred_at is not None:
        require_lately(body.occurred_at, now=caller.now)
    kind, reference = body.kind, body.reference
    session = None if kind is None or reference is None else SessionKey(caller.app.id, kind, reference)

    async def reported() -> EventOut:
        recorded = await report(
            caller.context, session, body.event, details=body.details, user_id=user_id, reported_at=body.occurred_at
        )
        return event_out(recorded)

    async def check() -> None:
        await require_may_report(caller.context, session, user_id)

    return await idempotency.respond(
        caller, reported, revalidate=authorized(check), user_id=user_id, status=201, locate=_location_of
    )


def _location_of(event: Mapping[str, Any]) -> str:
    return f"/v1/events?limit=1&cursor={cursor_before(event['cursor'])}"
