"""Sentences for the events of the journal. User-supplied text is wrapped in isolate characters (see `bidi`)."""

from collections.abc import Callable, Mapping
from typing import Any

from videobroker.domain.access import AccessReason
from videobroker.domain.calls import EndReason
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.web.console.bidi import isolated
from videobroker.web.console.templating import duration

Data = Mapping[str, Any]

_END = {
    EndReason.REQUESTED: "by a participant or the app",
    EndReason.WINDOW_CLOSED: "at the end of its time",
    EndReason.SESSION_CLOSED: "because the session was closed",
    EndReason.SESSION_MOVED: "because the session was moved",
    EndReason.EMPTY: "because everyone had left",
}
_DENIED = {
    AccessReason.VIDEO_DISABLED: "video is off",
    AccessReason.SESSION_CANCELLED: "the session is cancelled",
    AccessReason.SESSION_COMPLETED: "the session is completed",
    AccessReason.SESSION_NOT_CONFIRMED: "the session is not confirmed",
    AccessReason.NOT_A_PARTICIPANT: "not a participant",
    AccessReason.GUESTS_NOT_ALLOWED: "guests are not allowed",
    AccessReason.PARTICIPANT_REMOVED: "is blocked",
    AccessReason.TOO_EARLY: "too early",
    AccessReason.SESSION_OVER: "the session is over",
    AccessReason.WAITING_FOR_HOST: "waiting for the host",
    AccessReason.WAITING_FOR_ADMISSION: "waiting for admission",
}
_SOURCE = {"observed": "", "reconciled": " (confirmed later)", "inferred": " (estimated)"}


def _denied(who: str, data: Data) -> str:
    reason = data.get("reason", "")
    text = next((text for each, text in _DENIED.items() if each.value == reason), isolated(reason))
    return f"{who} couldn't join: {text}."


def _ended(_: str, data: Data) -> str:
    reason = data.get("reason", "")
    why = next((text for each, text in _END.items() if each.value == reason), f"({reason})")
    lasted = duration(data.get("duration_seconds"))
    return f"Call ended {why} after {lasted} ({_people(data.get('people', 0))})."


def _people(count: Any) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _closed(_: str, data: Data) -> str:
    counts = data.get("counts") or {}
    listed = ", ".join(f"{number} {verdict.replace('_', ' ')}" for verdict, number in counts.items() if number)
    word = "corrected" if data.get("corrected") else "final"
    return f"Attendance {word}: {listed or 'no participants'}."


def _joined(who: str, data: Data) -> str:
    role = f" as {isolated(data['role'])}" if data.get("role") else ""
    return f"{who} joined{role}{_source(data)}."


def _left(who: str, data: Data) -> str:
    return f"{who} left{_source(data)}."


def _source(data: Data) -> str:
    return _SOURCE.get(str(data.get("source", "")), "")


def _issued(who: str, data: Data) -> str:
    what = "room code" if data.get("surface") == "prebuilt" else "token"
    return f"{who}{_guest(data)} was given access ({data.get('provider')} {what}, role {isolated(data.get('role'))})."


def _link_revoked(who: str, data: Data) -> str:
    why = " (replaced by a newer one)" if data.get("replaced_by") else ""
    return f"Join link of {who}{_guest(data)} revoked{why}."


def _guest(data: Data) -> str:
    return " (guest)" if data.get("guest") else ""


def _removed(who: str, data: Data) -> str:
    return f"{who} was removed{' and blocked' if data.get('ban') else ''}."


def _corrected(who: str, data: Data) -> str:
    if data.get("withdrawn"):
        return f"{who} was not in the call after all{_source(data)}."
    return f"Attendance of {who} was corrected{_source(data)}."


def _recorded(_: str, data: Data) -> str:
    lasts = "" if data.get("duration_seconds") is None else f", {duration(data['duration_seconds'])} long"
    return f"Recording ready at {data.get('provider')}{lasts}."


