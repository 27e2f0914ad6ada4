"""Video calls of therapists and clients: sessions with a status, room codes, and a call log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import ConfigDict, Field, JsonValue, model_validator

from videobroker.domain.access import AccessReason, AdmitDecision
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
from videobroker.usecases.idempotency import KeyedResponse
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
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, authorized
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import Identifier, storable
from videobroker.web.legacy.errors import (
    THERAPY_READS,
    THERAPY_ROOM_CODES,
    THERAPY_WRITES,
    VENDOR_PROBLEMS,
    legacy_route,
)
from videobroker.web.legacy.schemas import JsMoment, LegacyId, LegacyRequest, LegacyResponse
from videobroker.web.v1.bookings import Minutes
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS

FAMILY = "video_call"
"""The key in a booking's metadata that contains the notes."""
THERAPIST, CLIENT = "therapist", "client"
ROOM_CODE_ROLES = (THERAPIST, CLIENT)
MAX_LISTED_CALLS = 500

log = structlog.get_logger(__name__)

_COMMON = (
    "invalid_request",
    *LEGACY_AUTH_PROBLEMS,
    *ROLE_PROBLEMS,
    "storage_unavailable",
    "internal_error",
)
_BODY = (*_COMMON, "malformed_json", "body_too_large")

router = APIRouter(tags=["legacyTherapy"])
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

VideoCallStatus = Literal["scheduled", "in-progress", "completed", "cancelled"]
_STEPS: dict[VideoCallStatus, ProgressAction] = {
    "scheduled": ProgressAction.REOPEN,
    "in-progress": ProgressAction.START,
    "completed": ProgressAction.COMPLETE,
    "cancelled": ProgressAction.CANCEL,
}

Notes = Annotated[str, Field(max_length=4_000, pattern=r"^[^\x00]*$")]
BookingId = Annotated[Identifier, Path(description="The `id` of the video call.", examples=["therapy-1"])]

_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
    "roomCode": "therabook-abc-defg-hij",
    "therapistId": "therapist-123",
    "clientId": "client-456",
    "scheduledTime": "2030-03-12T14:00:00.000Z",
    "duration": 60,
    "status": "scheduled",
    "notes": "First session",
    "createdAt": "2030-03-01T09:30:00.000Z",
}


class VideoCallInput(LegacyRequest):
    """A request to create a video call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "therapistId": "therapist-123",
                    "clientId": "client-456",
                    "scheduledTime": "2030-03-12T14:00:00.000Z",
                    "duration": 60,
                    "notes": "First session",
                }
            ]
        }
    )

    therapist_id: LegacyId
    client_id: LegacyId
    scheduled_time: JsMoment = Field(description="ISO 8601 with `Z` or an offset.")
    duration: Minutes = Field(default=60, description="Minutes.")
    notes: Notes | None = None

    def terms(self) -> SessionTerms:
        return SessionTerms(
            starts_at=self.scheduled_time,
            ends_at=self.scheduled_time + timedelta(minutes=self.duration),
            metadata={} if self.notes is None else {FAMILY: {"notes": self.notes}},
        )

    def people(self) -> list[Participant]:
        return [Participant(str(self.therapist_id), THERAPIST), Participant(str(self.client_id), CLIENT)]


class VideoCallPatch(LegacyRequest):
    """The fields to update. Omitted and null fields do not change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "in-progress"}]})

    status: VideoCallStatus | None = None
    scheduled_time: JsMoment | None = None
    duration: Minutes | None = None
    notes: Notes | None = None

    @property
    def changes_terms(self) -> bool:
        """Whether fields other than the status are set."""
        return (self.scheduled_time, self.duration, self.notes) != (None, None, None)

    def amend(self, terms: SessionTerms) -> SessionTerms:
        """The terms with these changes. A call that is rescheduled keeps its duration."""
        lasts = _length(terms) if self.duration is None else timedelta(minutes=self.duration)
        starts_at = self.scheduled_time or terms.starts_at
        return replace(
            terms,
            starts_at=starts_at,
            ends_at=None if starts_at is None else starts_at + lasts,
            metadata=terms.metadata if self.notes is None else {**terms.metadata, FAMILY: {"notes": self.notes}},
        )


