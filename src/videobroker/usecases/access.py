"""Loads a session for one person and decides whether they may join it now."""

from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessDecision,
    AccessReason,
    AccessSubject,
    RefuseDecision,
    WaitDecision,
    decide_access,
    explain_decision,
)
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.join_context import JoinContext, select_providers
from videobroker.domain.lobby import EntryState
from videobroker.domain.sessions import SessionKey
from videobroker.errors import AccessDenied, SessionNotFound
from videobroker.storage.joining import lobby
from videobroker.usecases.context import RequestContext


async def check_access(
    context: RequestContext, key: SessionKey, *, user_id: str | None, is_guest: bool = False
) -> AccessDecision:
    """Whether this person may join now; without a `user_id`, whether any guest may.

    Changes no decision. For a person in the waiting room, it counts as a heartbeat. Raises `SessionNotFound`.
    """
    join_context = await load_join_context(context.broker, key, user_id)
    decision = decide_access(
        join_context.access_context(context.app),
        person_of(context.app, join_context, is_guest=is_guest or user_id is None),
        context.now,
    )
    await refresh_waiting_entry(context.broker, join_context, decision, now=context.now)
    return decision


async def refresh_waiting_entry(
    broker: Broker, join_context: JoinContext, decision: AccessDecision, *, now: datetime
) -> None:
    """Record a heartbeat for a person who waits for admission. Does nothing if they have no entry, or need not wait."""
    entry = join_context.entry
    if (
        entry is None
        or not isinstance(decision, WaitDecision)
        or decision.reason is not AccessReason.WAITING_FOR_ADMISSION
    ):
        return
    session = join_context.session
    async with broker.store.transaction(session.key.app_id) as unit_of_work:
        await lobby.refresh_entry(unit_of_work, session.key.app_id, session.id, entry.user_id, now=now)


async def load_join_context(broker: Broker, key: SessionKey, user_id: str | None) -> JoinContext:
    """Load the session with what it stores about this person, in one round trip. Raises `SessionNotFound`."""
    join_context = await broker.join_contexts.read(key, user_id)
    if join_context is None:
        raise session_not_found(key)
    return join_context


async def require_on_roster(broker: Broker, key: SessionKey, user_id: str) -> None:
    """Raise `SessionNotFound` unless the person is a participant, so that others cannot find out that it exists."""
    join_context = await load_join_context(broker, key, user_id)
    if join_context.participant is None:
        raise session_not_found(key)


def session_not_found(key: SessionKey) -> SessionNotFound:
    """One error for sessions that do not exist and for those that the actor may not see: they must not differ."""
    return SessionNotFound(f"This app has no {key.label}. Register it with PUT first.")


def person_of(app: App, join_context: JoinContext, *, is_guest: bool) -> AccessSubject:
    participant = join_context.participant
    role = GUEST_ROLE if is_guest else participant.role if participant else None
    providers = select_providers(app, join_context.session)
    provider_role = app.provider_role(providers[0], role) if providers and role else None
    state = None if join_context.entry is None else join_context.entry.state
    return AccessSubject(
        role=role,
        provider_role=provider_role,
        is_guest=is_guest,
        removed=join_context.banned,
        admitted=state is EntryState.ADMITTED,
        denied=state is EntryState.DENIED,
    )


def denial(decision: WaitDecision | RefuseDecision, *, guest_id: str | None = None) -> AccessDenied:
    """The error for a decision. A guest who has to wait gets their `guest_id` in it, to send with the next attempt."""
    if isinstance(decision, RefuseDecision):
        return AccessDenied(explain_decision(decision), decision=decision)
    fields = {} if guest_id is None else {"guest_id": guest_id}
    return AccessDenied(explain_decision(decision), decision=decision, retry_after=decision.retry_after, **fields)
