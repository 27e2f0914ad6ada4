"""The access decision for one person at one session, looked up and made."""

from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessDecision,
    AccessSubject,
    Reason,
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


async def access(
    context: RequestContext, key: SessionKey, *, user_id: str | None, is_guest: bool = False
) -> AccessDecision:
    """May this person enter now? Without a `user_id` the question is about any guest.

    Nothing is changed; of somebody who waits to be let in, it is a sign that they still do.
    """
    entrance = await load_join_context(context.broker, key, user_id)
    decision = decide_access(
        entrance.access_context(context.app),
        person_of(context.app, entrance, is_guest=is_guest or user_id is None),
        context.now,
    )
    await refresh_waiting_entry(context.broker, entrance, decision, now=context.now)
    return decision


async def refresh_waiting_entry(
    broker: Broker, entrance: JoinContext, decision: AccessDecision, *, now: datetime
) -> None:
    """Write that somebody with an entry in the waiting room has given a sign, as far as they are kept there."""
    entry = entrance.entry
    if entry is None or not isinstance(decision, WaitDecision) or decision.reason is not Reason.WAITING_FOR_ADMISSION:
        return
    session = entrance.session
    async with broker.store.transaction() as transaction:
        await lobby.refresh_entry(transaction, session.key.app_id, session.id, entry.user_id, now=now)


async def load_join_context(broker: Broker, key: SessionKey, user_id: str | None) -> JoinContext:
    """The session as this person finds it. Raises `SessionNotFound`."""
    entrance = await broker.join_contexts.read(key, user_id)
    if entrance is None:
        raise session_not_found(key)
    return entrance


async def require_on_roster(broker: Broker, key: SessionKey, user_id: str) -> None:
    """Raise `SessionNotFound` for everybody who is not on the roster: to them the session does not exist."""
    entrance = await load_join_context(broker, key, user_id)
    if entrance.participant is None:
        raise session_not_found(key)


def session_not_found(key: SessionKey) -> SessionNotFound:
    """What is said of a session that does not exist, and of one that does not exist for whoever asks."""
    return SessionNotFound(f"This app has no {key.label}. Register it with PUT first.")


def person_of(app: App, entrance: JoinContext, *, is_guest: bool) -> AccessSubject:
    """Who it is that stands there."""
    participant = entrance.participant
    role = GUEST_ROLE if is_guest else participant.role if participant else None
    providers = select_providers(app, entrance.session)
    provider_role = app.provider_role(providers[0], role) if providers and role else None
    state = None if entrance.entry is None else entrance.entry.state
    return AccessSubject(
        role=role,
        provider_role=provider_role,
        is_guest=is_guest,
        removed=entrance.banned,
        admitted=state is EntryState.ADMITTED,
        denied=state is EntryState.DENIED,
    )


def denial(decision: WaitDecision | RefuseDecision, *, guest_id: str | None = None) -> AccessDenied:
    """The decision as an error; a guest who has to wait is told who they are, for the next time."""
    if isinstance(decision, RefuseDecision):
        return AccessDenied(explain_decision(decision), decision=decision)
    fields = {} if guest_id is None else {"guest_id": guest_id}
    return AccessDenied(explain_decision(decision), decision=decision, retry_after=decision.retry_after, **fields)