class VideoCall(LegacyResponse):
    """A video call, in the format of the old system's `VideoCallSession`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    room_code: str | None = Field(
        description="The client's room code with the app's prefix. Null if it does not exist yet."
    )
    therapist_id: str | None = Field(description="Null for a booking from `/v1` without a therapist.")
    client_id: str | None = Field(description="Null for a booking from `/v1` without a client.")
    scheduled_time: JsMoment
    duration: int | float = Field(description="Minutes.")
    status: VideoCallStatus
    notes: str | None = Field(
        default=None, exclude_if=lambda notes: notes is None, description="Omitted if there are no notes."
    )
    created_at: JsMoment


class VideoCallAccess(VideoCall):
    """A video call, and whether it can be joined now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "canJoin": False, "opensAt": "2030-03-12T13:50:00.000Z"}]}
    )

    can_join: bool = Field(
        description="Whether the user of the user token or of `X-User-Id` can join now. Without a user, whether anyone "
        "can."
    )
    opens_at: JsMoment | None = Field(description="When the video call can be joined. Null if it never can.")


class RoomCodeTarget(LegacyResponse):
    """The room that a room code is for."""

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
    room_code: str = Field(description="The provider's code, without the prefix.")
    url: str | None = Field(
        description="The provider's call page, with the name of the user of the user token or of `X-User-Id`. Null "
        "without a user, and if the provider account has no subdomain."
    )


class VideoCallEventInput(LegacyRequest):
    """An event of a video call. Additional fields are stored as details, except credentials."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"bookingId": "therapy-1", "event": "participant_joined", "userId": "client-456"}]
        },
    )

    booking_id: Identifier
    event: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
    user_id: LegacyId | None = None
    timestamp: JsMoment | None = Field(default=None, description="When it happened, by your app's clock.")

    @model_validator(mode="after")
    def _details_can_be_stored(self) -> "VideoCallEventInput":
        storable(self.model_extra or {})
        return self


class VideoCallLogEntry(LegacyResponse):
    """An entry of a call log."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
                    "bookingId": "therapy-1",
                    "event": "participant_joined",
                    "userId": "client-456",
                    "timestamp": "2030-03-12T13:55:00.120Z",
                    "source": "app",
                    "details": {"device": "tablet"},
                }
            ]
        }
    )

    id: str
    booking_id: str
    event: str = Field(description="Your name for the event, or `call.started` or `call.ended`.")
    user_id: str | None
    timestamp: JsMoment = Field(description="The reported time if there is one, otherwise the time of the request.")
    source: Literal["app", "videobroker"] = Field(description="Whether your app or this service reported the event.")
    details: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Names:
    therapist_id: str | None
    client_id: str | None
    user: tuple[str, str | None] | None

    def people(self, caller: Caller) -> list[tuple[str, str | None]]:
        """The participants that the listed video calls must have, with their roles."""
        named = [
            *([(self.therapist_id, THERAPIST)] if self.therapist_id is not None else []),
            *([(self.client_id, CLIENT)] if self.client_id is not None else []),
            *([self.user] if self.user is not None else []),
        ]
        if not named and caller.user_id is None:
            raise InvalidInput("Send `therapistId`, `clientId`, or `userId` to select video calls.")
        return named


def _length(terms: SessionTerms) -> timedelta:
    return terms.ends_at - terms.starts_at if terms.ends_at and terms.starts_at else timedelta(hours=1)


def _minutes(lasts: timedelta) -> int | float:
    minutes = lasts / timedelta(minutes=1)
    return int(minutes) if minutes.is_integer() else minutes


def _key(caller: Caller, booking_id: str) -> SessionKey:
    return SessionKey(caller.app.id, SessionKind.BOOKING, booking_id)


