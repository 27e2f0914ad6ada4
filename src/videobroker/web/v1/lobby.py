"""The waiting room of a session, for hosts and backends."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.authorization import Action
from videobroker.domain.ids import EntryId
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.usecases.joining import waiting_room
from videobroker.web.http.auth import Caller, Moderator
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, session_key

EntryPath = Annotated[UUID, Path(description="The `entry` of the person in the waiting room.")]

_EXAMPLE: dict[str, Any] = {
    "entry": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a99",
    "user_id": "guest-0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a98",
    "display_name": "Gus",
    "is_guest": True,
    "role": "guest",
    "state": "waiting",
    "asked_at": "2030-03-12T13:58:00Z",
    "seen_at": "2030-03-12T13:59:12Z",
    "decided_at": None,
    "decided_by": None,
}


class LobbyEntryOut(BaseModel):
    """A person in the waiting room."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    entry: UUID = Field(description="The ID to admit or deny the person with.")
    user_id: str
    display_name: str | None
    is_guest: bool
    role: str | None = Field(description="The person's role in your app.")
    state: EntryState = Field(
        description="`stranded` means that the person is waiting, but their client has not polled for 30 seconds. The "
        "next poll changes it back to `waiting`."
    )
    asked_at: Moment = Field(description="When the person asked to join.")
    seen_at: Moment = Field(description="When the person's client last polled.")
    decided_at: Moment | None = Field(description="When the person was admitted or denied.")
    decided_by: str | None = Field(
        description="The user ID of the host. Null if your backend decided, or if there is no decision yet."
    )


class LobbyEntryList(BaseModel):
    """The waiting room. Waiting people come first, those who have been waiting longest at the top."""

    data: list[LobbyEntryOut]
    next: str | None = Field(description="Always null: there is only one page, with at most 1,000 items.")


def _entry_out(caller: Caller, entry: LobbyEntry, role: str | None) -> LobbyEntryOut:
    return LobbyEntryOut(
        entry=entry.id,
        user_id=entry.user_id,
        display_name=entry.display_name,
        is_guest=entry.is_guest,
        role=role,
        state=entry.state_at(caller.now),
        asked_at=entry.asked_at,
        seen_at=entry.seen_at,
        decided_at=entry.decided_at,
        decided_by=entry.decided_by,
    )


router = SessionRouter("/{reference}/lobby")


@router.get(
    "",
    operation_id="list{Kind}Lobby",
    summary="List the waiting room",
    responses=described(*SESSION_PROBLEMS, *ROLE_PROBLEMS),
)
async def list_lobby(caller: Moderator, kind: Kind, reference: Reference) -> LobbyEntryList:
    """Returns the people who are waiting to be admitted, and those who were admitted or denied since the room was
    opened. People who cannot join for another reason are not listed. A user token needs one of the policy's
    `host_roles`."""
    key = session_key(caller, kind, reference)
    found = await waiting_room.list_lobby(caller.context, key)
    return LobbyEntryList(data=[_entry_out(caller, *each) for each in found], next=None)


@router.post(
    "/admit",
    operation_id="admit{Kind}Lobby",
    summary="Admit everyone",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS),
    response_model=LobbyEntryList,
)
async def admit_lobby(caller: Moderator, kind: Kind, reference: Reference, idempotency: Idempotency) -> Response:
    """Admits everyone who is waiting, and returns those who were admitted by this request. People who were denied are
    not admitted. A user token needs one of the policy's `host_roles`."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyEntryList:
        found = await waiting_room.admit_all(caller.context, key)
        return LobbyEntryList(data=[_entry_out(caller, *each) for each in found], next=None)

    return await idempotency.respond_authorized(caller, key, Action.MODERATE, produce)


@router.post(
    "/{entry}/admit",
    operation_id="admit{Kind}LobbyEntry",
    summary="Admit a participant",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "entry_not_found", *ROLE_PROBLEMS),
    response_model=LobbyEntryOut,
)
async def admit_lobby_entry(
    caller: Moderator, kind: Kind, reference: Reference, entry: EntryPath, idempotency: Idempotency
) -> Response:
    """The person gets join credentials with their next join request. The admission is valid until the room closes or
    the person is removed. You can also admit a person who was denied. Admitting a person again has no effect. A user
    token needs one of the policy's `host_roles`."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyEntryOut:
        found = await waiting_room.admit(caller.context, key, EntryId(entry))
        return _entry_out(caller, *found)

    return await idempotency.respond_authorized(caller, key, Action.MODERATE, produce)


@router.post(
    "/{entry}/deny",
    operation_id="deny{Kind}LobbyEntry",
    summary="Deny entry",
    responses=described(
        *SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "entry_not_found", *ROLE_PROBLEMS, "already_admitted"
    ),
    response_model=LobbyEntryOut,
)
async def deny_lobby_entry(
    caller: Moderator, kind: Kind, reference: Reference, entry: EntryPath, idempotency: Idempotency
) -> Response:
    """The person's join requests are refused until the room closes. Denying a person again has no effect. A person who
    was already admitted cannot be denied: remove them instead. A user token needs one of the policy's
    `host_roles`."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyEntryOut:
        found = await waiting_room.deny(caller.context, key, EntryId(entry))
        return _entry_out(caller, *found)

    return await idempotency.respond_authorized(caller, key, Action.MODERATE, produce)
