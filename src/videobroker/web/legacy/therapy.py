"""Video calls of therapists and clients: sessions with a progress, a lobby and a call log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field, JsonValue, model_validator

from videobroker.domain.access import AdmitDecision
from videobroker.domain.access import Reason as AccessReason
from videobroker.domain.apps import LegacyFamily
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SessionId
from videobroker.domain.progress import ProgressAction, SessionProgress, select_first_by_role
from videobroker.domain.rooms import add_code_prefix
from videobroker.domain.sessions import Participant, SessionKey, SessionKind, SessionStatus, SessionTerms
from videobroker.errors import BrokerError, InvalidInput, StorageUnavailable
from videobroker.usecases import registration
from videobroker.usecases.access import require_on_roster
from videobroker.usecases.authorization import require
from videobroker.usecases.idempotency import Answer
from videobroker.usecases.journal import app_events
from videobroker.usecases.legacy import progress
from videobroker.usecases.legacy.numbered_bookings import register_booking
from videobroker.usecases.legacy.room_codes import code_prefix, issue_existing_codes, issue_room_code, resolve_code
from videobroker.web.http.auth import (
    LEGACY_AUTH_PROBLEMS,
    Caller,
    CallsReader,
    EventsReporter,
    Joiner,
    SessionsAuthor,
    SessionsReader,
)
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly, authorized
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import Identifier, storable
from videobroker.web.legacy.errors import (
    THERAPY_READS,
    THERAPY_ROOM_CODES,
    THERAPY_WRITES,
    VENDOR_PROBLEMS,
    legacy_route,
)
from videobroker.web.legacy.schemas import JsMoment, OldAnswer, OldBody, OldId
from videobroker.web.v1.bookings import Minutes
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS

FAMILY = "video_call"
"""The key in a booking's metadata under which the notes stand."""
THERAPIST, CLIENT = "therapist", "client"
LEADING = (THERAPIST, CLIENT)
LONGEST_LIST = 500

log = structlog.get_logger(__name__)

_COMMON = (
    "invalid_request",
    *LEGACY_AUTH_PROBLEMS,
    *ROLE_PROBLEMS,
    "storage_unavailable",
    "internal_error",
)
_BODY = (*_COMMON, "malformed_json", "body_too_large")

router = APIRouter(tags=["legacy: therapy"])
_reading = APIRouter(
    prefix="/api/video-calls",
    route_class=legacy_route(THERAPY_READS, LegacyFamily.THERAPY),
    generate_unique_id_function=by_name,
)
_writing = APIRouter(
    prefix="/api/video-calls",
    route_class=legacy_route(THERAPY_WRITES, LegacyFamily.THERAPY),
    generate_unique_id_function=by_name,
)
_resolving = APIRouter(
    prefix="/api/video-calls",
    route_class=legacy_route(THERAPY_ROOM_CODES, LegacyFamily.THERAPY),
    generate_unique_id_function=by_name,
)

OldStatus = Literal["scheduled", "in-progress", "completed", "cancelled"]
_STEPS: dict[OldStatus, ProgressAction] = {
    "scheduled": ProgressAction.REOPEN,
    "in-progress": ProgressAction.START,
    "completed": ProgressAction.COMPLETE,
    "cancelled": ProgressAction.CANCEL,
}

Notes = Annotated[str, Field(max_length=4_000, pattern=r"^[^\u0000]*$")]
BookingId = Annotated[Identifier, Path(description="The `id` of the video call.", examples=["therapy-1"])]

_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
    "roomCode": "therabook-abc-defg-hij",
    "therapistId": "therapist-123",
    "clientId": "client-456",
    "scheduledTime": "2026-03-12T14:00:00.000Z",
    "duration": 60,
    "status": "scheduled",
    "notes": "First session",
    "createdAt": "2026-03-01T09:30:00.000Z",
}


