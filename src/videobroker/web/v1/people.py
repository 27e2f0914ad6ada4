"""The people of a session, for hosts and backends: who is in the call, who is missing, and who is blocked."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from videobroker.usecases.joining.people import MAX_LISTED_PARTICIPANTS, CallPresence, SessionPerson, list_people
from videobroker.web.http.auth import Moderator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, session_key

_EXAMPLE: dict[str, Any] = {
    "user_id": "student-1",
    "display_name": "Ben",
    "role": "student",
    "is_host": False,
    "presence": "in_call",
    "in_call_since": "2030-03-12T14:00:12Z",
    "is_blocked": False,
}


class SessionPersonOut(BaseModel):
    """A participant, or a guest who is in the call or blocked."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    user_id: str
    display_name: str | None
    role: str | None = Field(description="The person's role in your app. Null for guests and other people.")
    is_host: bool
    presence: CallPresence = Field(
        description="Whether the person is in the call. `unknown`: a call is running, but the provider has not "
        "reported on it yet."
    )
    in_call_since: Moment | None = Field(description="When the person joined. Null if they are not in the call.")
    is_blocked: bool = Field(description="Whether the person is blocked from new credentials.")


class SessionPersonList(BaseModel):
    """The people of a session: those in the call first, then the others by user ID."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": [_EXAMPLE], "next": None}]})

    data: list[SessionPersonOut]
    next: str | None = Field(
        description=f"Always null: there is only one page, with the first {MAX_LISTED_PARTICIPANTS} participants, and "
        "everyone who is in the call."
    )


def _person_out(person: SessionPerson) -> SessionPersonOut:
    return SessionPersonOut(
        user_id=person.user_id,
        display_name=person.display_name,
        role=person.role,
        is_host=person.is_host,
        presence=person.presence,
        in_call_since=person.in_call_since,
        is_blocked=person.is_blocked,
    )


router = SessionRouter("/{reference}/people")


@router.get(
    "",
    operation_id="list{Kind}People",
    summary="List who is in the call",
    responses=described(*SESSION_PROBLEMS, *ROLE_PROBLEMS),
)
async def list_session_people(caller: Moderator, kind: Kind, reference: Reference) -> SessionPersonList:
    """Returns the participants and the guests in the call, and who of them is in the call now or is blocked. For people
    who are waiting to be admitted, see `GET .../lobby`. A user token needs one of the policy's `host_roles`."""
    found = await list_people(caller.context, session_key(caller, kind, reference))
    return SessionPersonList(data=[_person_out(each) for each in found], next=None)
