"""The journal."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import InvalidInput
from videobroker.usecases.journal.app_events import (
    LARGEST_REPORT,
    REPORTED_LATE,
    report,
    require_lately,
    require_may_report,
)
from videobroker.usecases.journal.queries import read_journal
from videobroker.web.http.auth import EventsReader, EventsReporter
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Identifier, Metadata, Moment, Shape
from videobroker.web.v1.calls import SessionRef
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS, ROLE_PROBLEMS, Cursor, Limit

router = APIRouter(prefix="/events", tags=["events"], route_class=JsonRoute, generate_unique_id_function=by_name)


class AskedBy(BaseModel):
    """Who asked."""

    key_id: UUID | None = Field(description="The API key; null when it was a user.")
    user_id: str | None = Field(description="Whose user token it was; null when it was a backend.")
    operator: str | None = Field(description="Who it was in the console of the service; null for everybody else.")
    ticket_id: UUID | None = Field(description="The ticket of the link that was used; null when it was none.")
    ip: str | None
    user_agent: str | None


class EventFields(BaseModel):
    """What every event says."""

    id: UUID
    type: EventType
    occurred_at: Moment
    session: SessionRef | None
    user_id: str | None = Field(description="Whom it is about.")
    asked_by: AskedBy
    data: dict[str, Any]
    cursor: str = Field(description="Where this event stands: use it to go on behind it.")


class EventOut(EventFields):
    """Something that happened."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
                    "type": "credentials.issued",
                    "occurred_at": "2026-03-12T13:55:00.120Z",
                    "session": {"kind": "booking", "reference": "lesson-1"},
                    "user_id": "tutor-1",
                    "asked_by": {
                        "key_id": "0195d3c2-0000-7000-8000-000000000001",
                        "user_id": None,
                        "operator": None,
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
                        "expires_at": "2026-03-12T15:15:00Z",
                    },
                    "cursor": "Wzc3MSwgMTJd",
                }
            ]
        }
    )


DEEPEST_DETAILS = 8
"""Objects and lists within each other, the details themselves counted."""


def _shallow(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST_DETAILS):
        level = [
            member
            for each in level
            for member in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(member, (dict, list))
        ]
    if level:
        raise ValueError(f"must not be nested deeper than {DEEPEST_DETAILS} levels")
    return value


class EventIn(Shape):
    """Something that happened in the app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "booking",
                    "reference": "lesson-1",
                    "user_id": "student-1",
                    "event": "whiteboard.opened",
                    "details": {"page": 3},
                    "occurred_at": "2026-03-12T14:07:31Z",
                },
                {"event": "survey.sent"},
            ]
        }
    )

    kind: SessionKind | None = Field(default=None, description="With `reference`: the session in which it happened.")
    reference: Identifier | None = Field(default=None, description="With `kind`: the session in which it happened.")
    user_id: Identifier | None = Field(
        default=None, description="Whom it is about. A user token reports about its own user only."
    )
    event: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.:-]*$")] = Field(
        description="What happened, in the app's own word: letters, digits, `_`, `.`, `:` and `-`."
    )
    details: Annotated[Metadata, AfterValidator(_shallow)] = Field(
        default_factory=dict,
        description=f"Whatever else there is to say: at most {LARGEST_REPORT} bytes as JSON, and {DEEPEST_DETAILS} "
        "levels. Credentials are taken out.",
    )
    occurred_at: Moment | None = Field(
        default=None,
        description=f"When, by the app's clock: within the last {REPORTED_LATE.days} days. The event has it as "
        "`reported_at`; its own `occurred_at` is when it was written.",
    )

    @model_validator(mode="after")
    def _one_session(self) -> "EventIn":
        if (self.kind is None) != (self.reference is None):
            raise ValueError("send `kind` and `reference` together: both name the session")
        return self


class EventPage(BaseModel):
    """One page of the journal, oldest first."""

    data: list[EventOut]
    next: str | None = Field(
        description="The `cursor` of the next page; null when there is nothing more yet. To follow the journal, go on "
        "from the `cursor` of the last event."
    )


def event_out(recorded: RecordedEvent) -> EventOut:
    """As the API shows it."""
    event = recorded.event
    key = event.session
    return EventOut(
        id=event.id,
        type=event.type,
        occurred_at=event.occurred_at,
        session=None if key is None else SessionRef(kind=key.kind, reference=key.reference),
        user_id=event.user_id,
        asked_by=AskedBy(
            key_id=event.actor.key_id,
            user_id=event.actor.user_id,
            operator=event.actor.operator,
            ticket_id=event.actor.ticket_id,
            ip=event.actor.ip,
            user_agent=event.actor.user_agent,
        ),
        data=dict(event.data or {}),
        cursor=recorded.cursor,
    )


@router.get(
    "", summary="Read the journal", responses=described(*COMMON_PROBLEMS, "invalid_cursor", "session_not_found")
)
async def list_events(
    caller: EventsReader,
    type: Annotated[list[EventType] | None, Query(description="Only these types; repeat it for several.")] = None,
    kind: Annotated[SessionKind | None, Query(description="With `reference`: only about this session.")] = None,
    reference: Annotated[Identifier | None, Query(description="With `kind`: only about this session.")] = None,
    user_id: Annotated[Identifier | None, Query(description="Only about this person.")] = None,
    since: Annotated[Moment | None, Query(description="Only what happened then or later.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EventPage:
    """Everything that happened in this app, oldest first. Whoever follows the cursor misses nothing."""
    if (kind is None) != (reference is None):
        raise InvalidInput("Send `kind` and `reference` together: both name the session.")
    session = None if kind is None or reference is None else SessionKey(caller.app.id, kind, reference)
    recorded, following = await read_journal(
        caller.context, types=type or (), session=session, user_id=user_id, since=since, limit=limit, cursor=cursor
    )
    return EventPage(data=[event_out(each) for each in recorded], next=following)


@router.post(
    "",
    summary="Report what happened in the app",
    status_code=201,
    response_model=EventOut,
    responses=described(
        *COMMON_PROBLEMS,
        "session_not_found",
        "malformed_json",
        "body_too_large",
        *IDEMPOTENCY_PROBLEMS,
        *ROLE_PROBLEMS,
    ),
)
async def report_event(caller: EventsReporter, body: EventIn, once: OnceOnly) -> Any:
    """Writes `app.reported` into the journal: what the app says, beside what this service saw. It goes wherever events
    go. A user token reports in its user's sessions, and about its own user only."""
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

    return await once.answer(caller, reported, revalidate=authorized(check), user_id=user_id, status=201)
