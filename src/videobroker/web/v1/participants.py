"""Participants of a session: list, and read or change one of them."""

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.sessions import Participant
from videobroker.usecases import registration
from videobroker.web.http.auth import SessionsReader, SessionsWriter
from videobroker.web.http.conditional import (
    NOT_MODIFIED,
    ChangeConditions,
    CreateConditions,
    ReadConditions,
    set_created,
)
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Name, RequestModel, RoleName
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import (
    BODY_PROBLEMS,
    SESSION_PROBLEMS,
    Cursor,
    Limit,
    ParticipantOut,
    Reference,
    UserId,
    participant_out,
    session_key,
)


class ParticipantDetails(RequestModel):
    """The role and name of a participant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "student", "display_name": "Ben"}]})

    role: RoleName = Field(description="The person's role in your app.")
    display_name: Name | None = Field(default=None, description="Shown to others in the call.")


class ParticipantList(BaseModel):
    """One page of participants, by user ID."""

    data: list[ParticipantOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


router = SessionRouter("/{reference}/participants")


@router.get(
    "",
    operation_id="list{Kind}Participants",
    summary="List participants",
    responses=described(*SESSION_PROBLEMS, "invalid_cursor", "role_may_not"),
)
async def list_participants(
    caller: SessionsReader, kind: Kind, reference: Reference, limit: Limit = 100, cursor: Cursor = None
) -> ParticipantList:
    """Returns the participants of the session by user ID. Users who are not hosts see only their own entry."""
    people, following = await registration.list_participants(
        caller.context,
        session_key(caller, kind, reference),
        acting_for=caller.acting_for,
        limit=limit,
        cursor=cursor,
    )
    return ParticipantList(data=[participant_out(person) for person in people], next=following)


@router.put(
    "/{user_id}",
    operation_id="add{Kind}Participant",
    summary="Add or update a participant",
    responses={
        201: {"model": ParticipantOut, "description": "Participant added"},
        **described(*SESSION_PROBLEMS, *BODY_PROBLEMS, "role_not_mapped", "precondition_failed"),
    },
)
async def add_participant(
    caller: SessionsWriter,
    kind: Kind,
    reference: Reference,
    user_id: UserId,
    body: ParticipantDetails,
    request: Request,
    response: Response,
    conditions: CreateConditions,
) -> ParticipantOut:
    """Returns 201 if the participant is new, and 200 if they were already registered."""
    person = Participant(user_id, body.role, body.display_name)
    added = await registration.put_participant(
        caller.context,
        session_key(caller, kind, reference),
        person,
        precondition=conditions.on(participant_out),
    )
    if added:
        set_created(request, response)
    return conditions.tagged(participant_out(person))


@router.get(
    "/{user_id}",
    operation_id="get{Kind}Participant",
    summary="Get a participant",
    response_model=ParticipantOut,
    responses={
        **NOT_MODIFIED,
        **described(*SESSION_PROBLEMS, "participant_not_found", "role_may_not", "precondition_failed"),
    },
)
async def get_participant(
    caller: SessionsReader, kind: Kind, reference: Reference, user_id: UserId, conditions: ReadConditions
) -> ParticipantOut | Response:
    """Returns the role and display name of one participant."""
    person = await registration.find_participant(
        caller.context, session_key(caller, kind, reference), user_id, acting_for=caller.acting_for
    )
    return conditions.read(participant_out(person))


@router.delete(
    "/{user_id}",
    operation_id="delete{Kind}Participant",
    summary="Delete a participant",
    status_code=204,
    responses=described(*SESSION_PROBLEMS, "participant_not_found", "precondition_failed"),
)
async def delete_participant(
    caller: SessionsWriter, kind: Kind, reference: Reference, user_id: UserId, conditions: ChangeConditions
) -> None:
    """The person gets no new join credentials. To disconnect them from a running call, also remove them with
    `POST .../remove`."""
    key = session_key(caller, kind, reference)
    await registration.drop_participant(caller.context, key, user_id, precondition=conditions.on(participant_out))
