"""What the journal tells, in sentences."""

from collections.abc import Callable, Mapping
from typing import Any

from videobroker.domain.access import Reason
from videobroker.domain.calls import EndReason
from videobroker.domain.journal import EventType, Recorded
from videobroker.web.console.rendering import duration

Data = Mapping[str, Any]

_END = {
    EndReason.REQUESTED: "on request",
    EndReason.WINDOW_CLOSED: "because its time was over",
    EndReason.SESSION_SHUT: "because the session was shut",
    EndReason.SESSION_MOVED: "because the session was moved",
    EndReason.EMPTY: "because nobody was in it any more",
}
_DENIED = {
    Reason.VIDEO_DISABLED: "video is off",
    Reason.SESSION_CANCELLED: "the session is cancelled",
    Reason.SESSION_COMPLETED: "the session is completed",
    Reason.SESSION_NOT_CONFIRMED: "the session is not confirmed",
    Reason.NOT_A_PARTICIPANT: "not on the roster",
    Reason.GUESTS_NOT_ALLOWED: "guests are not allowed",
    Reason.PARTICIPANT_REMOVED: "was put out for good",
    Reason.TOO_EARLY: "too early",
    Reason.SESSION_OVER: "the session is over",
    Reason.WAITING_FOR_HOST: "waits for the host",
    Reason.WAITING_FOR_ADMISSION: "waits to be let in",
}
_SOURCE = {"observed": "", "reconciled": " (told when asked)", "inferred": " (concluded)"}


def _denied(who: str, data: Data) -> str:
    reason = data.get("reason", "")
    told = next((text for each, text in _DENIED.items() if each.value == reason), str(reason))
    return f"{who} was not let in: {told}."


def _ended(_: str, data: Data) -> str:
    reason = data.get("reason", "")
    why = next((text for each, text in _END.items() if each.value == reason), f"({reason})")
    lasted = duration(data.get("duration_seconds"))
    return f"The call ended {why}, after {lasted}, with {_people(data.get('people', 0))}."


def _people(count: Any) -> str:
    return "one person" if count == 1 else f"{count} people"


def _closed(_: str, data: Data) -> str:
    counts = data.get("counts") or {}
    told = ", ".join(f"{number} {verdict.replace('_', ' ')}" for verdict, number in counts.items() if number)
    word = "corrected" if data.get("corrected") else "final"
    return f"The verdicts are {word}: {told or 'none'}."


def _joined(who: str, data: Data) -> str:
    role = f" as {data['role']}" if data.get("role") else ""
    return f"{who} came{role}{_source(data)}."


def _left(who: str, data: Data) -> str:
    return f"{who} left{_source(data)}."


def _source(data: Data) -> str:
    return _SOURCE.get(str(data.get("source", "")), "")


def _issued(who: str, data: Data) -> str:
    what = "a room code" if data.get("surface") == "prebuilt" else "a token"
    guest = ", a guest," if data.get("guest") else ""
    return f"{who}{guest} got {what} for {data.get('provider')} as {data.get('role')}."


def _removed(who: str, data: Data) -> str:
    return f"{who} was put out{' for good' if data.get('ban') else ''}."


def _corrected(who: str, data: Data) -> str:
    if data.get("withdrawn"):
        return f"{who} was not there after all{_source(data)}."
    return f"When {who} was there turned out to be otherwise{_source(data)}."


def _recorded(_: str, data: Data) -> str:
    lasts = "" if data.get("duration_seconds") is None else f", {duration(data['duration_seconds'])} long"
    return f"A recording is ready at {data.get('provider')}{lasts}."


def _learned(_: str, data: Data) -> str:
    learned = ", ".join(f"{number} {sign}" for sign, number in (data.get("learned") or {}).items())
    return f"The provider was asked who was there, and told what was missing: {learned or 'nothing new'}."


