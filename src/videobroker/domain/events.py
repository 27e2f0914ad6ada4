"""Events of the journal, the append-only log of an app."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from videobroker.domain.actors import Actor
from videobroker.domain.ids import EventId, SessionId, uuid7
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.struct import Struct
from videobroker.domain.times import rfc3339


class EventType(StrEnum):
    """The type of an event, as it is stored and as the API names it."""

    SESSION_REGISTERED = "session.registered"
    SESSION_UPDATED = "session.updated"
    SESSION_CANCELLED = "session.cancelled"
    SESSION_DELETED = "session.deleted"
    PARTICIPANT_ADDED = "participant.added"
    PARTICIPANT_UPDATED = "participant.updated"
    PARTICIPANT_DROPPED = "participant.dropped"
    CREDENTIALS_ISSUED = "credentials.issued"
    CREDENTIALS_DENIED = "credentials.denied"
    LINK_ISSUED = "link.issued"
    LINK_REVOKED = "link.revoked"
    PARTICIPANT_JOINED = "participant.joined"
    PARTICIPANT_LEFT = "participant.left"
    PARTICIPANT_REMOVED = "participant.removed"
    PARTICIPANT_READMITTED = "participant.readmitted"
    PARTICIPANT_WAITING = "participant.waiting"
    PARTICIPANT_WITHDREW = "participant.withdrew"
    PARTICIPANT_ADMITTED = "participant.admitted"
    PARTICIPANT_DENIED = "participant.denied"
    PARTICIPANT_NO_SHOW = "participant.no_show"
    FEEDBACK_GIVEN = "feedback.given"
    ATTENDANCE_CORRECTED = "attendance.corrected"
    ATTENDANCE_RECONCILED = "attendance.reconciled"
    SESSION_CLOSED = "session.closed"
    CALL_STARTED = "call.started"
    CALL_ENDED = "call.ended"
    CALL_SETTLED = "call.settled"
    RECORDING_STARTED = "recording.started"
    RECORDING_READY = "recording.ready"
    RECORDING_FAILED = "recording.failed"
    ROOM_OPENED = "room.opened"
    ROOM_CLOSED = "room.closed"
    PROVIDER_SWITCHED = "provider.switched"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_OPERATED = "endpoint.operated"
    APP_REPORTED = "app.reported"
    PERSON_ERASED = "person.erased"
    JOURNAL_RETIRED = "journal.retired"
    JOURNAL_SEALED = "journal.sealed"
    APP_SETTINGS_CREATED = "app_settings.created"
    APP_SETTINGS_CHANGED = "app_settings.changed"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    PROVIDER_ACCOUNT_CHANGED = "provider_account.changed"
    USER_TOKEN_RULES_CHANGED = "user_token_rules.changed"  # noqa: S105  the name of a type
    USER_TOKEN_RULES_REMOVED = "user_token_rules.removed"  # noqa: S105  the name of a type
    ENDPOINT_CREATED = "endpoint.created"
    ENDPOINT_CHANGED = "endpoint.changed"
    ENDPOINT_SECRET_ROTATED = "endpoint.secret_rotated"  # noqa: S105  the name of a type
    ENDPOINT_REMOVED = "endpoint.removed"
    RETENTION_CHANGED = "retention.changed"
    DATA_EXPORTED = "data.exported"
    OPERATOR_SIGNED_IN = "operator.signed_in"
    OPERATOR_SIGNED_OUT = "operator.signed_out"
    OPERATOR_KEY_CREATED = "operator_key.created"
    OPERATOR_KEY_REVOKED = "operator_key.revoked"
    AUTHENTICATION_REJECTED = "authentication.rejected"


SET_UP_EVENTS = frozenset(
    {
        EventType.APP_SETTINGS_CREATED,
        EventType.APP_SETTINGS_CHANGED,
        EventType.API_KEY_CREATED,
        EventType.API_KEY_REVOKED,
        EventType.PROVIDER_ACCOUNT_CHANGED,
        EventType.USER_TOKEN_RULES_CHANGED,
        EventType.USER_TOKEN_RULES_REMOVED,
        EventType.ENDPOINT_CREATED,
        EventType.ENDPOINT_CHANGED,
        EventType.ENDPOINT_SECRET_ROTATED,
        EventType.ENDPOINT_REMOVED,
        EventType.RETENTION_CHANGED,
    }
)
"""Events about the configuration of an app. They contain no secrets."""
SERVICE_EVENTS = frozenset(
    {
        EventType.OPERATOR_SIGNED_IN,
        EventType.OPERATOR_SIGNED_OUT,
        EventType.OPERATOR_KEY_CREATED,
        EventType.OPERATOR_KEY_REVOKED,
    }
)
"""Events of the service itself. They are journaled under `SERVICE_ID` and belong to no app."""
OPT_IN_EVENTS = (
    SET_UP_EVENTS
    | SERVICE_EVENTS
    | {EventType.AUTHENTICATION_REJECTED, EventType.DATA_EXPORTED, EventType.JOURNAL_SEALED}
)
"""Webhook endpoints receive these types only if they list them explicitly."""


class ChangeInterface(StrEnum):
    """Through which interface a set-up was changed."""

    API = "api"
    """With the API key that `asked_by` names."""
    CONSOLE = "console"
    """By the operator whom `asked_by` names."""
    ADMIN_API = "admin_api"
    """With the operator key that `asked_by` names, over `/v1/admin`."""
    COMMAND_LINE = "command_line"
    ENVIRONMENT = "environment"
    """By environment variables, when a process started."""


class Event(Struct):
    """One entry of the journal. It never contains a token, a room code, or a display name."""

    id: EventId
    type: EventType
    occurred_at: datetime
    actor: Actor
    session: SessionKey | None = None
    session_id: SessionId | None = None
    user_id: str | None = None
    """The user whom the event is about."""
    data: Mapping[str, Any] | None = None


def create_session_event(
    session: Session,
    event_type: EventType,
    *,
    actor: Actor,
    now: datetime,
    user_id: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """An event about `session` with a new ID, dated `now`. It is not stored yet."""
    return Event(
        id=EventId(uuid7(now)),
        type=event_type,
        occurred_at=now,
        actor=actor,
        session=session.key,
        session_id=session.id,
        user_id=user_id,
        data=data,
    )


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A stored event and the cursor of its position in the journal."""

    event: Event
    cursor: str

    def to_json(self) -> dict[str, Any]:
        """The JSON form used by the API, by webhooks, and by the stream. Times are RFC 3339 strings."""
        event = self.event
        key = event.session
        return {
            "id": str(event.id),
            "type": event.type.value,
            "occurred_at": rfc3339(event.occurred_at),
            "session": None if key is None else {"kind": key.kind.value, "reference": key.reference},
            "user_id": event.user_id,
            "asked_by": requester_json(event.actor),
            "data": dict(event.data or {}),
            "cursor": self.cursor,
        }


def requester_json(actor: Actor) -> dict[str, Any]:
    """The JSON form of who made the request that caused an event."""
    return {
        "key_id": None if actor.key_id is None else str(actor.key_id),
        "user_id": actor.user_id,
        "operator": actor.operator,
        "operator_subject": actor.operator_subject,
        "ticket_id": None if actor.ticket_id is None else str(actor.ticket_id),
        "ip": actor.ip,
        "user_agent": actor.user_agent,
    }
