"""Putting people out of a session, and letting them in again."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from videobroker.domain.authorization import Action
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.usecases.authorization import require
from videobroker.usecases.joining import moderation
from videobroker.usecases.joining.moderation import Enforcement
from videobroker.web.http.auth import Caller, Moderator
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute
from videobroker.web.http.schemas import Moment, Shape
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, UserId, session_key


class RemovalIn(Shape):
    """How somebody is put out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ban": True}]})

    ban: StrictBool = Field(default=False, description="They get no credentials for this session any more.")


class RemovalOut(BaseModel):
    """Somebody who was put out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "student-1", "banned": True, "removed_at": "2026-03-12T14:20:00Z", "enforcement": "done"}
            ]
        }
    )

    user_id: str
    banned: bool
    removed_at: Moment
    enforcement: Enforcement = Field(
        description="`done`: the provider did what it can. `pending`: it could not be reached, and is told again until "
        "it does. `impossible`: with this account's settings it puts nobody out."
    )


class ReadmissionOut(BaseModel):
    """Somebody who may get credentials again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "student-1", "was_banned": True}]})

    user_id: str
    was_banned: bool


def may_moderate(caller: Caller, key: SessionKey) -> Callable[[], Awaitable[object]]:
    """Raises unless the caller may moderate the session."""
    return lambda: require(caller.context, key, Action.MODERATE)


def moderation_routes(kind: SessionKind) -> APIRouter:
    """The routes for one kind of session."""
    router = APIRouter(
        prefix=f"/{kind}s/{{reference}}/participants/{{user_id}}",
        tags=[f"{kind}s"],
        route_class=JsonRoute,
        generate_unique_id_function=lambda route: f"{route.name}_of_{kind}",
    )

    @router.post(
        "/remove",
        summary="Put somebody out",
        responses=described(
            *SESSION_PROBLEMS,
            *IDEMPOTENCY_PROBLEMS,
            "malformed_json",
            "body_too_large",
            "participant_not_found",
            *ROLE_PROBLEMS,
        ),
        response_model=RemovalOut,
    )
    async def remove_participant(
        caller: Moderator, reference: Reference, user_id: UserId, once: OnceOnly, body: RemovalIn | None = None
    ) -> Any:
        """Every device of theirs leaves the call, and credentials from before are not honoured, as far as the provider
        lets us. Without a ban they may ask for new ones. A user needs one of the policy's `host_roles`."""
        key = session_key(caller, kind, reference)

        async def removed() -> RemovalOut:
            done = await moderation.remove(caller.context, key, user_id, ban=bool(body and body.ban))
            return RemovalOut(
                user_id=user_id,
                banned=done.removal.banned,
                removed_at=done.removal.removed_at,
                enforcement=done.enforcement,
            )

        return await once.answer(caller, removed, revalidate=authorized(may_moderate(caller, key)), user_id=user_id)

    @router.post(
        "/readmit",
        summary="Lift a ban",
        responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS),
        response_model=ReadmissionOut,
    )
    async def readmit_participant(caller: Moderator, reference: Reference, user_id: UserId, once: OnceOnly) -> Any:
        """They may ask for new credentials; those from before stay worthless. Without a ban nothing changes."""
        key = session_key(caller, kind, reference)

        async def readmitted() -> ReadmissionOut:
            was_banned = await moderation.readmit(caller.context, key, user_id)
            return ReadmissionOut(user_id=user_id, was_banned=was_banned)

        return await once.answer(caller, readmitted, revalidate=authorized(may_moderate(caller, key)), user_id=user_id)

    return router