class VideoCallIn(OldBody):
    """A video call to be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "therapistId": "therapist-123",
                    "clientId": "client-456",
                    "scheduledTime": "2026-03-12T14:00:00.000Z",
                    "duration": 60,
                    "notes": "First session",
                }
            ]
        }
    )

    therapist_id: OldId
    client_id: OldId
    scheduled_time: JsMoment = Field(description="ISO 8601 with `Z` or an offset.")
    duration: Minutes = Field(default=60, description="Minutes.")
    notes: Notes | None = None

    def terms(self) -> SessionTerms:
        """In our words."""
        return SessionTerms(
            starts_at=self.scheduled_time,
            ends_at=self.scheduled_time + timedelta(minutes=self.duration),
            metadata={} if self.notes is None else {FAMILY: {"notes": self.notes}},
        )

    def people(self) -> list[Participant]:
        """In our words."""
        return [Participant(str(self.therapist_id), THERAPIST), Participant(str(self.client_id), CLIENT)]


class VideoCallPatch(OldBody):
    """Some fields of a video call. What is left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "in-progress"}]})

    status: OldStatus | None = None
    scheduled_time: JsMoment | None = None
    duration: Minutes | None = None
    notes: Notes | None = None

    @property
    def changes_terms(self) -> bool:
        """Is there anything besides the status?"""
        return (self.scheduled_time, self.duration, self.notes) != (None, None, None)

    def amend(self, terms: SessionTerms) -> SessionTerms:
        """The terms with these changes; a call that is moved keeps its length."""
        lasts = _length(terms) if self.duration is None else timedelta(minutes=self.duration)
        starts_at = self.scheduled_time or terms.starts_at
        return replace(
            terms,
            starts_at=starts_at,
            ends_at=None if starts_at is None else starts_at + lasts,
            metadata=terms.metadata if self.notes is None else {**terms.metadata, FAMILY: {"notes": self.notes}},
        )


class VideoCall(OldAnswer):
    """A video call: the old system's `VideoCallSession`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    room_code: str | None = Field(
        description="The client's room code with the app's prefix; null while the vendor has not given one."
    )
    therapist_id: str | None = Field(description="Null for a booking of `/v1` without a therapist.")
    client_id: str | None = Field(description="Null for a booking of `/v1` without a client.")
    scheduled_time: JsMoment
    duration: int | float = Field(description="Minutes.")
    status: OldStatus
    notes: str | None = Field(default=None, exclude_if=lambda notes: notes is None, description="Absent without notes.")
    created_at: JsMoment


class VideoCallNow(VideoCall):
    """A video call, and whether it may be joined now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "canJoin": False, "opensAt": "2026-03-12T13:50:00.000Z"}]}
    )

    can_join: bool = Field(description="For the user of the token or of X-User-Id; else, for anybody at all.")
    opens_at: JsMoment | None = Field(description="When the lobby opens; null when it never will.")


class RoomBehindCode(OldAnswer):
    """What a room code opens."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "bookingId": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
                    "roomCode": "abc-defg-hij",
                    "url": "https://acme.app.100ms.live/meeting/abc-defg-hij?name=Hugo&userId=client-456",
                }
            ]
        }
    )

    booking_id: str
    room_code: str = Field(description="The vendor's code, without the prefix.")
    url: str | None = Field(
        description="The vendor's page with the name of the user of the token or of X-User-Id; null without a user, "
        "and where the account names no subdomain."
    )


class ReportIn(OldBody):
    """Something that happened in a call. Whatever else is sent is kept as details, credentials excepted."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"bookingId": "therapy-1", "event": "participant_joined", "userId": "client-456"}]
        },
    )

    booking_id: Identifier
    event: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\u0000-\u001f\u007f]*$")]
    user_id: OldId | None = None
    timestamp: JsMoment | None = Field(default=None, description="By the app's clock.")

    @model_validator(mode="after")
    def _details_can_be_kept(self) -> "ReportIn":
        storable(self.model_extra or {})
        return self


