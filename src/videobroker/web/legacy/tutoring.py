"""Tutoring: tokens of a booking for the 100ms and Agora SDKs, and the video session of a booking."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from videobroker.domain.access import AccessReason
from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.legacy_ids import build_tutoring_user_id
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.providers.contract import ChannelCredentials, Surface, TokenCredentials
from videobroker.usecases.access import load_join_context
from videobroker.usecases.calls import calls
from videobroker.usecases.calls.rooms import room_id_of_call
from videobroker.usecases.joining.join import JoinRequester, JoinResult
from videobroker.web.http.auth import LEGACY_AUTH_PROBLEMS, Caller, CallsWriter, Joiner
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, IdempotentRequest, authorized
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import IDENTIFIER_SCHEMA, Identifier, Moment
from videobroker.web.join_response import join_response
from videobroker.web.legacy.errors import TUTORING, VENDOR_PROBLEMS, legacy_route
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS

_COMMON = (
    *("invalid_request", "malformed_json", "body_too_large"),
    *LEGACY_AUTH_PROBLEMS,
    *IDEMPOTENCY_PROBLEMS,
    *("storage_unavailable", "session_not_found"),
)
_REASONS = tuple(reason.value for reason in AccessReason)
_TOKEN_ERRORS = TUTORING.described(
    *_COMMON, *_REASONS, *VENDOR_PROBLEMS, "role_may_not", "role_not_mapped", "surface_not_offered"
)
_START_ERRORS = TUTORING.described(*_COMMON, *_REASONS, *VENDOR_PROBLEMS, "role_may_not")
_END_ERRORS = TUTORING.described(*_COMMON, *ROLE_PROBLEMS, "call_not_found")


def _digits(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


BookingId = Annotated[
    Identifier,
    BeforeValidator(_digits),
    WithJsonSchema(
        {
            "anyOf": [
                IDENTIFIER_SCHEMA,
                {"type": "integer"},
            ]
        }
    ),
]


class TutoringBookingInput(BaseModel):
    """Identifies a booking. Other fields are ignored, as in the old systems."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", json_schema_extra={"examples": [{"bookingId": "lesson-1"}]}
    )

    booking_id: BookingId = Field(description="Your ID of the booking. A number is converted to a string.")


class _TutoringResponse(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TutoringHmsToken(_TutoringResponse):
    """For the 100ms SDK: join with `token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "eyJhbGciOiJIUzI1NiIs...",
                    "roomId": "65f0c1a2b3d4e5f60718293a",
                    "userId": "tutor-1-lesson-1",
                    "role": "teacher",
                    "appId": "64d1f0aa3c5b7e9012ab34c0",
                }
            ]
        }
    )

    token: str
    room_id: str = Field(description="The 100ms ID of the room that the token is for.")
    user_id: str = Field(
        description="The person's ID at 100ms: the user ID and the booking ID, joined by `-`. A suffix is added if it "
        "would be ambiguous."
    )
    role: str = Field(description="The role at 100ms.")
    app_id: str = Field(description="The access key of the 100ms workspace. Not a secret.")


class TutoringAgoraToken(_TutoringResponse):
    """For the Agora SDK: join with exactly this `channelName`, `token` and `uid`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "007eJxTYB...",
                    "channelName": "vb-0000000000000000000000000a-0000000000000000000000000b",
                    "uid": 1640531528,
                    "appId": "0123456789abcdef0123456789abcdef",
                }
            ]
        }
    )

    token: str
    channel_name: str
    uid: int = Field(description="The person's Agora uid. It stays the same for this booking.")
    app_id: str


