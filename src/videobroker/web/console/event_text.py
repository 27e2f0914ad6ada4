"""Sentences for the events of the journal. User-supplied text is wrapped in isolate characters (see `bidi`)."""

from collections.abc import Callable, Mapping
from typing import Any

from videobroker.domain.access import WAIT_REASONS, AccessReason
from videobroker.domain.calls import EndReason
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.feedback import CallProblem
from videobroker.web.console.bidi import isolated
from videobroker.web.console.i18n import N_, ngettext, number
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.templating import duration

Data = Mapping[str, Any]

_END = {
    EndReason.REQUESTED: N_("Call ended by a participant or the app after %(duration)s (%(people)s)."),
    EndReason.WINDOW_CLOSED: N_("Call ended at the end of its time after %(duration)s (%(people)s)."),
    EndReason.SESSION_CLOSED: N_("Call ended after %(duration)s (%(people)s): the session was closed."),
    EndReason.SESSION_MOVED: N_("Call ended after %(duration)s (%(people)s): the session was moved."),
    EndReason.EMPTY: N_("Call ended after %(duration)s (%(people)s): everyone had left."),
}
DENIED_TEXTS = {
    AccessReason.VIDEO_DISABLED: N_("video is off"),
    AccessReason.SESSION_CANCELLED: N_("the session is canceled"),
    AccessReason.SESSION_COMPLETED: N_("the session is completed"),
    AccessReason.SESSION_NOT_CONFIRMED: N_("the session is not confirmed"),
    AccessReason.NOT_A_PARTICIPANT: N_("not a participant"),
    AccessReason.GUESTS_NOT_ALLOWED: N_("guests are not allowed"),
    AccessReason.PARTICIPANT_REMOVED: N_("is blocked"),
    AccessReason.TOO_EARLY: N_("too early"),
    AccessReason.SESSION_OVER: N_("the session is over"),
    AccessReason.WAITING_FOR_HOST: N_("waiting for the host"),
    AccessReason.WAITING_FOR_ADMISSION: N_("waiting for admission"),
    AccessReason.ADMISSION_DENIED: N_("the host declined the request"),
}
_SOURCE = {"reconciled": N_("confirmed later"), "inferred": N_("estimated")}
_COUNTED = {
    "attended": N_("%(count)s attended"),
    "late": N_("%(count)s late"),
    "left_early": N_("%(count)s left early"),
    "absent": N_("%(count)s absent"),
    "pending": N_("%(count)s pending"),
    "unknown": N_("%(count)s unknown"),
}
_LEARNED = {
    "joined": N_("%(count)s joined"),
    "left": N_("%(count)s left"),
}


def _denied(who: str, data: Data) -> str:
    reason = data.get("reason", "")
    text = next((_(text) for each, text in DENIED_TEXTS.items() if each.value == reason), isolated(reason))
    if is_wait(data):
        return _("%(who)s couldn't join yet: %(reason)s.", who=who, reason=text)
    return _("%(who)s couldn't join: %(reason)s.", who=who, reason=text)


def is_wait(data: Data) -> bool:
    """Whether a denied person only has to wait: for the start, the host, or admission."""
    return data.get("reason") in WAIT_REASONS


def _ended(__: str, data: Data) -> str:
    reason = data.get("reason", "")
    sentence = next((text for each, text in _END.items() if each.value == reason), None)
    values = {"duration": duration(data.get("duration_seconds")), "people": _people(data.get("people", 0))}
    if sentence is None:
        return _("Call ended after %(duration)s (%(people)s): %(reason)s.", reason=isolated(reason), **values)
    return _(sentence, **values)


def _people(count: int) -> str:
    return ngettext("%(num)s person", "%(num)s people", count)


def _closed(__: str, data: Data) -> str:
    counts = data.get("counts") or {}
    listed = ", ".join(_counted(_COUNTED, verdict, count) for verdict, count in counts.items() if count)
    if not listed:
        listed = _("no participants")
    if data.get("corrected"):
        return _("Attendance corrected: %(counts)s.", counts=listed)
    return _("Attendance final: %(counts)s.", counts=listed)


def _counted(texts: Mapping[str, str], key: str, count: int) -> str:
    if key in texts:
        return _(texts[key], count=number(count))
    return f"{number(count)} {isolated(key.replace('_', ' '))}"