class LogEntry(OldAnswer):
    """One line of a call log."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
                    "bookingId": "therapy-1",
                    "event": "participant_joined",
                    "userId": "client-456",
                    "timestamp": "2026-03-12T13:55:00.120Z",
                    "source": "app",
                    "details": {"device": "tablet"},
                }
            ]
        }
    )

    id: str
    booking_id: str
    event: str = Field(description="What the app called it; or `call.started`, `call.ended`.")
    user_id: str | None
    timestamp: JsMoment = Field(description="When the app says it happened; else, when we heard of it.")
    source: Literal["app", "videobroker"] = Field(description="Who says so.")
    details: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Names:
    therapist_id: str | None
    client_id: str | None
    user: tuple[str, str | None] | None

    def people(self, caller: Caller) -> list[tuple[str, str | None]]:
        """Who must be on the rosters of the video calls that are listed."""
        named = [
            *([(self.therapist_id, THERAPIST)] if self.therapist_id is not None else []),
            *([(self.client_id, CLIENT)] if self.client_id is not None else []),
            *([self.user] if self.user is not None else []),
        ]
        if not named and caller.user_id is None:
            raise InvalidInput("Whose video calls? Send `therapistId`, `clientId`, or `userId`.")
        return named


def _length(terms: SessionTerms) -> timedelta:
    return terms.ends_at - terms.starts_at if terms.ends_at and terms.starts_at else timedelta(hours=1)


def _minutes(lasts: timedelta) -> int | float:
    minutes = lasts / timedelta(minutes=1)
    return int(minutes) if minutes.is_integer() else minutes


def _key(caller: Caller, booking_id: str) -> SessionKey:
    return SessionKey(caller.app.id, SessionKind.BOOKING, booking_id)


def _old_status(standing: SessionProgress) -> OldStatus:
    match standing.session.terms.status:
        case SessionStatus.CANCELLED:
            return "cancelled"
        case SessionStatus.COMPLETED:
            return "completed"
        case SessionStatus.PENDING | SessionStatus.CONFIRMED:
            return "in-progress" if standing.call_running else "scheduled"


async def _code(caller: Caller, standing: SessionProgress) -> str | None:
    """The client's code, made now if need be. What keeps it from being made does not keep the call from being shown."""
    try:
        _, code = await issue_room_code(caller.context, standing.session.key, role=CLIENT, user_id=caller.user_id)
    except StorageUnavailable:
        raise
    except BrokerError as error:
        log.info("legacy.room_code_failed", session_id=str(standing.session.id), error=error.code)
        return (await _known_codes(caller, [standing])).get(standing.session.id)
    return code


async def _current_code(caller: Caller, key: SessionKey) -> str | None:
    """The client's code with the app's prefix; None if codes are no longer issued."""
    try:
        _, code = await issue_room_code(caller.context, key, role=CLIENT, user_id=caller.user_id, replayed=True)
    except StorageUnavailable:
        raise
    except BrokerError as error:
        log.info("legacy.room_code_reissue_failed", reference=key.reference, error=error.code)
        return None
    return add_code_prefix(code, code_prefix(caller.app))


async def _known_codes(caller: Caller, found: Sequence[SessionProgress]) -> dict[SessionId, str]:
    return await issue_existing_codes(caller.context, found, role=CLIENT, user_id=caller.user_id)


def _fields(caller: Caller, standing: SessionProgress, code: str | None) -> dict[str, Any]:
    session = standing.session
    therapist, client = standing.first_by_role.get(THERAPIST), standing.first_by_role.get(CLIENT)
    kept = session.terms.metadata.get(FAMILY)
    return {
        "id": session.key.reference,
        "room_code": None if code is None else add_code_prefix(code, code_prefix(caller.app)),
        "therapist_id": therapist and therapist.user_id,
        "client_id": client and client.user_id,
        "scheduled_time": session.terms.starts_at or session.created_at,
        "duration": _minutes(_length(session.terms)),
        "status": _old_status(standing),
        "notes": kept.get("notes") if isinstance(kept, dict) and not caller.is_user else None,
        "created_at": session.created_at,
    }


