"""Joining a session: the access decision, join credentials, and the start and end of a call."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, RootModel

from videobroker.domain.access import AccessReason
from videobroker.domain.calls import Call
from videobroker.domain.ids import SessionId
from videobroker.domain.join_context import JoinContext
from videobroker.domain.sessions import Session, SessionKey, SessionKind
from videobroker.providers.contract import ChannelCredentials, PrebuiltCredentials, Surface
from videobroker.usecases.access import check_access
from videobroker.usecases.calls import calls
from videobroker.usecases.joining.join import JoinRequester, JoinResult, guest_id, require_known_guest
from videobroker.web.fast_path import fast_path
from videobroker.web.http.auth import Caller, CallsReader, CallsWriter, Joiner
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, IdempotentRequest
from videobroker.web.http.json_response import JsonFields
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import AccessDecisionOut, Identifier, Moment, Name, RequestModel, access_fields
from videobroker.web.join_response import join_response
from videobroker.web.v1.calls import NEW_CALL_EXAMPLE, CallList, CallOut, call_fields, call_out
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import (
    BODY_PROBLEMS,
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    Cursor,
    Limit,
    Reference,
    session_key,
)

MAX_FAST_BODY_BYTES = 4096
"""The body of a join has about a hundred bytes."""

_PROVIDER_PROBLEMS = ("provider_unavailable", "provider_refused", "provider_not_configured", "room_not_ready")
_REASONS = tuple(reason.value for reason in AccessReason)
_JOIN_PROBLEMS = (
    *SESSION_PROBLEMS,
    *BODY_PROBLEMS,
    *IDEMPOTENCY_PROBLEMS,
    *_REASONS,
    "role_may_not",
    "role_not_mapped",
    "surface_not_offered",
    *_PROVIDER_PROBLEMS,
)


class AccessCheckInput(RequestModel):
    """The person whose access is checked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "tutor-1"}]})

    user_id: Identifier | None = Field(default=None, description="Omit it to check the access of a guest.")


class JoinInput(RequestModel):
    """The participant who joins, and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "tutor-1"}]})

    user_id: Identifier | None = Field(
        default=None, description="A participant of the session. Optional with a user token, a ticket, or `X-User-Id`."
    )
    display_name: Name | None = Field(
        default=None, description="With an API key: replaces the participant's name. End users cannot choose a name."
    )
    surface: Surface = Field(default=Surface.SDK, description="The vendor's SDK, or its ready-made page.")


class GuestJoinInput(RequestModel):
    """A guest who joins."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Grandma"}]})

    name: Name = Field(description="The name of the guest.")
    guest_id: Identifier | None = Field(
        default=None,
        description="The ID from an earlier response, to join again as that guest. Omit it for a new guest.",
    )
    surface: Surface = Field(default=Surface.SDK, description="The vendor's SDK, or its ready-made page.")