class VideoSession(_TutoringResponse):
    """The video session of a booking: its newest call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
                    "bookingId": "lesson-1",
                    "status": "completed",
                    "startedAt": "2030-03-12T13:55:00Z",
                    "endedAt": "2030-03-12T14:58:30Z",
                    "duration": 3810,
                    "hmsRoomId": "65f0c1a2b3d4e5f60718293a",
                    "agoraChannel": None,
                    "agoraUid": None,
                }
            ]
        }
    )

    id: str
    booking_id: str
    status: str = Field(description="`in_progress` or `completed`.")
    started_at: Moment
    ended_at: Moment | None = Field(description="Null while the call is running.")
    duration: int | None = Field(description="Whole seconds from start to end. Null while the call is running.")
    hms_room_id: str | None = Field(description="The 100ms room. Null for Agora.")
    agora_channel: str | None = Field(description="The Agora channel. Null for 100ms.")
    agora_uid: int | None = Field(description="The user's Agora uid. Null for 100ms, and before the user got a token.")


router = APIRouter(
    prefix="/api",
    tags=["legacyTutoring"],
    route_class=legacy_route(TUTORING, LegacyFamily.TUTORING),
    generate_unique_id_function=by_name,
)


@router.post(
    "/100ms/token",
    summary="Get a 100ms token for a booking",
    responses=_TOKEN_ERRORS,
    response_model=TutoringHmsToken,
)
async def create_tutoring_100ms_token(caller: Joiner, body: TutoringBookingInput, idempotency: Idempotency) -> Response:
    """Does the same as `POST /v1/bookings/{reference}/join`, for the 100ms SDK. The token also contains `userId`, so
    that a frontend can find its own peer."""
    provider_user_id = await _provider_user_id(caller, body.booking_id)

    def show(joined: JoinResult) -> TutoringHmsToken:
        credentials = joined.credentials
        assert isinstance(credentials, TokenCredentials)  # noqa: S101  nothing else was asked for
        return TutoringHmsToken(
            token=credentials.token,
            room_id=credentials.room_id,
            user_id=provider_user_id,
            role=joined.role,
            app_id=credentials.app_id,
        )

    return await _join(
        idempotency, caller, body.booking_id, ProviderName.HMS, provider_user_id=provider_user_id, show=show
    )


@router.post(
    "/agora/token",
    summary="Get an Agora token for a booking",
    responses=_TOKEN_ERRORS,
    response_model=TutoringAgoraToken,
)
async def create_tutoring_agora_token(caller: Joiner, body: TutoringBookingInput, idempotency: Idempotency) -> Response:
    """Does the same as `POST /v1/bookings/{reference}/join`, for the Agora SDK."""

    def show(joined: JoinResult) -> TutoringAgoraToken:
        credentials = joined.credentials
        assert isinstance(credentials, ChannelCredentials)  # noqa: S101  nothing else was asked for
        return TutoringAgoraToken(
            token=credentials.token,
            channel_name=credentials.channel,
            uid=credentials.uid,
            app_id=credentials.app_id,
        )

    return await _join(idempotency, caller, body.booking_id, ProviderName.AGORA, show=show)


@router.post(
    "/video-sessions/start",
    summary="Start the video session of a booking",
    responses=_START_ERRORS,
    response_model=VideoSession,
)
async def start_video_session(caller: CallsWriter, body: TutoringBookingInput, idempotency: Idempotency) -> Response:
    """Does the same as `POST /v1/bookings/{reference}/start`. Returns the running video session if there is one."""
    key, user_id = _key(caller, body.booking_id), caller.must_speak_for(None)

    async def started() -> VideoSession:
        _, call = await calls.start_call(caller.context, key, user_id=user_id)
        return await _video_session(caller, key, call)

    async def check() -> None:
        await calls.require_may_start(caller.context, key, user_id=user_id)

    return await idempotency.respond(caller, started, revalidate=authorized(check))


@router.post(
    "/video-sessions/end",
    summary="End the video session of a booking",
    responses=_END_ERRORS,
    response_model=VideoSession,
)
async def end_video_session(caller: CallsWriter, body: TutoringBookingInput, idempotency: Idempotency) -> Response:
    """Does the same as `POST /v1/bookings/{reference}/end`. Returns the last video session if none is running."""
    key, user_id = _key(caller, body.booking_id), caller.must_speak_for(None)

    async def ended() -> VideoSession:
        _, call = await calls.end_call(caller.context, key, user_id=user_id)
        return await _video_session(caller, key, call)

    async def check() -> None:
        await calls.require_may_end(caller.context, key, user_id=user_id)

    return await idempotency.respond(caller, ended, revalidate=authorized(check))


async def _provider_user_id(caller: Caller, booking_id: str) -> str:
    user_id = caller.must_speak_for(None)
    # A participant with exactly this user ID has it at 100ms, too, if they join with `/v1`.
    plain = await load_join_context(caller.broker, _key(caller, booking_id), f"{user_id}-{booking_id}")
    return build_tutoring_user_id(user_id, booking_id, is_taken=plain.participant is not None)


def _key(caller: Caller, booking_id: str) -> SessionKey:
    return SessionKey(caller.app.id, SessionKind.BOOKING, booking_id)


async def _join(
    idempotency: IdempotentRequest,
    caller: Caller,
    booking_id: str,
    provider: ProviderName,
    *,
    provider_user_id: str | None = None,
    show: Callable[[JoinResult], BaseModel],
) -> Response:
    requester = JoinRequester(caller.must_speak_for(None), provider_user_id=provider_user_id)
    key = _key(caller, booking_id)
    return await join_response(
        idempotency, caller, key, requester, surface=Surface.SDK, provider=provider, present=show
    )


async def _video_session(caller: Caller, key: SessionKey, call: Call) -> VideoSession:
    join_context = await load_join_context(caller.broker, key, caller.must_speak_for(None))
    room_id = await room_id_of_call(caller.context, join_context, call)
    place: dict[str, Any] = {"hms_room_id": None, "agora_channel": None, "agora_uid": None}
    if call.provider is ProviderName.HMS:
        place |= {"hms_room_id": room_id}
    else:
        place |= {"agora_channel": room_id, "agora_uid": join_context.uid}
    return VideoSession(
        id=str(call.id),
        booking_id=key.reference,
        status="in_progress" if call.ended_at is None else "completed",
        started_at=call.started_at,
        ended_at=call.ended_at,
        duration=call.duration_seconds,
        **place,
    )
