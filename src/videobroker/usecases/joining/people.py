"""The people of a session as its hosts see them: who is in the call, who is missing, and who is blocked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from videobroker.domain.authorization import Action
from videobroker.domain.events import EventType
from videobroker.domain.sessions import SessionKey
from videobroker.storage.calls import calls
from videobroker.storage.joining import people
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_in
from videobroker.usecases.context import RequestContext

MAX_LISTED_PARTICIPANTS = 500
MAX_LISTED_BLOCKED = 500

CHANGES_OF_PEOPLE = frozenset(
    {
        EventType.SESSION_UPDATED,
        EventType.PARTICIPANT_ADDED,
        EventType.PARTICIPANT_UPDATED,
        EventType.PARTICIPANT_DROPPED,
        EventType.PARTICIPANT_JOINED,
        EventType.PARTICIPANT_LEFT,
        EventType.PARTICIPANT_REMOVED,
        EventType.PARTICIPANT_READMITTED,
        EventType.ATTENDANCE_CORRECTED,
        EventType.ATTENDANCE_RECONCILED,
        EventType.CALL_STARTED,
        EventType.CALL_ENDED,
        EventType.PERSON_ERASED,
    }
)
"""The events after which `list_people` may return something else."""


class CallPresence(StrEnum):
    """Whether a person is in the call."""

    IN_CALL = "in_call"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """A call is running, but the provider has not reported on it yet."""


@dataclass(frozen=True, slots=True)
class SessionPerson:
    """A participant, or a guest who is in the call or blocked."""

    user_id: str
    display_name: str | None
    role: str | None
    """The app role; None for a person who is not a participant."""
    is_host: bool
    presence: CallPresence
    in_call_since: datetime | None
    is_blocked: bool


async def list_people(context: RequestContext, key: SessionKey) -> Sequence[SessionPerson]:
    """People in the call first, in the order of their arrival; then the others by user ID.

    Of absent people, the first `MAX_LISTED_PARTICIPANTS` participants. Raises `SessionNotFound`, `RoleMayNot`.
    """
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.VIEW_WAITING_ROOM)
        call = await calls.latest(unit_of_work, context.app.id, session.id)
        is_running = call is not None and call.ended_at is None
        has_evidence = call is not None and call.evidence_at is not None
        present = (
            await people.present_since(unit_of_work, context.app.id, call.id) if call is not None and is_running else {}
        )
        blocked = await people.blocked(unit_of_work, context.app.id, session.id, limit=MAX_LISTED_BLOCKED)
        listed = await people.participants_among(
            unit_of_work, context.app.id, session.id, {*present, *blocked}, limit=MAX_LISTED_PARTICIPANTS
        )
        registered = {each.user_id: each for each in listed}
        others = {*present, *blocked} - registered.keys()
        names = await people.guest_names(unit_of_work, context.app.id, session.id, others) if others else {}
    host_roles = context.app.policy_for(session.terms.policy).host_roles
    absent = CallPresence.UNKNOWN if is_running and not has_evidence else CallPresence.ABSENT
    found = [
        SessionPerson(
            user_id=user_id,
            display_name=participant.display_name if participant else names.get(user_id),
            role=participant.role if participant else None,
            is_host=participant is not None and participant.role in host_roles,
            presence=CallPresence.IN_CALL if user_id in present else absent,
            in_call_since=present.get(user_id),
            is_blocked=user_id in blocked,
        )
        for user_id in sorted({*registered, *others})
        for participant in [registered.get(user_id)]
    ]
    return sorted(found, key=lambda each: (each.in_call_since is None, each.in_call_since or context.now))