async def _now(caller: Caller, key: SessionKey) -> VideoCallNow:
    standing = await progress.load_progress(caller.context, key, roles=LEADING, acting_for=caller.acting_for)
    code = await _code(caller, standing)
    decision = await progress.access_now(caller.context, key, user_id=caller.user_id)
    return VideoCallNow(
        **_fields(caller, standing, code), can_join=isinstance(decision, AdmitDecision), opens_at=decision.opens_at
    )


def _entry(event: Event) -> LogEntry:
    data = event.data or {}
    if event.type is EventType.APP_REPORTED:
        name, source, details = data["event"], "app", data["details"]
    else:
        name, source = event.type.value, "videobroker"
        details = {"callId": data.get("call")} | (
            {"duration": data["duration_seconds"]} if "duration_seconds" in data else {}
        )
    reported_at = data.get("reported_at")
    return LogEntry(
        id=str(event.id),
        booking_id=event.session.reference if event.session else "",
        event=name,
        user_id=event.user_id,
        timestamp=datetime.fromisoformat(reported_at) if reported_at else event.occurred_at,
        source=source,
        details=details,
    )


@_writing.post(
    "/rooms",
    status_code=201,
    summary="Create a video call",
    response_model=VideoCall,
    responses=THERAPY_WRITES.described(
        *_BODY, *IDEMPOTENCY_PROBLEMS, "session_not_found", "duplicate_participant", "role_not_mapped"
    ),
)
async def create_video_call(caller: SessionsAuthor, body: VideoCallIn, once: OnceOnly) -> Any:
    """Schedules a video call. Its room and code are made at once; when the vendor does not answer, `roomCode` is null
    and made when the video call is next read. A user token may create only video calls of its own user."""
    people = body.people()

    async def created() -> VideoCall:
        registered = await register_booking(caller.context, body.terms(), people)
        standing = SessionProgress(
            registered.session,
            first_by_role=select_first_by_role(people),
            own=next((person for person in people if person.user_id == caller.user_id), None),
            room=None,
            call_running=False,
        )
        return VideoCall(**_fields(caller, standing, await _code(caller, standing)))

    async def revalidate(stored: Answer) -> Mapping[str, Any]:
        key = _key(caller, stored.body["id"])
        await require(caller.context, key, Action.VIEW_SESSION)
        return {**stored.body, "roomCode": await _current_code(caller, key)}

    return await once.answer(caller, created, revalidate=revalidate, user_id=str(body.client_id), status=201)


@_reading.get("/rooms", summary="List video calls", responses=THERAPY_READS.described(*_COMMON))
async def list_video_calls(
    caller: SessionsReader,
    therapist_id: Annotated[
        Identifier | None, Query(alias="therapistId", description="Only of this therapist.")
    ] = None,
    client_id: Annotated[Identifier | None, Query(alias="clientId", description="Only of this client.")] = None,
    user_id: Annotated[Identifier | None, Query(alias="userId", description="Only of this person.")] = None,
    user_role: Annotated[
        Literal["therapist", "client"] | None, Query(alias="userRole", description="With `userId`: and in this role.")
    ] = None,
) -> list[VideoCall]:
    """The 500 video calls that are scheduled last, in the order of their start. A user sees only their own. Codes that
    were not made yet are null here: reading one video call makes its code."""
    names = _Names(therapist_id, client_id, None if user_id is None else (user_id, user_role))
    found = await progress.newest_bookings(
        caller.context, names.people(caller), roles=LEADING, acting_for=caller.acting_for, limit=LONGEST_LIST
    )
    codes = await _known_codes(caller, found)
    return [VideoCall(**_fields(caller, standing, codes.get(standing.session.id))) for standing in found]


