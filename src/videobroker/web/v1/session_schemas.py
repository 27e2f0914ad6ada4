"""Shared schemas of bookings and groups."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from videobroker.domain.access import AccessReason
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
from videobroker.errors import InvalidInput, UnknownProvider
from videobroker.usecases.registration import MAX_PARTICIPANTS
from videobroker.web.http.auth import AUTH_PROBLEMS, Caller
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Identifier, Metadata, Moment, Name, RequestModel, RoleName, Seconds

Reference = Annotated[
    Identifier,
    Path(
        description="Your ID of the session: 1 to 128 characters, without control characters and `/`.",
        examples=["lesson-1"],
    ),
]
UserId = Annotated[Identifier, Path(description="Your ID of the person.", examples=["tutor-1"])]
Limit = Annotated[int, Query(ge=1, le=100, description="The maximum number of items to return.")]
Cursor = Annotated[
    str | None, Query(max_length=1024, description="The `next` of the previous page. Omit it for the first page.")
]

COMMON_PROBLEMS = ("invalid_request", *AUTH_PROBLEMS, "storage_unavailable")
SESSION_PROBLEMS = (*COMMON_PROBLEMS, "session_not_found")
BODY_PROBLEMS = ("malformed_json", "body_too_large")
WRITE_PROBLEMS = (
    *COMMON_PROBLEMS,
    *BODY_PROBLEMS,
    "unknown_provider",
    "role_not_mapped",
    "duplicate_participant",
)
ROLE_PROBLEMS = (
    "role_may_not",
    AccessReason.PARTICIPANT_REMOVED.value,
    AccessReason.WAITING_FOR_ADMISSION.value,
    AccessReason.NOT_A_PARTICIPANT.value,
)
"""Error codes for end users whose role or membership in the session does not allow an operation."""
LIST_RESPONSES = described(*COMMON_PROBLEMS, "invalid_cursor", "role_may_not")


class ParticipantInput(RequestModel):
    """A person who is registered for a session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}]}
    )

    user_id: Identifier = Field(description="Your ID of the person.")
    role: RoleName = Field(
        description="The person's role in your app. The app's role map translates it to a provider role."
    )
    display_name: Name | None = Field(default=None, description="Shown to others in the call.")

    def participant(self) -> Participant:
        return Participant(self.user_id, self.role, self.display_name)


