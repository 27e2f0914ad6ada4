"""The waiting room of a session, for those who let people in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.authorization import Action
from videobroker.domain.ids import EntryId
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.usecases.joining import waiting_room
from videobroker.web.http.auth import Caller, Moderator
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, session_key

EntryPath = Annotated[UUID, Path(description="The `entry` of the one who waits.")]

_EXAMPLE: dict[str, Any] = {
    "entry": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a99",
    "user_id": "guest-0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a98",
    "display_name": "Gus",
    "is_guest": True,
    "role": "guest",
    "state": "waiting",
    "asked_at": "2026-03-12T13:58:00Z",
    "seen_at": "2026-03-12T13:59:12Z",
    "decided_at": None,
    "decided_by": None,
}


class LobbyEntryOut(BaseModel):
    """Somebody in a waiting room."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    entry: UUID
    user_id: str
    display_name: str | None
    is_guest: bool
    role: str | None = Field(description="The app's role.")
    state: EntryState = Field(
        description="`stranded`: they wait, but gave no sign for 30 seconds; with the next one it is `waiting` again."
    )
    asked_at: Moment
    seen_at: Moment = Field(description="When they gave the last sign that they wait.")
    decided_at: Moment | None
    decided_by: str | None = Field(description="The host; null for the backend itself, and while nobody has decided.")


class LobbyPage(BaseModel):
    """A waiting room: who waits comes first, and of those who waits longest."""

    data: list[LobbyEntryOut]
    next: str | None = Field(description="Always null: there is one page, of at most a thousand.")


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


@router.get("", summary="See who waits", responses=described(*SESSION_PROBLEMS, *ROLE_PROBLEMS))
async def list_lobby(caller: Moderator, kind: Kind, reference: Reference) -> LobbyPage:
    """Who waits to be let in, and who was decided about, until the room is shut. A user needs one of the policy's
    `host_roles`. Whom something else keeps out does not wait: they are not listed."""
    key = session_key(caller, kind, reference)
    found = await waiting_room.list_lobby(caller.context, key)
    return LobbyPage(data=[_entry_out(caller, *each) for each in found], next=None)


@router.post(
    "/admit",
    summary="Let everybody in who waits",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS),
    response_model=LobbyPage,
)
async def admit_all(caller: Moderator, kind: Kind, reference: Reference, once: OnceOnly) -> Any:
    """The answer holds those who were let in with this request. Who was denied stays outside."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyPage:
        found = await waiting_room.admit_all(caller.context, key)
        return LobbyPage(data=[_entry_out(caller, *each) for each in found], next=None)

    return await once.answer_authorized(caller, key, Action.MODERATE, produce)


@router.post(
    "/{entry}/admit",
    summary="Let somebody in",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "entry_not_found", *ROLE_PROBLEMS),
    response_model=LobbyEntryOut,
)
async def admit(caller: Moderator, kind: Kind, reference: Reference, entry: EntryPath, once: OnceOnly) -> Any:
    """They get credentials as soon as they ask again, until the room is shut or somebody puts them out. Admitting
    twice is the same as once; somebody who was denied can be admitted."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyEntryOut:
        found = await waiting_room.admit(caller.context, key, EntryId(entry))
        return _entry_out(caller, *found)

    return await once.answer_authorized(caller, key, Action.MODERATE, produce)


@router.post(
    "/{entry}/deny",
    summary="Do not let somebody in",
    responses=described(
        *SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "entry_not_found", *ROLE_PROBLEMS, "already_admitted"
    ),
    response_model=LobbyEntryOut,
)
async def deny(caller: Moderator, kind: Kind, reference: Reference, entry: EntryPath, once: OnceOnly) -> Any:
    """They are told so, and asking again changes nothing until the room is shut. Denying twice is the same as
    once; whoever was admitted has to be put out instead."""

    key = session_key(caller, kind, reference)

    async def produce() -> LobbyEntryOut:
        found = await waiting_room.deny(caller.context, key, EntryId(entry))
        return _entry_out(caller, *found)

    return await once.answer_authorized(caller, key, Action.MODERATE, produce)