@_resolving.get(
    "/rooms/{room_code}",
    summary="Get the room behind a room code",
    responses=THERAPY_ROOM_CODES.described(
        *_COMMON,
        "session_not_found",
        *(reason.value for reason in AccessReason),
        "surface_not_offered",
        *VENDOR_PROBLEMS,
    ),
)
async def resolve_room_code(
    caller: Joiner,
    room_code: Annotated[
        str,
        Path(
            min_length=1,
            max_length=128,
            pattern=r"^[^\u0000-\u001f\u007f]*$",
            description="With or without the app's prefix.",
            examples=["therabook-abc-defg-hij"],
        ),
    ],
) -> RoomBehindCode:
    """The vendor's own code, and its page. To users who are not on the roster the code does not exist."""
    resolved = await resolve_code(caller.context, room_code, user_id=caller.user_id)
    return RoomBehindCode(booking_id=resolved.session.key.reference, room_code=resolved.code, url=resolved.url)


@_reading.get(
    "/booking/{booking_id}",
    summary="Read a video call",
    responses=THERAPY_READS.described(*_COMMON, "session_not_found"),
)
async def get_video_call(caller: SessionsReader, booking_id: BookingId) -> VideoCallNow:
    """The video call, and whether it may be joined now. A user sees only their own."""
    return await _now(caller, _key(caller, booking_id))


@_writing.patch(
    "/booking/{booking_id}",
    summary="Change a video call",
    responses=THERAPY_WRITES.described(
        *_BODY,
        "session_not_found",
        "unknown_provider",
        "role_not_mapped",
        *(reason.value for reason in AccessReason),
        "role_may_not",
        "call_not_found",
        *VENDOR_PROBLEMS,
    ),
)
async def patch_video_call(caller: SessionsAuthor, booking_id: BookingId, body: VideoCallPatch) -> VideoCallNow:
    """Changes time, length and notes first, then the status: `in-progress` starts the call and is refused outside the
    window; `completed` ends it and completes the booking; `cancelled` cancels; `scheduled` ends what runs and reopens.
    Asking for the status that it has changes nothing."""
    key = _key(caller, booking_id)
    if caller.acting_for is not None:
        await require_on_roster(caller.broker, key, caller.acting_for)
    if body.changes_terms:
        await registration.amend(caller.context, key, body.amend)
    if body.status is not None:
        step = _STEPS[body.status]
        await progress.take_step(caller.context, key, step, user_id=caller.user_id)
    return await _now(caller, key)


@_writing.post(
    "/log",
    status_code=201,
    summary="Report an event of a video call",
    response_model=LogEntry,
    responses=THERAPY_WRITES.described(*_BODY, *IDEMPOTENCY_PROBLEMS, "session_not_found"),
)
async def report_video_call_event(caller: EventsReporter, body: ReportIn, once: OnceOnly) -> Any:
    """Writes it into the journal, as something that the app says. The details have at most 4096 bytes; credentials
    are taken out of them. A user token reports for its own user only."""
    user_id = caller.speaks_for(None if body.user_id is None else str(body.user_id))

    async def reported() -> LogEntry:
        recorded = await app_events.report(
            caller.context,
            _key(caller, body.booking_id),
            body.event,
            details=body.model_extra or {},
            user_id=user_id,
            reported_at=body.timestamp,
        )
        return _entry(recorded.event)

    async def check() -> None:
        await app_events.require_may_report(caller.context, _key(caller, body.booking_id), user_id)

    return await once.answer(caller, reported, revalidate=authorized(check), user_id=user_id, status=201)


@_reading.get(
    "/log", summary="Read the log of a video call", responses=THERAPY_READS.described(*_COMMON, "session_not_found")
)
async def list_video_call_log(
    caller: CallsReader,
    booking_id: Annotated[Identifier, Query(alias="bookingId", description="Of this video call.")],
) -> list[LogEntry]:
    """The newest 500 lines, the newest last: what the app reported, and every start and end of a call."""
    key = _key(caller, booking_id)
    events = await app_events.history(caller.context, key, acting_for=caller.acting_for)
    return [_entry(event) for event in events]


for each in (_writing, _reading, _resolving):
    router.include_router(each)