def _joined(who: str, data: Data) -> str:
    if data.get("role"):
        return _("%(who)s joined as %(role)s%(source)s.", who=who, role=isolated(data["role"]), source=_source(data))
    return _("%(who)s joined%(source)s.", who=who, source=_source(data))


def _left(who: str, data: Data) -> str:
    return _("%(who)s left%(source)s.", who=who, source=_source(data))


def _source(data: Data) -> str:
    source = str(data.get("source", ""))
    return f" ({_(_SOURCE[source])})" if source in _SOURCE else ""


def _issued(who: str, data: Data) -> str:
    values = {"who": _with_guest(who, data), "provider": data.get("provider"), "role": isolated(data.get("role"))}
    if data.get("surface") == "prebuilt":
        return _("%(who)s was given access (%(provider)s room code, role %(role)s).", **values)
    return _("%(who)s was given access (%(provider)s token, role %(role)s).", **values)


def _link_issued(who: str, data: Data) -> str:
    return _("Join link created for %(who)s.", who=_with_guest(who, data))


def _link_revoked(who: str, data: Data) -> str:
    if data.get("replaced_by"):
        return _("Join link of %(who)s revoked (replaced by a newer one).", who=_with_guest(who, data))
    return _("Join link of %(who)s revoked.", who=_with_guest(who, data))


def _with_guest(who: str, data: Data) -> str:
    return _("%(who)s (guest)", who=who) if data.get("guest") else who


def _removed(who: str, data: Data) -> str:
    if data.get("ban"):
        return _("%(who)s was removed and blocked.", who=who)
    return _("%(who)s was removed.", who=who)


def _corrected(who: str, data: Data) -> str:
    if data.get("withdrawn"):
        return _("%(who)s was not in the call after all%(source)s.", who=who, source=_source(data))
    return _("Attendance of %(who)s was corrected%(source)s.", who=who, source=_source(data))


def _recorded(__: str, data: Data) -> str:
    if data.get("duration_seconds") is None:
        return _("Recording ready at %(provider)s.", provider=data.get("provider"))
    lasted = duration(data["duration_seconds"])
    return _("Recording ready at %(provider)s, %(duration)s long.", provider=data.get("provider"), duration=lasted)


def _learned(__: str, data: Data) -> str:
    learned = ", ".join(_counted(_LEARNED, sign, count) for sign, count in (data.get("learned") or {}).items())
    return _("Checked attendance with the provider: %(changes)s.", changes=learned or _("no changes"))


def _settled(__: str, data: Data) -> str:
    values = {"people": _people(data.get("people", 0)), "peak": number(data.get("peak", 0))}
    if data.get("reconciled"):
        return _("Attendance of the call final: %(people)s (peak %(peak)s), confirmed by the provider.", **values)
    return _("Attendance of the call final: %(people)s (peak %(peak)s).", **values)


_CALL_PROBLEMS = {
    CallProblem.AUDIO: N_("sound"),
    CallProblem.VIDEO: N_("video"),
    CallProblem.CONNECTION: N_("connection"),
    CallProblem.SCREEN_SHARE: N_("screen sharing"),
    CallProblem.PEOPLE: N_("someone in the call"),
    CallProblem.OTHER: N_("something else"),
}


def _feedback(who: str, data: Data) -> str:
    details = data.get("details") or {}
    rating = data.get("rating")
    parts = [
        _("%(who)s gave feedback: %(rating)s of 5.", who=who, rating=number(rating))
        if rating
        else _("%(who)s gave feedback.", who=who)
    ]
    if problems := details.get("problems"):
        named = (_(_CALL_PROBLEMS[each]) if each in _CALL_PROBLEMS else isolated(each) for each in problems)
        parts.append(_("Problems: %(problems)s.", problems=", ".join(named)))
    if comment := details.get("comment"):
        parts.append(f"“{isolated(comment)}”")
    return " ".join(parts)


def _listed(names: Any) -> str:
    return ", ".join(isolated(name) for name in names or ()) or _("nothing")


def _account_changed(__: str, data: Data) -> str:
    values = {"provider": data.get("provider"), "changes": _listed(data.get("changed"))}
    if data.get("is_new"):
        return _("%(provider)s account added: %(changes)s.", **values)
    return _("%(provider)s account changed: %(changes)s.", **values)


