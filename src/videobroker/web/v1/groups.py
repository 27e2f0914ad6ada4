"""Groups: sessions without a schedule, open while their video is on."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from videobroker.domain.sessions import Registered, SessionFilter, SessionKind, SessionStatus, SessionTerms
from videobroker.usecases import registering
from videobroker.web.auth import SessionsReader, SessionsWriter
from videobroker.web.idempotent import IDEMPOTENCY_PROBLEMS, OnceOnly
from videobroker.web.problems import described
from videobroker.web.reading import JsonRoute, by_name
from videobroker.web.shapes import Identifier, Metadata, Name, Shape
from videobroker.web.v1.sessions import (
    LIST_RESPONSES,
    READ_RESPONSES,
    SESSION_PROBLEMS,
    WRITE_PROBLEMS,
    Cursor,
    Limit,
    PolicyIn,
    Providers,
    Reference,
    SessionIn,
    SessionOut,
    common_fields,
    listed_participant,
    readable_session,
    session_key,
)

router = APIRouter(prefix="/groups", tags=["groups"], route_class=JsonRoute, generate_unique_id_function=by_name)

_EXAMPLE: dict[str, Any] = {
    "title": "Evening circle",
    "video_enabled": True,
    "participants": [
        {"user_id": "admin-1", "role": "admin", "display_name": "Cleo"},
        {"user_id": "member-1", "role": "member", "display_name": "Dan"},
    ],
    "policy": {"guests_allowed": True},
}


class GroupIn(SessionIn):
    """A group."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    video_enabled: StrictBool = Field(default=True, description="May the group meet on video?")

    def terms(self) -> SessionTerms:
        """In our words."""
        return SessionTerms(
            title=self.title,
            video=self.video_enabled,
            providers=tuple(self.providers),
            policy=self.policy.patch(),
            metadata=self.metadata,
        )


class GroupPatch(Shape):
    """Some fields of a group. What is left out, or null, stays as it is; `policy` and `metadata` are replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"video_enabled": False}]})

    title: Name | None = None
    video_enabled: StrictBool | None = None
    providers: Providers | None = None
    policy: PolicyIn | None = None
    metadata: Metadata | None = None

    def amend(self, terms: SessionTerms) -> SessionTerms:
        """The terms with these changes."""
        return replace(
            terms,
            title=self.title or terms.title,
            video=terms.video if self.video_enabled is None else self.video_enabled,
            providers=terms.providers if self.providers is None else tuple(self.providers),
            policy=terms.policy if self.policy is None else self.policy.patch(),
            metadata=terms.metadata if self.metadata is None else self.metadata,
        )


class GroupOut(SessionOut):
    """A group."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "reference": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
                    "cancelled": False,
                    "providers": ["100ms"],
                    "provider": None,
                    "metadata": {},
                    "version": 1,
                    "created_at": "2026-03-01T09:30:00Z",
                    "updated_at": "2026-03-01T09:30:00Z",
                }
            ]
        }
    )

    video_enabled: bool
    cancelled: bool


class GroupPage(BaseModel):
    """One page of groups, by age."""

    data: list[GroupOut]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


def group_out(registered: Registered) -> GroupOut:
    """As the API shows it."""
    terms = registered.session.terms
    return GroupOut(
        **common_fields(registered),
        video_enabled=terms.video,
        cancelled=terms.status is SessionStatus.CANCELLED,
    )


@router.put(
    "/{reference}",
    summary="Register or replace a group",
    status_code=200,
    responses={201: {"model": GroupOut, "description": "Registered"}, **described(*WRITE_PROBLEMS)},
)
async def put_group(caller: SessionsWriter, reference: Reference, body: GroupIn, response: Response) -> GroupOut:
    """201 when the group is new, 200 when it replaced the former one or was the same: the same body again changes
    nothing, not even `updated_at`."""
    registered = await registering.register(
        caller.broker,
        caller.app,
        session_key(caller, SessionKind.GROUP, reference),
        body.terms(),
        body.people(),
        asker=caller.asker,
        now=caller.now,
    )
    response.status_code = 201 if registered.created else 200
    return group_out(registered)


@router.get("/{reference}", summary="Read a group", responses=READ_RESPONSES)
async def get_group(caller: SessionsReader, reference: Reference) -> GroupOut:
    """The group with its roster."""
    key = await readable_session(caller, SessionKind.GROUP, reference)
    return group_out(await registering.find(caller.broker, key))


@router.patch("/{reference}", summary="Change a group", responses=described(*WRITE_PROBLEMS, "session_not_found"))
async def patch_group(caller: SessionsWriter, reference: Reference, body: GroupPatch) -> GroupOut:
    """Changes what is named."""
    registered = await registering.amend(
        caller.broker,
        caller.app,
        session_key(caller, SessionKind.GROUP, reference),
        body.amend,
        asker=caller.asker,
        now=caller.now,
    )
    return group_out(registered)


@router.get("", summary="List groups", responses=LIST_RESPONSES)
async def list_groups(
    caller: SessionsReader,
    participant: Annotated[Identifier | None, Query(description="Only with this user on the roster.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> GroupPage:
    """The app's groups, oldest first."""
    found, following = await registering.list_sessions(
        caller.broker,
        caller.app,
        SessionKind.GROUP,
        SessionFilter(listed_participant(caller, participant)),
        limit=limit,
        cursor=cursor,
    )
    return GroupPage(data=[group_out(each) for each in found], next=following)


@router.post(
    "/{reference}/cancel",
    summary="Cancel a group",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
    response_model=GroupOut,
)
async def cancel_group(caller: SessionsWriter, reference: Reference, once: OnceOnly) -> Any:
    """Nobody is admitted any more, the call ends, the room is shut. Registering the group again reopens it."""

    async def cancelled() -> GroupOut:
        key = session_key(caller, SessionKind.GROUP, reference)
        return group_out(await registering.cancel(caller.broker, caller.app, key, asker=caller.asker, now=caller.now))

    return await once.answer(caller, cancelled)