def _learned(_: str, data: Data) -> str:
    learned = ", ".join(f"{number} {sign}" for sign, number in (data.get("learned") or {}).items())
    return f"Checked attendance with the provider: {learned or 'no changes'}."


def _listed(names: Any) -> str:
    return ", ".join(isolated(name) for name in names or ()) or "nothing"


def _endpoint(data: Data) -> str:
    return f"Webhook endpoint at {isolated(data.get('host'))}"


def _days(days: Any) -> str:
    return "for good" if days is None else f"for {days} days"


_SENTENCES: Mapping[EventType, Callable[[str, Data], str]] = {
    EventType.SESSION_REGISTERED: lambda _, data: f"Session created ({data.get('status', 'confirmed')}).",
    EventType.SESSION_UPDATED: lambda _, data: (
        f"Session updated (version {data.get('version')}, {data.get('status')})."
    ),
    EventType.SESSION_CANCELLED: lambda _, __: "Session cancelled.",
    EventType.SESSION_DELETED: lambda _, __: "Session deleted.",
    EventType.PARTICIPANT_ADDED: lambda who, data: f"{who} was added as {isolated(data.get('role'))}.",
    EventType.PARTICIPANT_UPDATED: lambda who, data: f"{who} was changed (role {isolated(data.get('role'))}).",
    EventType.PARTICIPANT_DROPPED: lambda who, _: f"{who} is no longer a participant.",
    EventType.CREDENTIALS_ISSUED: _issued,
    EventType.CREDENTIALS_DENIED: _denied,
    EventType.LINK_ISSUED: lambda who, data: f"Join link created for {who}{_guest(data)}.",
    EventType.LINK_REVOKED: _link_revoked,
    EventType.PARTICIPANT_JOINED: _joined,
    EventType.PARTICIPANT_LEFT: _left,
    EventType.PARTICIPANT_REMOVED: _removed,
    EventType.PARTICIPANT_READMITTED: lambda who, _: f"{who} was unblocked.",
    EventType.PARTICIPANT_WAITING: lambda who, _: f"{who} asked to join.",
    EventType.PARTICIPANT_WITHDREW: lambda who, _: f"{who} withdrew their request to join.",
    EventType.PARTICIPANT_ADMITTED: lambda who, _: f"{who} was admitted.",
    EventType.PARTICIPANT_DENIED: lambda who, _: f"{who} was declined.",
    EventType.PARTICIPANT_NO_SHOW: lambda who, data: f"{who} ({isolated(data.get('role'))}) hasn't joined.",
    EventType.ATTENDANCE_CORRECTED: _corrected,
    EventType.ATTENDANCE_RECONCILED: _learned,
    EventType.SESSION_CLOSED: _closed,
    EventType.CALL_STARTED: lambda _, data: f"Call started at {data.get('provider')}.",
    EventType.CALL_ENDED: _ended,
    EventType.CALL_SETTLED: lambda _, data: (
        f"Attendance of the call final: {_people(data.get('people', 0))} "
        f"(peak {data.get('peak', 0)}){', confirmed by the provider' if data.get('reconciled') else ''}."
    ),
    EventType.ROOM_OPENED: lambda _, data: f"{data.get('provider')} room opened.",
    EventType.ROOM_CLOSED: lambda _, data: f"{data.get('provider')} room closed.",
    EventType.RECORDING_STARTED: lambda _, data: f"Recording started at {data.get('provider')}.",
    EventType.RECORDING_READY: _recorded,
    EventType.RECORDING_FAILED: lambda _, data: (
        f"Recording at {data.get('provider')} failed: {isolated(data.get('reason') or 'no reason given')}."
    ),
    EventType.PROVIDER_SWITCHED: lambda _, data: f"Switched to {data.get('provider')}.",
    EventType.APP_REPORTED: lambda _, data: f"The app reported “{isolated(data.get('event'))}”.",
    EventType.PERSON_ERASED: lambda _, data: f"A person was erased from {data.get('rows')} entries of the audit log.",
    EventType.JOURNAL_RETIRED: lambda _, data: f"{data.get('rows')} old entries were removed from the audit log.",
    EventType.APP_SETTINGS_CREATED: lambda _, data: f"App {isolated(data.get('name'))} created.",
    EventType.APP_SETTINGS_CHANGED: lambda _, data: f"App settings changed: {_listed(data.get('changes'))}.",
    EventType.API_KEY_CREATED: lambda _, data: f"API key {isolated(data.get('name'))} created.",
    EventType.API_KEY_REVOKED: lambda _, data: f"API key {isolated(data.get('name'))} revoked.",
    EventType.PROVIDER_ACCOUNT_CHANGED: lambda _, data: (
        f"{data.get('provider')} account {'added' if data.get('is_new') else 'changed'}: "
        f"{_listed(data.get('changed'))}."
    ),
    EventType.USER_TOKEN_RULES_CHANGED: lambda _, data: f"User-token rules changed: {_listed(data.get('changed'))}.",
    EventType.USER_TOKEN_RULES_REMOVED: lambda _, __: "User-token rules removed.",
    EventType.ENDPOINT_CREATED: lambda _, data: f"{_endpoint(data)} created.",
    EventType.ENDPOINT_CHANGED: lambda _, data: f"{_endpoint(data)} changed: {_listed(data.get('changed'))}.",
    EventType.ENDPOINT_SECRET_ROTATED: lambda _, __: "Secret of a webhook endpoint replaced.",
    EventType.ENDPOINT_REMOVED: lambda _, data: f"{_endpoint(data)} deleted.",
    EventType.OPERATOR_SIGNED_IN: lambda _, __: "An operator signed in.",
    EventType.OPERATOR_SIGNED_OUT: lambda _, __: "An operator signed out.",
    EventType.OPERATOR_KEY_CREATED: lambda _, data: f"Operator key {isolated(data.get('name'))} created.",
    EventType.OPERATOR_KEY_REVOKED: lambda _, data: f"Operator key {isolated(data.get('name'))} revoked.",
    EventType.AUTHENTICATION_REJECTED: lambda _, data: (
        f"Rejected credentials: {isolated(data.get('reason'))} ({data.get('count')} times)."
    ),
    EventType.RETENTION_CHANGED: lambda _, data: (
        f"Events of the class {isolated(data.get('class'))} are stored {_days(data.get('days'))}."
    ),
}


