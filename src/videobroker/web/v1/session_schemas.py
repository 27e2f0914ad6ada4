"""What bookings and groups have in common in the API."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from videobroker.domain.access import Reason
from videobroker.domain.apps import ProviderName
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import (
    EMBEDDED_PARTICIPANTS,
    Participant,
    RegistrationResult,
    Session,
    SessionKey,
    SessionKind,
    SessionSummary,
    SessionView,
)
from videobroker.errors import UnknownProvider
from videobroker.usecases.registration import LONGEST_ROSTER
from videobroker.web.http.auth import AUTH_PROBLEMS, Caller
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Identifier, Metadata, Moment, Name, RoleName, Seconds, Shape

Reference = Annotated[
    Identifier,
    Path(
        description="The app's own id of the session: 1 to 128 characters; no control characters, no `/`.",
        examples=["lesson-1"],
    ),
]
UserId = Annotated[Identifier, Path(description="The app's own id of the person.", examples=["tutor-1"])]
Limit = Annotated[int, Query(ge=1, le=100, description="At most so many items.")]
Cursor = Annotated[
    str | None, Query(max_length=1024, description="`next` of the page before; leave it out for the first page.")
]

COMMON_PROBLEMS = ("invalid_request", *AUTH_PROBLEMS, "storage_unavailable")
SESSION_PROBLEMS = (*COMMON_PROBLEMS, "session_not_found")
WRITE_PROBLEMS = (
    *COMMON_PROBLEMS,
    "malformed_json",
    "body_too_large",
    "unknown_provider",
    "role_not_mapped",
    "duplicate_participant",
)
ROLE_PROBLEMS = (
    "role_may_not",
    Reason.PARTICIPANT_REMOVED.value,
    Reason.WAITING_FOR_ADMISSION.value,
    Reason.NOT_A_PARTICIPANT.value,
)
"""What an operation may answer to an end user whose relation to the session does not allow it."""
READ_RESPONSES = described(*SESSION_PROBLEMS)
LIST_RESPONSES = described(*COMMON_PROBLEMS, "invalid_cursor")


class ParticipantIn(Shape):
    """Somebody who is registered for a session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}]}
    )

    user_id: Identifier = Field(description="The app's own id of the person.")
    role: RoleName = Field(description="The app's role; its role map says what it is called at the provider.")
    display_name: Name | None = Field(default=None, description="Shown to the others in the call.")

    def participant(self) -> Participant:
        """In our words."""
        return Participant(self.user_id, self.role, self.display_name)


class ParticipantOut(BaseModel):
    """Somebody who is registered for a session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}]}
    )

    user_id: str
    role: str
    display_name: str | None


def participant_out(person: Participant) -> ParticipantOut:
    """As the API shows it."""
    return ParticipantOut(user_id=person.user_id, role=person.role, display_name=person.display_name)


class PolicyIn(Shape):
    """Rules of this session that differ from the app's. Durations are whole seconds."""

    opens_before_seconds: Seconds | None = Field(default=None, description="The window opens so long before the start.")
    opens_before_seconds_by_role: Annotated[dict[RoleName, Seconds], Field(max_length=50)] | None = Field(
        default=None, description="Other openings for some app roles."
    )
    grace_seconds: Seconds | None = Field(default=None, description="The window closes so long after the end.")
    overrun_seconds: Seconds | None = Field(
        default=None, description="A call that runs when the window closes can be joined so much longer."
    )
    waiting_room: WaitingRoom | None = Field(
        default=None, description="Who is kept outside although the window is open."
    )
    host_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None, description="App roles that never wait."
    )
    call_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None,
        description="App roles that may start a call with a user token, besides `host_roles`. Only hosts may end one.",
    )
    booking_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None,
        description="App roles that may move and cancel the session with a user token. Set it on the app to let users "
        "create sessions.",
    )
    guests_allowed: StrictBool | None = Field(default=None, description="May somebody without a registration enter?")
    token_seconds: Annotated[StrictInt, Field(ge=60, le=86400), INTEGRAL] | None = Field(
        default=None, description="Longest life of a participant's token."
    )
    guest_token_seconds: Annotated[StrictInt, Field(ge=60, le=86400), INTEGRAL] | None = Field(
        default=None, description="Longest life of a guest's token."
    )
    ticket_seconds: Annotated[StrictInt, Field(ge=60, le=30 * 86400), INTEGRAL] | None = Field(
        default=None, description="Longest lifetime of a link, from its creation."
    )
    late_after_seconds: Seconds | None = Field(
        default=None, description="Who arrives later than this after the start is late."
    )
    left_early_before_seconds: Seconds | None = Field(
        default=None, description="Who is gone this long before the end has left early."
    )
    minimum_presence_seconds: Seconds | None = Field(default=None, description="Who was there for less was absent.")
    no_show_after_seconds: Seconds | None = Field(
        default=None, description="Who was not there by then, counted from the start, is reported as missing."
    )
    empty_seconds: Annotated[StrictInt, Field(ge=30, le=7 * 24 * 3600), INTEGRAL] | None = Field(
        default=None, description="A group's call ends when nobody has been in it for so long."
    )

    def patch(self) -> Mapping[str, Any]:
        """Only what was said."""
        return self.model_dump(mode="json", exclude_none=True)


