"""Dictionaries and values in requests. Generated from openapi.yaml by `make clients`: do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict

from videobroker_client.models import (
    CallProblem,
    DeliveryState,
    EventType,
    Modality,
    ProviderName,
    SessionKind,
    SessionStatus,
    Surface,
    WaitingRoom,
)

__all__ = [
    "CallOrder",
    "CallProblem",
    "DeliveryState",
    "EventType",
    "LinkGuestInput",
    "Modality",
    "ParticipantInput",
    "PolicyInput",
    "ProviderName",
    "SessionKind",
    "SessionOrder",
    "SessionStatus",
    "Surface",
    "WaitingRoom",
]

CallOrder: TypeAlias = Literal[
    "started_at",
    "-started_at",
]
"""The order of a list of calls; `-` for descending. More values can be added: clients must accept unknown values."""

SessionOrder: TypeAlias = Literal[
    "starts_at",
    "-starts_at",
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
]
"""The order of a session list; `-` for descending. Groups have no start. More values can be added: clients must
accept unknown values.
"""


class LinkGuestInput(TypedDict):
    """A person who is not registered for the session."""

    # The guest's name.
    display_name: str


class ParticipantInput(TypedDict):
    """A person who is registered for a session."""

    # Your ID of the person.
    user_id: str
    # The person's role in your app. The app's role map translates it to a provider role.
    role: str
    # Shown to others in the call.
    display_name: NotRequired[str | None]


class PolicyInput(TypedDict):
    """Policy settings of this session that differ from those of the app. Durations are in whole seconds."""

    # How long before the start participants can join.
    opens_before_seconds: NotRequired[int | None]
    # Overrides `opens_before_seconds` for individual app roles.
    opens_before_seconds_by_role: NotRequired[Mapping[str, int] | None]
    # How long after the end participants can still join.
    grace_seconds: NotRequired[int | None]
    # How much longer participants can join a call that is running when the window closes.
    overrun_seconds: NotRequired[int | None]
    # Who has to wait although the window is open: no one (`off`), everyone until a host is in the call (`until_host`),
    # or everyone until a host admits them (`admit`).
    waiting_room: NotRequired[WaitingRoom | None]
    # App roles that never have to wait, and that can moderate the session.
    host_roles: NotRequired[Sequence[str] | None]
    # App roles that can start a call with a user token, in addition to `host_roles`. Only hosts can end a call.
    call_roles: NotRequired[Sequence[str] | None]
    # App roles that can reschedule and cancel the session with a user token. To let users create sessions, set it on
    # the app.
    booking_roles: NotRequired[Sequence[str] | None]
    # Whether people who are not participants can join as guests.
    guests_allowed: NotRequired[bool | None]
    # Maximum lifetime of a participant's token.
    token_seconds: NotRequired[int | None]
    # Maximum lifetime of a guest's token.
    guest_token_seconds: NotRequired[int | None]
    # Maximum lifetime of a link, from its creation.
    ticket_seconds: NotRequired[int | None]
    # Participants who join later than this after the start are `late`.
    late_after_seconds: NotRequired[int | None]
    # Participants who leave earlier than this before the end have `left_early`.
    left_early_before_seconds: NotRequired[int | None]
    # Participants who were in the call for less than this are `absent`.
    minimum_presence_seconds: NotRequired[int | None]
    # Participants who have not joined this long after the start are reported as no-shows.
    no_show_after_seconds: NotRequired[int | None]
    # A group's call ends when it has been empty for this long.
    empty_seconds: NotRequired[int | None]