def _rejected(__: str, data: Data) -> str:
    return ngettext(
        "Rejected credentials: %(reason)s (%(num)s time).",
        "Rejected credentials: %(reason)s (%(num)s times).",
        int(data.get("count") or 1),
        reason=isolated(data.get("reason")),
    )


def _retention(__: str, data: Data) -> str:
    name, days = isolated(data.get("class")), data.get("days")
    if days is None:
        return _("Events of the class %(name)s are stored permanently.", name=name)
    return ngettext(
        "Events of the class %(name)s are stored for %(num)s day.",
        "Events of the class %(name)s are stored for %(num)s days.",
        int(days),
        name=name,
    )


def _created(__: str, data: Data) -> str:
    return _("Session created (%(status)s).", status=_status(data.get("status", "confirmed")))


def _updated(__: str, data: Data) -> str:
    return _(
        "Session updated (version %(version)s, %(status)s).",
        version=data.get("version"),
        status=_status(data.get("status")),
    )


_STATUS = {
    "pending": N_("not confirmed"),
    "confirmed": N_("confirmed"),
    "completed": N_("completed"),
    "cancelled": N_("canceled"),
}


def _status(status: Any) -> str:
    return _(_STATUS[status]) if status in _STATUS else str(status)


def _erased(__: str, data: Data) -> str:
    return ngettext(
        "A person was erased from %(num)s entry of the audit log.",
        "A person was erased from %(num)s entries of the audit log.",
        int(data.get("rows") or 0),
    )


def _retired(__: str, data: Data) -> str:
    return ngettext(
        "%(num)s old entry was removed from the audit log.",
        "%(num)s old entries were removed from the audit log.",
        int(data.get("rows") or 0),
    )


_EXPORTED = {
    "sessions": N_("Sessions were exported as a file."),
    "attendance": N_("Attendance was exported as a file."),
    "deliveries": N_("Deliveries were exported as a file."),
    "journal": N_("Audit log entries were exported as a file."),
}


def _exported(__: str, data: Data) -> str:
    return _(_EXPORTED.get(str(data.get("content")), N_("Data was exported as a file.")))


def _fixed(message: str) -> Callable[[str, Data], str]:
    return lambda who, data: _(message)


def _about(message: str) -> Callable[[str, Data], str]:
    """A sentence about `%(who)s`, in `%(role)s`."""
    return lambda who, data: _(message, who=who, role=isolated(data.get("role")))


def _with_field(message: str, name: str) -> Callable[[str, Data], str]:
    """A sentence with this field of the event, which users or apps wrote."""
    return lambda who, data: _(message, **{name: isolated(data.get(name))})


def _at_provider(message: str) -> Callable[[str, Data], str]:
    return lambda who, data: _(message, provider=data.get("provider"))


