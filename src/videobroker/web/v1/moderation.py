"""Moderation: removing, blocking, and unblocking participants."""

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from videobroker.domain.authorization import Action
from videobroker.usecases.joining import moderation
from videobroker.usecases.joining.moderation import RemovalEnforcement
from videobroker.web.http.auth import Moderator
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment, RequestModel
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import (
    BODY_PROBLEMS,
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    Reference,
    UserId,
    session_key,
)


class RemovalInput(RequestModel):
    """Options for removing a participant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ban": True}]})

    ban: StrictBool = Field(
        default=False, description="Also block the person: they get no new credentials for this session."
    )


class RemovalOut(BaseModel):
    """A participant who was removed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "student-1", "banned": True, "removed_at": "2030-03-12T14:20:00Z", "enforcement": "done"}
            ]
        }
    )

    user_id: str
    banned: bool = Field(description="Whether the person is blocked from new credentials.")
    removed_at: Moment
    enforcement: RemovalEnforcement = Field(
        description="`done`: the provider enforced the removal as far as it can. `pending`: the provider could not be "
        "reached; the service retries until it succeeds. `impossible`: with the settings of this account, the provider "
        "cannot remove anyone."
    )


class ReadmissionOut(BaseModel):
    """A participant who is not blocked any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "student-1", "was_banned": True}]})

    user_id: str
    was_banned: bool = Field(description="Whether the person was blocked before the request.")


router = SessionRouter("/{reference}/participants/{user_id}")


@router.post(
    "/remove",
    operation_id="remove{Kind}Participant",
    summary="Remove a participant",
    responses=described(
        *SESSION_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        *BODY_PROBLEMS,
        "participant_not_found",
        *ROLE_PROBLEMS,
    ),
    response_model=RemovalOut,
)
async def remove_participant(
    caller: Moderator,
    kind: Kind,
    reference: Reference,
    user_id: UserId,
    idempotency: Idempotency,
    body: RemovalInput | None = None,
) -> Response:
    """Disconnects all devices of the person from the call, and invalidates their join credentials, as far as the
    provider supports it. Unless they are also blocked with `ban`, they can request new credentials. A user token needs
    one of the policy's `host_roles`."""
    key = session_key(caller, kind, reference)

    async def produce() -> RemovalOut:
        done = await moderation.remove(caller.context, key, user_id, ban=bool(body and body.ban))
        return RemovalOut(
            user_id=user_id,
            banned=done.removal.banned,
            removed_at=done.removal.removed_at,
            enforcement=done.enforcement,
        )

    return await idempotency.respond_authorized(caller, key, Action.MODERATE, produce, user_id=user_id)


@router.post(
    "/readmit",
    operation_id="readmit{Kind}Participant",
    summary="Unblock a participant",
    responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS),
    response_model=ReadmissionOut,
)
async def readmit_participant(
    caller: Moderator, kind: Kind, reference: Reference, user_id: UserId, idempotency: Idempotency
) -> Response:
    """Allows the person to request new join credentials. Credentials from before the removal stay invalid. Has no
    effect if the person is not blocked. A user token needs one of the policy's `host_roles`."""
    key = session_key(caller, kind, reference)

    async def produce() -> ReadmissionOut:
        was_banned = await moderation.readmit(caller.context, key, user_id)
        return ReadmissionOut(user_id=user_id, was_banned=was_banned)

    return await idempotency.respond_authorized(caller, key, Action.MODERATE, produce, user_id=user_id)
