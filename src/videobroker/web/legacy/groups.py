"""Group chats: tokens for members and guests. Errors and the order of checks are those of the old handlers."""

import json
import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    ValidationError,
    WithJsonSchema,
)

from videobroker.domain.access import AccessReason, RefuseDecision
from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.texts import check_name
from videobroker.errors import AccessDenied, GuestNameRequired, InvalidGroupId, InvalidGuestBody, SessionNotFound
from videobroker.providers.contract import Surface, TokenCredentials
from videobroker.usecases.access import denial, require_on_roster
from videobroker.usecases.joining.join import JoinRequester, JoinResult, guest_id
from videobroker.web.http.auth import LEGACY_AUTH_PROBLEMS, Caller, Joiner
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, IdempotentRequest
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import NAME_SCHEMA
from videobroker.web.join_response import join_response
from videobroker.web.legacy.errors import GROUP_GUESTS, GROUP_MEMBERS, legacy_route

_UUID = re.compile(
    r"(?:urn:uuid:)?(?:X{8}-X{4}-X{4}-X{4}-X{12})|\{X{8}-X{4}-X{4}-X{4}-X{12}\}|X{32}".replace("X", "[0-9a-f]"),
    re.IGNORECASE | re.ASCII,
)
_UUID_PATTERN = "^((urn:uuid:)?X{8}-X{4}-X{4}-X{4}-X{12}|[{]X{8}-X{4}-X{4}-X{4}-X{12}[}]|X{32})$".replace(
    "X", "[0-9A-Fa-f]"
)

_REASONS = tuple(reason.value for reason in AccessReason)
_FAILURES = (
    "storage_unavailable",
    "provider_unavailable",
    "provider_refused",
    "provider_not_configured",
    "room_not_ready",
    "role_not_mapped",
)
_MEMBER_CODES = (
    "invalid_group_id",
    "invalid_request",
    *LEGACY_AUTH_PROBLEMS,
    *IDEMPOTENCY_PROBLEMS,
    "session_not_found",
    *_REASONS,
    "role_may_not",
    "surface_not_offered",
    *_FAILURES,
)
_GUEST_CODES = (*_MEMBER_CODES, "invalid_request_body", "guest_name_required", "body_too_large")


class GroupGuestInput(BaseModel):
    """A guest who wants to join. Other fields are ignored, as in the old system."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"guest_name": "Grandma"}], "required": ["guest_name"]}
    )

    guest_name: Annotated[
        StrictStr,
        AfterValidator(lambda name: name and check_name(name)),
        BeforeValidator(lambda value: "" if value is None else value),
        WithJsonSchema(NAME_SCHEMA),
        Field(description="The guest's name.", default_factory=str),
    ]


class GroupVideoToken(BaseModel):
    """For the 100ms SDK: join with `token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"token": "eyJhbGciOiJIUzI1NiIs...", "room_id": "65f0c1a2b3d4e5f60718293a", "role": "host"},
            ]
        }
    )

    token: str
    room_id: str = Field(description="The 100ms ID of the room that the token is for.")
    role: str = Field(description="The role at 100ms.")


GroupId = Annotated[
    str,
    Path(
        description="The group's UUID. Groups are registered under its lower-case form with hyphens.",
        json_schema_extra={"pattern": _UUID_PATTERN},
        examples=["0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"],
    ),
]
_GUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/GroupGuestInput"}}},
    }
}

_PREFIX = "/api/messenger/groups/{group_id}/video"
_TAGS = ["legacyGroups"]
_members = APIRouter(
    prefix=_PREFIX,
    tags=[*_TAGS],
    route_class=legacy_route(GROUP_MEMBERS, LegacyFamily.GROUPS),
    generate_unique_id_function=by_name,
)
_guests = APIRouter(
    prefix=_PREFIX,
    tags=[*_TAGS],
    route_class=legacy_route(GROUP_GUESTS, LegacyFamily.GROUPS),
    generate_unique_id_function=by_name,
)


@_members.post(
    "/token",
    summary="Get a 100ms token for a group",
    responses=GROUP_MEMBERS.described(*_MEMBER_CODES),
    response_model=GroupVideoToken,
)
async def create_group_video_token(caller: Joiner, group_id: GroupId, idempotency: Idempotency) -> Response:
    """Does the same as `POST /v1/groups/{reference}/join`, for the 100ms SDK. The body is ignored. Users who are not
    members get the same error whether the group exists or not."""
    key, user_id = _key(caller, group_id), caller.must_speak_for(None)
    try:
        return await _enter(idempotency, caller, key, JoinRequester(user_id))
    except (SessionNotFound, AccessDenied):
        await _raise_for_non_member(caller, key, user_id)
        raise


@_guests.post(
    "/guest-token",
    summary="Get a 100ms token for a guest of a group",
    responses=GROUP_GUESTS.described(*_GUEST_CODES),
    openapi_extra=_GUEST_BODY,
    response_model=GroupVideoToken,
)
async def create_group_guest_token(
    caller: Joiner, group_id: GroupId, request: Request, idempotency: Idempotency
) -> Response:
    """Does the same as `POST /v1/groups/{reference}/guests`, for the 100ms SDK. Every request creates a new guest; with
    an `Idempotency-Key`, every new key does."""
    key = _key(caller, group_id)
    name = await _guest_name(request)
    guest = guest_id(caller.context, idempotency_key=idempotency.guest_seed(caller))
    return await _enter(idempotency, caller, key, JoinRequester(guest, name, is_guest=True))


router = APIRouter()
router.include_router(_members)
router.include_router(_guests)


def _key(caller: Caller, group_id: str) -> SessionKey:
    if not _UUID.fullmatch(group_id):
        raise InvalidGroupId("The ID of a group must be a UUID.")
    return SessionKey(caller.app.id, SessionKind.GROUP, str(UUID(group_id.lower())))


async def _guest_name(request: Request) -> str:
    # Not parsed by the framework, which would validate the body before the caller and the group ID.
    try:
        content = await request.json()
        name = GroupGuestInput.model_validate({} if content is None else content).guest_name
    except (json.JSONDecodeError, ValidationError):
        raise InvalidGuestBody(
            "Send a JSON object with `guest_name`: 1 to 200 visible characters, without control characters."
        ) from None
    if not name:
        raise GuestNameRequired("Send the guest's name as `guest_name`.")
    return name


async def _raise_for_non_member(caller: Caller, key: SessionKey, user_id: str) -> None:
    try:
        await require_on_roster(caller.broker, key, user_id)
    except SessionNotFound:
        raise denial(RefuseDecision(AccessReason.NOT_A_PARTICIPANT)) from None


async def _enter(idempotency: IdempotentRequest, caller: Caller, key: SessionKey, requester: JoinRequester) -> Response:
    return await join_response(
        idempotency, caller, key, requester, surface=Surface.SDK, provider=ProviderName.HMS, present=_token_answer
    )


def _token_answer(joined: JoinResult) -> GroupVideoToken:
    credentials = joined.credentials
    assert isinstance(credentials, TokenCredentials)  # noqa: S101  nothing else was asked for
    return GroupVideoToken(token=credentials.token, room_id=credentials.room_id, role=joined.role)