def _known(names: object) -> object:
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name not in set(ProviderName):
            raise UnknownProvider(f"There is no such provider here. Use one of: {', '.join(ProviderName)}.")
    return names


def _each_once(providers: list[ProviderName]) -> list[ProviderName]:
    if len(set(providers)) < len(providers):
        raise ValueError("name every provider once")
    return providers


Providers = Annotated[list[ProviderName], Field(fail_fast=True), BeforeValidator(_known), AfterValidator(_each_once)]


class SessionIn(Shape):
    """What every kind of session says."""

    title: Name | None = Field(default=None, description="For people; never sent to a provider.")
    providers: Providers = Field(
        default_factory=list,
        description="Where the session may take place, best first; empty leaves it to the app's accounts. "
        "A session that has a room stays at its provider.",
    )
    policy: PolicyIn = Field(default_factory=PolicyIn)
    participants: Annotated[list[ParticipantIn], Field(max_length=LONGEST_ROSTER, fail_fast=True)] | None = Field(
        default=None, description="The whole roster; leave it out to keep the roster as it is."
    )
    metadata: Metadata = Field(default_factory=dict, description="Whatever the app wants to keep here: at most 16 KiB.")

    def people(self) -> list[Participant] | None:
        """The roster, where one was sent."""
        return None if self.participants is None else [person.participant() for person in self.participants]


class SessionSummaryOut(BaseModel):
    """What lists show of every kind of session."""

    reference: str
    title: str | None
    providers: list[ProviderName]
    provider: ProviderName | None = Field(description="Where the session's room is; null before the first join.")
    participant_count: int = Field(description="How many participants are registered.")
    participant: ParticipantOut | None = Field(
        description="The entry of the user whose token was sent; in lists, also of the user named in the query. "
        "Otherwise null."
    )
    policy: dict[str, Any] | None = Field(
        description="The rules of this session that differ from the app's; null for end users."
    )
    metadata: dict[str, Any] | None = Field(description="What the app keeps here; null for end users.")
    version: int = Field(description="Counts the changes of the session's own fields and of its replaced roster.")
    created_at: Moment
    updated_at: Moment


class SessionOut(SessionSummaryOut):
    """What an answer about one session of any kind shows."""

    participants: list[ParticipantOut] | None = Field(
        description=f"The first {EMBEDDED_PARTICIPANTS} participants by user ID. "
        "`participants_truncated` says when there are more. Null for end users who are not hosts."
    )
    participant_names: list[str] | None = Field(
        description="The display names of those participants who have one; null for guests."
    )
    participants_truncated: bool = Field(
        description=f"There are more than {EMBEDDED_PARTICIPANTS} participants: list them with `GET .../participants`."
    )


def summary_fields(summary: SessionSummary) -> dict[str, Any]:
    """What lists show of every kind of session."""
    return _session_fields(summary.session, summary.participant_count, summary.own, summary.view)


def common_fields(registered: RegistrationResult) -> dict[str, Any]:
    """What an answer about one session of any kind shows."""
    shown, view = registered.participants[:EMBEDDED_PARTICIPANTS], registered.view
    return {
        **_session_fields(registered.session, registered.participant_count, registered.own, view),
        "participants": [participant_out(person) for person in shown] if view.participants else None,
        "participant_names": [person.display_name for person in shown if person.display_name] if view.names else None,
        "participants_truncated": len(shown) < registered.participant_count,
    }


def _session_fields(
    session: Session, participant_count: int, own: Participant | None, view: SessionView
) -> dict[str, Any]:
    return {
        "reference": session.key.reference,
        "title": session.terms.title,
        "providers": session.terms.providers,
        "provider": session.provider,
        "participant_count": participant_count,
        "participant": None if own is None else participant_out(own),
        "policy": dict(session.terms.policy) if view.details else None,
        "metadata": dict(session.terms.metadata) if view.details else None,
        "version": session.version,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def session_key(caller: Caller, kind: SessionKind, reference: str) -> SessionKey:
    """The session that the caller's app calls so."""
    return SessionKey(caller.app.id, kind, reference)


def listed_participant(caller: Caller, participant: str | None) -> str | None:
    """Whose sessions a list shows: for a user, their own."""
    return caller.speaks_for(participant)