class ParticipantOut(BaseModel):
    """A person who is registered for a session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}]}
    )

    user_id: str
    role: str
    display_name: str | None


def participant_out(person: Participant) -> ParticipantOut:
    return ParticipantOut(user_id=person.user_id, role=person.role, display_name=person.display_name)


class PolicyInput(RequestModel):
    """Policy settings of this session that differ from those of the app. Durations are in whole seconds."""

    opens_before_seconds: Seconds | None = Field(
        default=None, description="How long before the start participants can join."
    )
    opens_before_seconds_by_role: Annotated[dict[RoleName, Seconds], Field(max_length=50)] | None = Field(
        default=None, description="Overrides `opens_before_seconds` for individual app roles."
    )
    grace_seconds: Seconds | None = Field(
        default=None, description="How long after the end participants can still join."
    )
    overrun_seconds: Seconds | None = Field(
        default=None, description="How much longer participants can join a call that is running when the window closes."
    )
    waiting_room: WaitingRoom | None = Field(
        default=None,
        description="Who has to wait although the window is open: no one (`off`), everyone until a host is in the call "
        "(`until_host`), or everyone until a host admits them (`admit`).",
    )
    host_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None, description="App roles that never have to wait, and that can moderate the session."
    )
    call_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None,
        description="App roles that can start a call with a user token, in addition to `host_roles`. Only hosts "
        "can end a call.",
    )
    booking_roles: Annotated[list[RoleName], Field(max_length=50)] | None = Field(
        default=None,
        description="App roles that can reschedule and cancel the session with a user token. To let users create "
        "sessions, set it on the app.",
    )
    guests_allowed: StrictBool | None = Field(
        default=None, description="Whether people who are not participants can join as guests."
    )
    token_seconds: Annotated[StrictInt, Field(ge=60, le=86400), INTEGRAL] | None = Field(
        default=None, description="Maximum lifetime of a participant's token."
    )
    guest_token_seconds: Annotated[StrictInt, Field(ge=60, le=86400), INTEGRAL] | None = Field(
        default=None, description="Maximum lifetime of a guest's token."
    )
    ticket_seconds: Annotated[StrictInt, Field(ge=60, le=30 * 86400), INTEGRAL] | None = Field(
        default=None, description="Maximum lifetime of a link, from its creation."
    )
    late_after_seconds: Seconds | None = Field(
        default=None, description="Participants who join later than this after the start are `late`."
    )
    left_early_before_seconds: Seconds | None = Field(
        default=None, description="Participants who leave earlier than this before the end have `left_early`."
    )
    minimum_presence_seconds: Seconds | None = Field(
        default=None, description="Participants who were in the call for less than this are `absent`."
    )
    no_show_after_seconds: Seconds | None = Field(
        default=None, description="Participants who have not joined this long after the start are reported as no-shows."
    )
    empty_seconds: Annotated[StrictInt, Field(ge=30, le=7 * 24 * 3600), INTEGRAL] | None = Field(
        default=None, description="A group's call ends when it has been empty for this long."
    )

    def patch(self) -> Mapping[str, Any]:
        """Only the fields that were sent."""
        return self.model_dump(mode="json", exclude_none=True)


def _require_known(names: object) -> object:
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name not in set(ProviderName):
            raise UnknownProvider(f"Unknown provider. Use one of: {', '.join(ProviderName)}.")
    return names


def _each_once(providers: list[ProviderName]) -> list[ProviderName]:
    if len(set(providers)) < len(providers):
        raise ValueError("list each provider only once")
    return providers


Providers = Annotated[
    list[ProviderName], Field(fail_fast=True), BeforeValidator(_require_known), AfterValidator(_each_once)
]


class SessionInput(RequestModel):
    """Fields of bookings and groups in requests."""

    title: Name | None = Field(default=None, description="Shown to participants. Never sent to a provider.")
    providers: Providers = Field(
        default_factory=list,
        description="The providers to use, in order of preference. If empty, the app's default applies. While a "
        "room or call of the session is open, it stays at its provider.",
    )
    policy: PolicyInput = Field(default_factory=PolicyInput)
    participants: Annotated[list[ParticipantInput], Field(max_length=MAX_PARTICIPANTS, fail_fast=True)] | None = Field(
        default=None, description="All participants. Omit it to keep the participants unchanged."
    )
    metadata: Metadata = Field(default_factory=dict, description="Custom data of your app: at most 16 KiB.")

    def people(self) -> list[Participant] | None:
        """The participants; None if the field was omitted."""
        return None if self.participants is None else [person.participant() for person in self.participants]


class SessionSummaryOut(BaseModel):
    """Fields of bookings and groups in lists."""

    reference: str
    title: str | None
    providers: list[ProviderName]
    provider: ProviderName | None = Field(description="The provider of the session's room. Null before the first join.")
    participant_count: int = Field(description="The number of participants.")
    participant: ParticipantOut | None = Field(
        description="The entry of the user of the user token; in lists, also of the user in the query. Otherwise null."
    )
    policy: dict[str, Any] | None = Field(
        description="The policy settings of this session that differ from those of the app. Null for end users.",
        json_schema_extra={"anyOf": [{"$ref": "#/components/schemas/SessionPolicy"}, {"type": "null"}]},
    )
    metadata: dict[str, Any] | None = Field(description="Custom data of your app. Null for end users.")
    version: int = Field(
        description="Incremented when the session's fields change, and when its participants are replaced."
    )
    created_at: Moment
    updated_at: Moment


class SessionOut(SessionSummaryOut):
    """Fields of bookings and groups in responses about one session."""

    participants: list[ParticipantOut] | None = Field(
        description=f"The first {EMBEDDED_PARTICIPANTS} participants by user ID. "
        "`participants_truncated` is true if there are more. Null for end users who are not hosts."
    )
    participant_names: list[str] | None = Field(
        description="The display names of these participants, if they have one. Null for guests."
    )
    participants_truncated: bool = Field(
        description=f"Whether there are more than {EMBEDDED_PARTICIPANTS} participants. "
        "To list all of them, use `GET .../participants`."
    )


def summary_fields(summary: SessionSummary) -> dict[str, Any]:
    """The values of the fields of `SessionSummaryOut`."""
    return _session_fields(summary.session, summary.participant_count, summary.own, summary.view)


def common_fields(registered: RegistrationResult) -> dict[str, Any]:
    """The values of the fields of `SessionOut`."""
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
    """The key of a session of the caller's app."""
    return SessionKey(caller.app.id, kind, reference)


def session_of_filters(caller: Caller, kind: SessionKind | None, reference: str | None) -> SessionKey | None:
    """The session that both filters name; None without them. Raises `InvalidInput` if one of them is missing."""
    if (kind is None) != (reference is None):
        raise InvalidInput("Send `kind` and `reference` together: both name the session.")
    return None if kind is None or reference is None else SessionKey(caller.app.id, kind, reference)
