"""Putting people out of a session, and letting them in again."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from videobroker.domain.sessions import SessionKind
from videobroker.usecases import removing
from videobroker.usecases.removing import Enforcement
from videobroker.web.auth import Moderator
from videobroker.web.problems import described
from videobroker.web.reading import JsonRoute
from videobroker.web.shapes import Moment, Shape
from videobroker.web.v1.sessions import ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, UserId, session_key


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
            *SESSION_PROBLEMS, "malformed_json", "body_too_large", "participant_not_found", *ROLE_PROBLEMS
        ),
    )
    async def remove_participant(
        caller: Moderator, reference: Reference, user_id: UserId, body: RemovalIn | None = None
    ) -> RemovalOut:
        """Every device of theirs leaves the call, and credentials from before are not honoured, as far as the provider
        lets us. Without a ban they may ask for new ones. A user needs one of the policy's `host_roles`."""
        removed = await removing.remove(
            caller.broker,
            caller.app,
            session_key(caller, kind, reference),
            user_id,
            ban=bool(body and body.ban),
            actor=caller.actor,
            now=caller.now,
        )
        return RemovalOut(
            user_id=user_id,
            banned=removed.removal.banned,
            removed_at=removed.removal.removed_at,
            enforcement=removed.enforcement,
        )

    @router.post("/readmit", summary="Lift a ban", responses=described(*SESSION_PROBLEMS, *ROLE_PROBLEMS))
    async def readmit_participant(caller: Moderator, reference: Reference, user_id: UserId) -> ReadmissionOut:
        """They may ask for new credentials; those from before stay worthless. Without a ban nothing changes."""
        lifted = await removing.readmit(
            caller.broker,
            caller.app,
            session_key(caller, kind, reference),
            user_id,
            actor=caller.actor,
            now=caller.now,
        )
        return ReadmissionOut(user_id=user_id, was_banned=lifted)

    return router