def _old_status(session_progress: SessionProgress) -> VideoCallStatus:
    match session_progress.session.terms.status:
        case SessionStatus.CANCELLED:
            return "cancelled"
        case SessionStatus.COMPLETED:
            return "completed"
        case SessionStatus.PENDING | SessionStatus.CONFIRMED:
            return "in-progress" if session_progress.call_running else "scheduled"


async def _code(caller: Caller, session_progress: SessionProgress) -> str | None:
    """The client's code, created if it does not exist. If that fails, the code that exists, if any."""
    try:
        _, code = await issue_room_code(
            caller.context, session_progress.session.key, role=CLIENT, user_id=caller.user_id
        )
    except StorageUnavailable:
        raise
    except BrokerError as error:
        log.info("legacy.room_code_failed", session_id=str(session_progress.session.id), error=error.code)
        return (await _existing_codes(caller, [session_progress])).get(session_progress.session.id)
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


async def _existing_codes(caller: Caller, found: Sequence[SessionProgress]) -> dict[SessionId, str]:
    return await issue_existing_codes(caller.context, found, role=CLIENT, user_id=caller.user_id)


def _fields(caller: Caller, session_progress: SessionProgress, code: str | None) -> dict[str, Any]:
    session = session_progress.session
    therapist, client = session_progress.first_by_role.get(THERAPIST), session_progress.first_by_role.get(CLIENT)
    stored = session.terms.metadata.get(FAMILY)
    return {
        "id": session.key.reference,
        "room_code": None if code is None else add_code_prefix(code, code_prefix(caller.app)),
        "therapist_id": therapist and therapist.user_id,
        "client_id": client and client.user_id,
        "scheduled_time": session.terms.starts_at or session.created_at,
        "duration": _minutes(_length(session.terms)),
        "status": _old_status(session_progress),
        "notes": stored.get("notes") if isinstance(stored, dict) and not caller.is_user else None,
        "created_at": session.created_at,
    }


async def _now(caller: Caller, key: SessionKey) -> VideoCallAccess:
    session_progress = await progress.load_progress(
        caller.context, key, roles=ROOM_CODE_ROLES, acting_for=caller.acting_for
    )
    code = await _code(caller, session_progress)
    decision = await progress.access_now(caller.context, key, user_id=caller.user_id)
    return VideoCallAccess(
        **_fields(caller, session_progress, code),
        can_join=isinstance(decision, AdmitDecision),
        opens_at=decision.opens_at,
    )