_SENTENCES: Mapping[EventType, Callable[[str, Data], str]] = {
    EventType.SESSION_REGISTERED: lambda _, data: f"Registered, {data.get('status', 'confirmed')}.",
    EventType.SESSION_UPDATED: lambda _, data: (
        f"Changed; it is {data.get('status')} now (version {data.get('version')})."
    ),
    EventType.SESSION_CANCELLED: lambda _, __: "Cancelled.",
    EventType.PARTICIPANT_ADDED: lambda who, data: f"{who} was put on the roster as {data.get('role')}.",
    EventType.PARTICIPANT_UPDATED: lambda who, data: f"{who} is on the roster as {data.get('role')} now.",
    EventType.PARTICIPANT_DROPPED: lambda who, _: f"{who} was taken off the roster.",
    EventType.CREDENTIALS_ISSUED: _issued,
    EventType.CREDENTIALS_DENIED: _denied,
    EventType.LINK_ISSUED: lambda who, data: f"{who}{', a guest,' if data.get('guest') else ''} was given a join link.",
    EventType.LINK_REVOKED: lambda who, data: (
        f"A link of {who}{', a guest,' if data.get('guest') else ''} was revoked."
    ),
    EventType.PARTICIPANT_JOINED: _joined,
    EventType.PARTICIPANT_LEFT: _left,
    EventType.PARTICIPANT_REMOVED: _removed,
    EventType.PARTICIPANT_READMITTED: lambda who, _: f"{who} may come in again.",
    EventType.PARTICIPANT_WAITING: lambda who, _: f"{who} waits to be let in.",
    EventType.PARTICIPANT_WITHDREW: lambda who, _: f"{who} withdrew their request to join.",
    EventType.PARTICIPANT_ADMITTED: lambda who, _: f"{who} was let in.",
    EventType.PARTICIPANT_DENIED: lambda who, _: f"{who} was not let in.",
    EventType.PARTICIPANT_NO_SHOW: lambda who, data: f"{who} ({data.get('role')}) is missing.",
    EventType.ATTENDANCE_CORRECTED: _corrected,
    EventType.ATTENDANCE_RECONCILED: _learned,
    EventType.SESSION_CLOSED: _closed,
    EventType.CALL_STARTED: lambda _, data: f"A call began at {data.get('provider')}.",
    EventType.CALL_ENDED: _ended,
    EventType.CALL_SETTLED: lambda _, data: (
        f"The call's attendance is final: {_people(data.get('people', 0))}, "
        f"at most {data.get('peak', 0)} at once{', confirmed by the provider' if data.get('reconciled') else ''}."
    ),
    EventType.ROOM_OPENED: lambda _, data: f"The room at {data.get('provider')} was opened.",
    EventType.ROOM_CLOSED: lambda _, data: f"The room at {data.get('provider')} was shut.",
    EventType.RECORDING_STARTED: lambda _, data: f"{data.get('provider')} began to record.",
    EventType.RECORDING_READY: _recorded,
    EventType.RECORDING_FAILED: lambda _, data: (
        f"A recording at {data.get('provider')} failed: {data.get('reason') or 'it did not say why'}."
    ),
    EventType.PROVIDER_SWITCHED: lambda _, data: f"It takes place at {data.get('provider')} instead.",
    EventType.APP_REPORTED: lambda _, data: f"The app reported “{data.get('event')}”.",
    EventType.PERSON_ERASED: lambda _, data: f"A person was taken out of {data.get('rows')} lines of the journal.",
    EventType.JOURNAL_RETIRED: lambda _, data: f"{data.get('rows')} old lines were taken out of the journal.",
}


def sentence(recorded: Recorded, names: Mapping[str, str]) -> str:
    """What happened, for people; `names` has the display names by user id."""
    event = recorded.event
    data = event.data or {}
    who = _who(event.user_id or data.get("provider_user_id"), names)
    told = _SENTENCES.get(event.type)
    if told is None:
        word = event.type.value.replace(".", " ").replace("_", " ").capitalize()
        return f"{word}: {who}." if event.user_id else f"{word}."
    return told(who, data)


def _who(user_id: str | None, names: Mapping[str, str]) -> str:
    return "Somebody" if user_id is None else names.get(user_id) or user_id


def asked_by(recorded: Recorded) -> str:
    """Who asked for it, for people."""
    actor = recorded.event.actor
    if actor.operator is not None:
        return f"operator {actor.operator}"
    if actor.user_id is not None:
        return f"user {actor.user_id}" + (" with a link" if actor.ticket_id is not None else "")
    return "the app's backend" if actor.key_id is not None else "the service"


_TROUBLE = {EventType.CREDENTIALS_DENIED, EventType.PARTICIPANT_NO_SHOW, EventType.PARTICIPANT_DENIED}
KINDS = {
    "session": "plan",
    "participant": "people",
    "attendance": "people",
    "credentials": "door",
    "link": "door",
    "call": "call",
    "room": "call",
    "provider": "call",
}
"""By the first word of the type: how the timeline paints it."""


def kind(recorded: Recorded) -> str:
    """How the timeline paints it."""
    if recorded.event.type in _TROUBLE:
        return "trouble"
    return KINDS.get(recorded.event.type.value.partition(".")[0], "other")