class CallActorInput(RequestModel):
    """The person who starts or ends a call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "tutor-1"}]})

    user_id: Identifier | None = Field(
        default=None, description="A participant of the session; null for the backend itself."
    )


class SessionName(BaseModel):
    """A session, by kind and reference."""

    kind: SessionKind
    reference: str
    title: str | None


class _CommonCredentials(BaseModel):
    role: str = Field(description="The role at the provider.")
    user_id: str
    display_name: str
    expires_at: Moment = Field(description="Join again before then. The access check is repeated.")
    join_id: UUID = Field(
        description="Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of "
        "the ticket changes to another ID, the person has joined somewhere else."
    )
    session: SessionName
    call: CallOut


_COMMON_EXAMPLE: dict[str, Any] = {
    "user_id": "tutor-1",
    "display_name": "Ada",
    "expires_at": "2030-03-12T15:15:00Z",
    "join_id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
    "session": {"kind": "booking", "reference": "lesson-1", "title": "Algebra, lesson 1"},
    "call": NEW_CALL_EXAMPLE,
}


class HmsTokenCredentials(_CommonCredentials):
    """For the 100ms SDK: join with `token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_COMMON_EXAMPLE,
                    "type": "100ms_token",
                    "provider": "100ms",
                    "surface": "sdk",
                    "role": "teacher",
                    "token": "eyJhbGciOiJIUzI1NiIs...",
                    "room_id": "65f0c1a2b3d4e5f60718293a",
                    "app_id": "64d1f0aa3c5b7e9012ab34c0",
                }
            ]
        }
    )

    type: Literal["100ms_token"]
    provider: Literal["100ms"]
    surface: Literal["sdk"]
    token: str
    room_id: str
    app_id: str = Field(description="The access key of the 100ms workspace. Not a secret.")


class HmsRoomCodeCredentials(_CommonCredentials):
    """For the 100ms ready-made page: open `url`, or give `room_code` to the Prebuilt component."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_COMMON_EXAMPLE,
                    "type": "100ms_room_code",
                    "provider": "100ms",
                    "surface": "prebuilt",
                    "role": "host",
                    "room_code": "qzt-mbwr-kfa",
                    "room_id": "65f0c1a2b3d4e5f60718293a",
                    "url": "https://acme.app.100ms.live/meeting/qzt-mbwr-kfa?name=Ada&userId=tutor-1",
                }
            ]
        }
    )

    type: Literal["100ms_room_code"]
    provider: Literal["100ms"]
    surface: Literal["prebuilt"]
    room_code: str
    room_id: str
    url: str


class AgoraTokenCredentials(_CommonCredentials):
    """For the Agora SDK: join with exactly this `channel`, `token` and `uid`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_COMMON_EXAMPLE,
                    "call": {**NEW_CALL_EXAMPLE, "provider": "agora"},
                    "type": "agora_token",
                    "provider": "agora",
                    "surface": "sdk",
                    "role": "publisher",
                    "token": "007eJxTYB...",
                    "channel": "vb-0000000000000000000000000a-0000000000000000000000000b",
                    "uid": 1640531528,
                    "app_id": "0123456789abcdef0123456789abcdef",
                }
            ]
        }
    )

    type: Literal["agora_token"]
    provider: Literal["agora"]
    surface: Literal["sdk"]
    token: str
    channel: str
    uid: int
    app_id: str
    page: str | None = Field(
        default=None, description="Where the account names one: a page that shows the call with these credentials."
    )


JoinOut = HmsTokenCredentials | HmsRoomCodeCredentials | AgoraTokenCredentials


class JoinCredentials(RootModel[Annotated[JoinOut, Field(discriminator="type")]]):
    """Join credentials. `type` is their kind."""


def join_fields(joined: JoinResult) -> dict[str, Any]:
    """The fields of `JoinCredentials`."""
    credentials, session = joined.credentials, joined.session
    common: dict[str, Any] = {
        "role": joined.role,
        "user_id": joined.user_id,
        "display_name": joined.display_name,
        "expires_at": joined.expires_at,
        "join_id": joined.join_id,
        "session": {"kind": session.key.kind, "reference": session.key.reference, "title": session.terms.title},
        "call": call_fields(session, joined.call),
    }
    if isinstance(credentials, ChannelCredentials):
        return common | {
            "type": "agora_token",
            "provider": credentials.provider,
            "surface": credentials.surface,
            "token": credentials.token,
            "channel": credentials.channel,
            "uid": credentials.uid,
            "app_id": credentials.app_id,
            "page": credentials.page,
        }
    if isinstance(credentials, PrebuiltCredentials):
        return common | {
            "type": "100ms_room_code",
            "provider": credentials.provider,
            "surface": credentials.surface,
            "room_code": credentials.room_code,
            "room_id": credentials.room_id,
            "url": credentials.url,
        }
    return common | {
        "type": "100ms_token",
        "provider": credentials.provider,
        "surface": credentials.surface,
        "token": credentials.token,
        "room_id": credentials.room_id,
        "app_id": credentials.app_id,
    }


router = SessionRouter()


@router.post(
    "/access",
    operation_id="check{Kind}Access",
    summary="Check access",
    responses=described(*SESSION_PROBLEMS, *BODY_PROBLEMS),
    response_model=AccessDecisionOut,
)
@fast_path(max_body_bytes=MAX_FAST_BODY_BYTES)
async def check_session_access(caller: Joiner, kind: Kind, reference: Reference, body: AccessCheckInput) -> Response:
    """Returns the access decision. Creates nothing, and records nothing in the journal."""
    key, user_id = session_key(caller, kind, reference), caller.speaks_for(body.user_id)
    decision = await check_access(caller.context, key, user_id=user_id, is_guest=caller.is_guest)
    return JsonFields(access_fields(decision))


@router.post(
    "/join",
    operation_id="join{Kind}",
    summary="Get join credentials",
    responses=described(*_JOIN_PROBLEMS),
    response_model=JoinCredentials,
)
@fast_path(max_body_bytes=MAX_FAST_BODY_BYTES)
async def join_session(
    caller: Joiner, kind: Kind, reference: Reference, idempotency: Idempotency, body: JoinInput | None = None
) -> Response:
    """Checks access, and returns join credentials. The first join opens the room and the call. Joining again repeats
    the check and renews the credentials."""
    terms = body or JoinInput()
    requester = JoinRequester(
        caller.must_speak_for(terms.user_id),
        terms.display_name,
        is_guest=caller.is_guest,
        ticket_name=caller.ticket.display_name if caller.ticket else None,
    )
    key = session_key(caller, kind, reference)
    return await join_response(idempotency, caller, key, requester, surface=terms.surface, present=join_fields)


@router.post(
    "/guests",
    operation_id="join{Kind}AsGuest",
    summary="Get join credentials for a guest",
    responses=described(*_JOIN_PROBLEMS, "participant_not_found"),
    response_model=JoinCredentials,
)
@fast_path(max_body_bytes=MAX_FAST_BODY_BYTES)
async def join_as_guest(
    caller: Joiner, kind: Kind, reference: Reference, body: GuestJoinInput, idempotency: Idempotency
) -> Response:
    """Checks access, and returns join credentials for a guest. Every request without `guest_id` creates a new guest,
    unless it repeats an `Idempotency-Key`. If a guest has to wait, the error contains their `guest_id`: try again with
    it."""
    key = session_key(caller, kind, reference)
    guest = body.guest_id or guest_id(caller.context, idempotency_key=idempotency.guest_seed(caller))
    if body.guest_id is not None:
        await require_known_guest(caller.broker, key, guest)
    requester = JoinRequester(guest, body.name, is_guest=True)
    return await join_response(idempotency, caller, key, requester, surface=body.surface, present=join_fields)


@router.post(
    "/start",
    operation_id="start{Kind}Call",
    summary="Start a call",
    responses=described(
        *SESSION_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *_REASONS, *_PROVIDER_PROBLEMS, "role_may_not"
    ),
    response_model=CallOut,
)
async def start_call(
    caller: CallsWriter, kind: Kind, reference: Reference, idempotency: Idempotency, body: CallActorInput | None = None
) -> Response:
    """Opens the room, and starts a call in it. If a call is running, returns that call."""
    key = session_key(caller, kind, reference)
    return await _change_call(idempotency, caller, key, body, calls.start_call, authorize=calls.require_may_start)


@router.post(
    "/end",
    operation_id="end{Kind}Call",
    summary="End the call",
    responses=described(
        *SESSION_PROBLEMS,
        *BODY_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        "call_not_found",
        *ROLE_PROBLEMS,
    ),
    response_model=CallOut,
)
async def end_call(
    caller: CallsWriter, kind: Kind, reference: Reference, idempotency: Idempotency, body: CallActorInput | None = None
) -> Response:
    """Ends the call for everyone, and closes the room. If no call is running, returns the last one."""
    key = session_key(caller, kind, reference)
    return await _change_call(idempotency, caller, key, body, calls.end_call, authorize=calls.require_may_end)


@router.get(
    "/calls",
    operation_id="list{Kind}Calls",
    summary="List the calls of a session",
    responses=described(*SESSION_PROBLEMS, "invalid_cursor", "role_may_not"),
)
async def list_calls(
    caller: CallsReader, kind: Kind, reference: Reference, limit: Limit = 50, cursor: Cursor = None
) -> CallList:
    """Returns all calls of the session, oldest first, with their durations."""
    session, page = await calls.list_calls(
        caller.context,
        session_key(caller, kind, reference),
        acting_for=caller.acting_for,
        limit=limit,
        cursor=cursor,
    )
    return CallList(data=[call_out(session, call) for call in page.items], next=page.next_cursor)


async def _change_call(
    idempotency: IdempotentRequest,
    caller: Caller,
    key: SessionKey,
    body: CallActorInput | None,
    change: Callable[..., Awaitable[tuple[Session, Call]]],
    *,
    authorize: Callable[..., Awaitable[JoinContext]],
) -> Response:
    """Respond with the changed call, once per idempotency key. A repeated request only calls `authorize`."""
    user_id = body.user_id if body else None

    async def produce() -> CallOut:
        session, call = await change(caller.context, key, user_id=caller.speaks_for(user_id))
        return call_out(session, call)

    async def find_session() -> SessionId:
        return (await authorize(caller.context, key, user_id=caller.speaks_for(user_id))).session.id

    return await idempotency.respond_about(caller, find_session, produce, user_id=user_id)