def sentence(recorded: RecordedEvent, names: Mapping[str, str]) -> str:
    """Describes an event in one sentence; `names` has the display names by user ID."""
    event = recorded.event
    data = event.data or {}
    who = _who(event.user_id or data.get("provider_user_id"), names)
    write = _SENTENCES.get(event.type)
    if write is None:
        word = event.type.value.replace(".", " ").replace("_", " ").capitalize()
        return f"{word}: {who}." if event.user_id else f"{word}."
    return write(who, data)


def _who(user_id: str | None, names: Mapping[str, str]) -> str:
    return "Unknown" if user_id is None else isolated(names.get(user_id) or user_id)


def actor_text(recorded: RecordedEvent) -> str:
    """Who caused the event."""
    actor = recorded.event.actor
    if actor.operator is not None:
        return f"operator {isolated(actor.operator)}"
    if actor.user_id is not None:
        return f"user {isolated(actor.user_id)}" + (" with a link" if actor.ticket_id is not None else "")
    return "the app's backend" if actor.key_id is not None else "the service"


_PROBLEMS = {EventType.CREDENTIALS_DENIED, EventType.PARTICIPANT_NO_SHOW, EventType.PARTICIPANT_DENIED}
KINDS = {
    "session": "plan",
    "participant": "people",
    "attendance": "people",
    "credentials": "access",
    "link": "access",
    "call": "call",
    "room": "call",
    "provider": "call",
}
"""CSS class in the timeline, by the first word of the event type."""


def kind(recorded: RecordedEvent) -> str:
    """CSS class of the event in the timeline."""
    if recorded.event.type in _PROBLEMS:
        return "trouble"
    return KINDS.get(recorded.event.type.value.partition(".")[0], "other")