_SENTENCES: Mapping[EventType, Callable[[str, Data], str]] = {
    EventType.SESSION_REGISTERED: _created,
    EventType.SESSION_UPDATED: _updated,
    EventType.SESSION_CANCELLED: _fixed(N_("Session canceled.")),
    EventType.SESSION_DELETED: _fixed(N_("Session deleted.")),
    EventType.PARTICIPANT_ADDED: _about(N_("%(who)s was added as %(role)s.")),
    EventType.PARTICIPANT_UPDATED: _about(N_("%(who)s was changed (role %(role)s).")),
    EventType.PARTICIPANT_DROPPED: _about(N_("%(who)s is no longer a participant.")),
    EventType.CREDENTIALS_ISSUED: _issued,
    EventType.CREDENTIALS_DENIED: _denied,
    EventType.LINK_ISSUED: _link_issued,
    EventType.LINK_REVOKED: _link_revoked,
    EventType.PARTICIPANT_JOINED: _joined,
    EventType.PARTICIPANT_LEFT: _left,
    EventType.PARTICIPANT_REMOVED: _removed,
    EventType.PARTICIPANT_READMITTED: _about(N_("%(who)s was unblocked.")),
    EventType.PARTICIPANT_WAITING: _about(N_("%(who)s asked to join.")),
    EventType.PARTICIPANT_WITHDREW: _about(N_("%(who)s withdrew their request to join.")),
    EventType.PARTICIPANT_ADMITTED: _about(N_("%(who)s was admitted.")),
    EventType.PARTICIPANT_DENIED: _about(N_("%(who)s was declined.")),
    EventType.PARTICIPANT_NO_SHOW: _about(N_("%(who)s (%(role)s) hasn't joined.")),
    EventType.ATTENDANCE_CORRECTED: _corrected,
    EventType.ATTENDANCE_RECONCILED: _learned,
    EventType.SESSION_CLOSED: _closed,
    EventType.CALL_STARTED: _at_provider(N_("Call started at %(provider)s.")),
    EventType.CALL_ENDED: _ended,
    EventType.CALL_SETTLED: _settled,
    EventType.ROOM_OPENED: _at_provider(N_("%(provider)s room opened.")),
    EventType.ROOM_CLOSED: _at_provider(N_("%(provider)s room closed.")),
    EventType.RECORDING_STARTED: _at_provider(N_("Recording started at %(provider)s.")),
    EventType.RECORDING_READY: _recorded,
    EventType.RECORDING_FAILED: lambda __, data: _(
        "Recording at %(provider)s failed: %(reason)s.",
        provider=data.get("provider"),
        reason=isolated(data["reason"]) if data.get("reason") else _("no reason given"),
    ),
    EventType.PROVIDER_SWITCHED: _at_provider(N_("Switched to %(provider)s.")),
    EventType.FEEDBACK_GIVEN: _feedback,
    EventType.APP_REPORTED: _with_field(N_("The app reported “%(event)s”."), "event"),
    EventType.DATA_EXPORTED: _exported,
    EventType.PERSON_ERASED: _erased,
    EventType.JOURNAL_RETIRED: _retired,
    EventType.JOURNAL_SEALED: lambda __, data: _(
        "Seal %(seal)s of the audit log was sent to webhook endpoints.", seal=data.get("seal")
    ),
    EventType.APP_SETTINGS_CREATED: _with_field(N_("App %(name)s created."), "name"),
    EventType.APP_SETTINGS_CHANGED: lambda __, data: _(
        "App settings changed: %(changes)s.", changes=_listed(data.get("changes"))
    ),
    EventType.API_KEY_CREATED: _with_field(N_("API key %(name)s created."), "name"),
    EventType.API_KEY_REVOKED: _with_field(N_("API key %(name)s revoked."), "name"),
    EventType.PROVIDER_ACCOUNT_CHANGED: _account_changed,
    EventType.USER_TOKEN_RULES_CHANGED: lambda __, data: _(
        "User-token rules changed: %(changes)s.", changes=_listed(data.get("changed"))
    ),
    EventType.USER_TOKEN_RULES_REMOVED: _fixed(N_("User-token rules removed.")),
    EventType.ENDPOINT_CREATED: _with_field(N_("Webhook endpoint at %(host)s created."), "host"),
    EventType.ENDPOINT_CHANGED: lambda __, data: _(
        "Webhook endpoint at %(host)s changed: %(changes)s.",
        host=isolated(data.get("host")),
        changes=_listed(data.get("changed")),
    ),
    EventType.ENDPOINT_SECRET_ROTATED: _fixed(N_("Secret of a webhook endpoint replaced.")),
    EventType.ENDPOINT_REMOVED: _with_field(N_("Webhook endpoint at %(host)s deleted."), "host"),
    EventType.OPERATOR_SIGNED_IN: _fixed(N_("An operator signed in.")),
    EventType.OPERATOR_SIGNED_OUT: _fixed(N_("An operator signed out.")),
    EventType.OPERATOR_KEY_CREATED: _with_field(N_("Operator key %(name)s created."), "name"),
    EventType.OPERATOR_KEY_REVOKED: _with_field(N_("Operator key %(name)s revoked."), "name"),
    EventType.AUTHENTICATION_REJECTED: _rejected,
    EventType.RETENTION_CHANGED: _retention,
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
    return _("Unknown") if user_id is None else isolated(names.get(user_id) or user_id)


def actor_text(recorded: RecordedEvent) -> str:
    """Who caused the event."""
    actor = recorded.event.actor
    if actor.operator is not None:
        return _("operator %(name)s", name=isolated(actor.operator))
    if actor.user_id is not None and actor.ticket_id is not None:
        return _("user %(user_id)s with a link", user_id=isolated(actor.user_id))
    if actor.user_id is not None:
        return _("user %(user_id)s", user_id=isolated(actor.user_id))
    return _("the app's backend") if actor.key_id is not None else _("the service")


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
    event = recorded.event
    if event.type in _PROBLEMS and not is_wait(event.data or {}):
        return "trouble"
    return KINDS.get(event.type.value.partition(".")[0], "other")