def _entry(event: Event) -> VideoCallLogEntry:
    data = event.data or {}
    if event.type is EventType.APP_REPORTED:
        name, source, details = data["event"], "app", data["details"]
    else:
        name, source = event.type.value, "videobroker"
        details = {"callId": data.get("call")} | (
            {"duration": data["duration_seconds"]} if "duration_seconds" in data else {}
        )
    reported_at = data.get("reported_at")
    return VideoCallLogEntry(
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
async def create_video_call(caller: SessionsAuthor, body: VideoCallInput, idempotency: Idempotency) -> Response:
    """Creates a video call with its room and code. If the provider cannot be reached, `roomCode` is null, and the code
    is created when you next get the video call. With a user token, the user must be the therapist or the client."""
    people = body.people()

    async def created() -> VideoCall:
        registered = await register_booking(caller.context, body.terms(), people)
        session_progress = SessionProgress(
            registered.session,
            first_by_role=select_first_by_role(people),
            own=next((person for person in people if person.user_id == caller.user_id), None),
            room=None,
            call_running=False,
        )
        return VideoCall(**_fields(caller, session_progress, await _code(caller, session_progress)))

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        key = _key(caller, stored.body["id"])
        await require(caller.context, key, Action.VIEW_SESSION)
        return {**stored.body, "roomCode": await _current_code(caller, key)}

    return await idempotency.respond(caller, created, revalidate=revalidate, user_id=str(body.client_id), status=201)


@_reading.get("/rooms", summary="List video calls", responses=THERAPY_READS.described(*_COMMON))
async def list_video_calls(
    caller: SessionsReader,
    therapist_id: Annotated[
        Identifier | None, Query(alias="therapistId", description="Only video calls of this therapist.")
    ] = None,
    client_id: Annotated[
        Identifier | None, Query(alias="clientId", description="Only video calls of this client.")
    ] = None,
    user_id: Annotated[Identifier | None, Query(alias="userId", description="Only video calls of this person.")] = None,
    user_role: Annotated[
        Literal["therapist", "client"] | None,
        Query(alias="userRole", description="Only video calls in which the person has this role. Requires `userId`."),
    ] = None,
) -> list[VideoCall]:
    """Returns the latest 500 video calls by start time. With a user token or `X-User-Id`, only those of the user.
    `roomCode` is null if the code does not exist yet; getting a single video call creates it."""
    names = _Names(therapist_id, client_id, None if user_id is None else (user_id, user_role))
    found = await progress.newest_bookings(
        caller.context,
        names.people(caller),
        roles=ROOM_CODE_ROLES,
        acting_for=caller.acting_for,
        limit=MAX_LISTED_CALLS,
    )
    codes = await _existing_codes(caller, found)
    return [
        VideoCall(**_fields(caller, session_progress, codes.get(session_progress.session.id)))
        for session_progress in found
    ]


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
            pattern=r"^[^\x00-\x1f\x7f]*$",
            description="The room code, with or without the app's prefix.",
            examples=["therabook-abc-defg-hij"],
        ),
    ],
) -> RoomCodeTarget:
    """Returns the provider's code and its call page. For users who are not participants, the code does not exist."""
    resolved = await resolve_code(caller.context, room_code, user_id=caller.user_id)
    return RoomCodeTarget(booking_id=resolved.session.key.reference, room_code=resolved.code, url=resolved.url)


@_reading.get(
    "/booking/{booking_id}",
    summary="Get a video call",
    responses=THERAPY_READS.described(*_COMMON, "session_not_found"),
)
async def get_video_call(caller: SessionsReader, booking_id: BookingId) -> VideoCallAccess:
    """Returns a video call, and whether it can be joined now. With a user token or `X-User-Id`, the
    user must be a participant."""
    return await _now(caller, _key(caller, booking_id))


@_writing.patch(
    "/booking/{booking_id}",
    summary="Update a video call",
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
async def update_video_call(caller: SessionsAuthor, booking_id: BookingId, body: VideoCallPatch) -> VideoCallAccess:
    """Updates time, duration, and notes first, and then the status. `in-progress` starts the call, and is refused
    outside the window. `completed` ends the call and completes the booking. `cancelled` cancels the booking.
    `scheduled` ends a running call and reopens the booking. Setting the current status has no effect."""
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
    response_model=VideoCallLogEntry,
    responses=THERAPY_WRITES.described(*_BODY, *IDEMPOTENCY_PROBLEMS, "session_not_found"),
)
async def report_video_call_event(
    caller: EventsReporter, body: VideoCallEventInput, idempotency: Idempotency
) -> Response:
    """Writes the event into the journal, as reported by the app. The details can have at most 4,096 bytes; credentials
    are removed from them. With a user token, the event can only be about the user."""
    user_id = caller.speaks_for(None if body.user_id is None else str(body.user_id))

    async def reported() -> VideoCallLogEntry:
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

    return await idempotency.respond(caller, reported, revalidate=authorized(check), user_id=user_id, status=201)


@_reading.get(
    "/log", summary="Get the log of a video call", responses=THERAPY_READS.described(*_COMMON, "session_not_found")
)
async def list_video_call_log(
    caller: CallsReader,
    booking_id: Annotated[Identifier, Query(alias="bookingId", description="The `id` of the video call.")],
) -> list[VideoCallLogEntry]:
    """Returns the latest 500 entries, oldest first: events that the app reported, and starts and ends of calls."""
    key = _key(caller, booking_id)
    events = await app_events.history(caller.context, key, acting_for=caller.acting_for)
    return [_entry(event) for event in events]


for each in (_writing, _reading, _resolving):
    router.include_router(each)
